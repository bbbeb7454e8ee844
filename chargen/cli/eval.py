"""`chargen eval`: how well a checkpoint predicts a text, without TensorFlow."""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from chargen.checks import is_count
from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.cli.report import report, report_options
from chargen.display import printable
from chargen.errors import MissingTextError, TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import find_checkpoint, open_checkpoint
from chargen.runs.held_out import HeldOut, find_part, reading_of
from chargen.sampling.engine import Engine
from chargen.sampling.evaluate import Evaluation, evaluate_part
from chargen.text.corpus import scorable
from chargen.text.ingest import encode
from chargen.text.sources import HELD_OUT, STANDARD_INPUT, STDIN, find_inputs, in_role
from chargen.text.store import default_cache

COLD_EVERY = 256
LONG = 200_000  # characters from which on a progress bar is shown
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
@report_options
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def evaluate_command(
    checkpoint: str,
    files: tuple[str, ...],
    part: str | None,
    encoding: str | None,
    as_json: bool,
    **_: Any,
) -> None:
    """Score how well CHECKPOINT predicts FILES, or what was held out in its training.

    FILES are text files or names of bundled texts. The loss is given twice: with carried
    state, as training validates (16 streams, each warmed on the 200 characters before it),
    and with a cold start, from a zero state every 256 characters. Characters that the
    model never saw are counted, and left out or, where it has a mark for them, scored.

    \b
    chargen eval harbour-plays
    chargen eval novel novel.txt --part test --json
    chargen eval names --items --corpus names.txt
    chargen eval service service.log --lines --sort
    """
    if encoding is not None and (part is not None or not files):
        raise click.UsageError(
            "--encoding applies to FILES: what CHECKPOINT was trained on has its own"
        )
    with advice(checkpoint):
        found = open_checkpoint(checkpoint)
    if report(found):
        return
    if files and part is None:
        parts = list(_texts(found, files, encoding))
    else:
        part = part or "validation"
        parts = [_part(checkpoint, found, part, files)]
    model = Engine.from_checkpoint(found)
    results = [_score(model, each) for each in parts]
    if as_json:
        about = {"checkpoint": str(find_checkpoint(checkpoint)), "step": found.step}
        _show_json(about, parts, results)
        return
    for each, result in zip(parts, results, strict=True):
        _show(each, model, *result)
    if part == "validation":
        _show_measured_before(found, results[0][0])


def _show_measured_before(found: Checkpoint, scored: Evaluation) -> None:
    """Say what training measured on the validation part, or on some of it."""
    if found.validation_loss is not None:
        count = found.training.get("validation_characters")
        other = is_count(count) and count != scored.characters
        shown = f", on {count:,} of them" if other else ""
        click.echo(f"training measured {found.validation_loss:.4f} nats{shown}")


def _texts(
    found: Checkpoint, files: tuple[str, ...], encoding: str | None
) -> Iterator[HeldOut]:
    """Read texts; stderr says if one of them is what the model learned from."""
    reading = replace(reading_of(found), encoding=encoding)
    learned = {source.sha256 for source in in_role(found.corpus, "train")}
    for name in files:
        (text,) = find_inputs([name])
        encoded = encode([text], reading, default_cache())
        if text.source("train", encoded.files).sha256 in learned:
            note = f"note: the model was trained on {text.name}; of what it did not see"
            click.echo(printable(f"{note}, --part validation tells"), err=True)
        part, context, unknown = scorable(encoded, found.vocabulary)
        yield HeldOut(text.name, part, context, unknown)


def _part(name: str, found: Checkpoint, part: str, files: tuple[str, ...]) -> HeldOut:
    """Return what was held out in training; an error says how to name its file."""
    try:
        return find_part(found, part, files, cache=default_cache())
    except MissingTextError as error:
        words = ["chargen", "eval", name, str(Path("PATH", error.name)), "--part", part]
        if error.name == STDIN:
            words[3] = STANDARD_INPUT
        raise TextError(f"{error}, as in {shlex.join(words)}") from error


def _score(model: Engine, held: HeldOut) -> tuple[Evaluation, Evaluation]:
    """Return the loss with carried state and with a cold start."""
    length = 2 * len(held.part)
    bar = click.progressbar(length=length, label="scoring", file=sys.stderr, width=30)
    try:
        with bar if length > LONG else contextlib.nullcontext() as shown:
            carried, cold = (
                evaluate_part(
                    model,
                    held.part,
                    held.context,
                    cold_every=every,
                    unknown=held.unknown,
                    tell=shown.update if shown is not None else lambda characters: None,
                )
                for every in (None, COLD_EVERY)
            )
    except ValueError as error:
        raise TextError(
            f"{printable(held.name)} has fewer than two characters that the model knows"
        ) from error
    return carried, cold


def _show(part: HeldOut, model: Engine, carried: Evaluation, cold: Evaluation) -> None:
    """Print a score in words."""
    for line in _lines(part, model, carried, cold):
        click.echo(printable(line))


def _lines(
    part: HeldOut, model: Engine, carried: Evaluation, cold: Evaluation
) -> Iterator[str]:
    """Describe a score in words."""
    yield f"{part.name}: {carried.characters:,} characters scored"
    if carried.unknown:
        share = carried.unknown / _characters(part, model)
        how = "left out" if model.vocabulary.unknown is None else "taken for rare ones"
        yield f"  {carried.unknown:,} ({share:.2%}) never seen by the model and {how}"
    yield f"  {'':<20}{'carried':>12}{f'cold ({COLD_EVERY})':>12}"
    for name, value in ROWS:
        yield f"  {name:<20}{getattr(carried, value):>12.4f}{getattr(cold, value):>12.4f}"


def _characters(held: HeldOut, model: Engine) -> int:
    """Return how many characters a text has, with those that were left out."""
    left_out = held.unknown if model.vocabulary.unknown is None else 0
    return len(held.part) + left_out


def _show_json(
    about: dict[str, Any],
    parts: list[HeldOut],
    results: list[tuple[Evaluation, Evaluation]],
) -> None:
    texts = [_as_json(*result) for result in zip(parts, results, strict=True)]
    click.echo(json.dumps({**about, "texts": texts}, indent=2, allow_nan=False))


def _values(scored: Evaluation) -> dict[str, float | None]:
    """Return the values of `ROWS`; None for infinity, which JSON does not have."""
    found = {value: getattr(scored, value) for _, value in ROWS}
    return {name: x if math.isfinite(x) else None for name, x in found.items()}


def _as_json(part: HeldOut, scored: tuple[Evaluation, Evaluation]) -> dict[str, Any]:
    carried, cold = scored
    return {
        "text": part.name,
        "characters": carried.characters,
        "utf8_bytes": carried.utf8_bytes,
        "unknown": carried.unknown,
        "carried": _values(carried),
        "cold": {"every": COLD_EVERY, **_values(cold)},
    }
