"""`chargen eval`: how well a checkpoint predicts a text, without TensorFlow."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from chargen.checks import is_count
from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.display import printable
from chargen.errors import MissingTextError, TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import find_checkpoint, open_checkpoint
from chargen.runs.held_out import Part, find_part
from chargen.sampling.engine import Engine
from chargen.sampling.evaluate import Evaluation, evaluate
from chargen.text.reading import read_text
from chargen.text.sources import HELD_OUT, find_corpus, in_role

COLD_EVERY = 256
ROWS = (
    ("nats a character", "nats"),
    ("bits a character", "bits"),
    ("bits a UTF-8 byte", "bits_per_byte"),
    ("perplexity", "perplexity"),
)


@click.command("eval", cls=Command, short_help="Score how well a model predicts a text.")
@click.argument("checkpoint")
@click.argument("files", nargs=-1)
@click.option(
    "--part",
    type=click.Choice(HELD_OUT),
    help="Score this part of the text that CHECKPOINT was trained on; FILES are where to "
    "find it.  [default: validation, without FILES]",
)
@click.option(
    "--encoding",
    help="The encoding of FILES.  [default: UTF-8, or what a byte order mark says]",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def evaluate_command(
    checkpoint: str,
    files: tuple[str, ...],
    part: str | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Score how well CHECKPOINT predicts FILES, or what was held out in its training.

    FILES are text files or names of bundled texts.

    The loss is given twice: with carried state, as training validates (16 streams, each
    warmed on the 200 characters before it), and with a cold start, from a zero state
    every 256 characters. Characters that the model never saw are counted, and left out of
    the text: scored, they would make every loss infinite.

    \b
    chargen eval harbour-plays
    chargen eval novel letters.txt diary.txt
    chargen eval novel novel.txt --part test --json
    """
    if encoding is not None and (part is not None or not files):
        raise click.UsageError(
            "--encoding applies to FILES: what CHECKPOINT was trained on has its own"
        )
    with advice(checkpoint):
        found = open_checkpoint(checkpoint)
    paths = [find_corpus(name) for name in files]
    if files and part is None:
        parts = _texts(found, paths, encoding)
    else:
        part = part or "validation"
        parts = [_part(found, part, paths)]
    model = Engine.from_checkpoint(found)
    results = [_score(model, each) for each in parts]
    if as_json:
        about = {"checkpoint": str(find_checkpoint(checkpoint)), "step": found.step}
        texts = [_as_json(*result) for result in zip(parts, results, strict=True)]
        click.echo(json.dumps({**about, "texts": texts}, indent=2, allow_nan=False))
        return
    for each, result in zip(parts, results, strict=True):
        for line in _lines(each, *result):
            click.echo(printable(line))
    if part == "validation":
        for line in _measured_before(found, results[0][0]):
            click.echo(line)


def _measured_before(found: Checkpoint, scored: Evaluation) -> Iterator[str]:
    """Say what training measured on the validation part, or on some of it."""
    if found.validation_loss is not None:
        count = found.training.get("validation_characters")
        other = is_count(count) and count != scored.characters
        shown = f", on {count:,} of them" if other else ""
        yield f"training measured {found.validation_loss:.4f} nats{shown}"


def _texts(found: Checkpoint, paths: list[Path], encoding: str | None) -> list[Part]:
    """Read texts; stderr says if one of them is what the model learned from."""
    texts = [read_text(path, encoding=encoding) for path in paths]
    learned = in_role(found.corpus, "train")
    for text in texts:
        if learned is not None and text.sha256 == learned.sha256:
            note = f"note: the model was trained on {text.name}; of what it did not see"
            click.echo(printable(f"{note}, --part validation tells"), err=True)
    return [Part(text.name, text.characters) for text in texts]


def _part(found: Checkpoint, part: str, paths: list[Path]) -> Part:
    """Return what was held out in training; an error says how to name its file."""
    try:
        return find_part(found, part, paths)
    except MissingTextError as error:
        name = shlex.quote(error.name)
        raise TextError(
            f"{error}, as in chargen eval CHECKPOINT PATH/{name} --part {part}"
        ) from error


def _score(model: Engine, part: Part) -> tuple[Evaluation, Evaluation]:
    """Return the loss with carried state and with a cold start."""
    try:
        carried, cold = (
            evaluate(
                model,
                part.characters,
                context=part.context,
                cold_every=every,
                skip_unknown=True,
            )
            for every in (None, COLD_EVERY)
        )
    except ValueError as error:
        raise TextError(
            f"{printable(part.name)} has fewer than two characters that the model knows"
        ) from error
    return carried, cold


def _lines(part: Part, carried: Evaluation, cold: Evaluation) -> Iterator[str]:
    """Describe a score in words."""
    yield f"{part.name}: {carried.characters:,} characters scored"
    if carried.unknown:
        share = carried.unknown / len(part.characters)
        yield f"  {carried.unknown:,} ({share:.2%}) never seen by the model and left out"
    yield f"  {'':<20}{'carried':>12}{f'cold ({COLD_EVERY})':>12}"
    for name, value in ROWS:
        yield f"  {name:<20}{getattr(carried, value):>12.4f}{getattr(cold, value):>12.4f}"


def _values(scored: Evaluation) -> dict[str, float | None]:
    """Return the values of `ROWS`; None for infinity, which JSON does not have."""
    found = {value: getattr(scored, value) for _, value in ROWS}
    return {name: x if math.isfinite(x) else None for name, x in found.items()}


def _as_json(part: Part, scored: tuple[Evaluation, Evaluation]) -> dict[str, Any]:
    carried, cold = scored
    return {
        "text": part.name,
        "characters": carried.characters,
        "utf8_bytes": carried.utf8_bytes,
        "unknown": carried.unknown,
        "carried": _values(carried),
        "cold": {"every": COLD_EVERY, **_values(cold)},
    }
