"""`chargen eval`: how well a checkpoint predicts a text, without TensorFlow."""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from chargen.checks import is_count
from chargen.cli.command import Command
from chargen.cli.mix import Mix, mix_of, mix_options, open_models
from chargen.cli.report import REPORTS, report, report_options
from chargen.display import printable
from chargen.errors import MissingTextError, TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import find_checkpoint
from chargen.runs.held_out import HeldOut, find_part, reading_of
from chargen.sampling.blend import How
from chargen.sampling.copied import Copied, copied
from chargen.sampling.evaluate import Evaluation, evaluate_part
from chargen.sampling.model import Model
from chargen.text.corpus import scorable
from chargen.text.counts import ORDER, counted_nats
from chargen.text.ingest import encode
from chargen.text.parts import Plain
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
@click.argument("checkpoint", required=False)
@click.argument("files", nargs=-1)
@mix_options()
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
    checkpoint: str | None,
    files: tuple[str, ...],
    mix: tuple[str, ...],
    mix_how: How | None,
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
    chargen eval --mix novel --mix novel-2
    chargen eval names --items --corpus names.txt
    chargen eval service service.log --lines --sort
    """
    mixed = mix_of(mix, how=mix_how)
    if mixed is not None and checkpoint is not None:
        files = (checkpoint, *files)
    if encoding is not None and (part is not None or not files):
        raise click.UsageError(
            "--encoding applies to FILES: what CHECKPOINT was trained on has its own"
        )
    scorer = _open(checkpoint, mixed)
    if report(scorer.first):
        return
    part = part or (None if files else "validation")
    parts = _parts(scorer, files, part, encoding)
    results = [_score(scorer.model, each) for each in parts]
    beside = [_beside(scorer.model, each) for each in parts]
    if as_json:
        _show_json(scorer.to_dict(), parts, results, beside)
        return
    _show(scorer, parts, results, beside)
    if part == "validation":
        _show_measured_before(scorer, results[0][0])


@dataclass(frozen=True)
class Scorer:
    """What scores texts: a checkpoint, or several together.

    Attributes:
        found: the checkpoints, by name. The first says how texts are read and which are
            held out.
        mixed: how several are mixed; None for one.
        model: the model that they are.
    """

    found: dict[str, Checkpoint]
    mixed: Mix | None
    model: Model

    @property
    def first(self) -> Checkpoint:
        """The first checkpoint."""
        return next(iter(self.found.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON says of it."""
        each = [
            {"checkpoint": str(find_checkpoint(name)), "step": checkpoint.step}
            for name, checkpoint in self.found.items()
        ]
        if self.mixed is None:
            return each[0]
        return {"checkpoints": each, **self.mixed.to_dict()}


def _open(checkpoint: str | None, mixed: Mix | None) -> Scorer:
    """Read the checkpoints that are asked for."""
    given = click.get_current_context().params
    for name in REPORTS if mixed is not None else ():
        if given[name]:
            raise click.UsageError(f"--{name} reports on one CHECKPOINT, not on a mix")
    found, model = open_models(checkpoint, mixed)
    return Scorer(found, mixed, model)


def _show_measured_before(scorer: Scorer, scored: Evaluation) -> None:
    """Say what training measured on the validation part, or on some of it."""
    found = scorer.first
    if scorer.mixed is None and found.validation_loss is not None:
        count = found.training.get("validation_characters")
        other = is_count(count) and count != scored.characters
        shown = f", on {count:,} of them" if other else ""
        click.echo(f"training measured {found.validation_loss:.4f} nats{shown}")


def _parts(
    scorer: Scorer, files: tuple[str, ...], part: str | None, encoding: str | None
) -> list[HeldOut]:
    """Return what is scored: texts or, where `part` names one, what was held out."""
    if part is None:
        return list(_texts(scorer, files, encoding))
    return [_part(scorer, part, files)]


def _texts(
    scorer: Scorer, files: tuple[str, ...], encoding: str | None
) -> Iterator[HeldOut]:
    """Read texts; stderr says if one of them is what a checkpoint learned from."""
    model, reading = scorer.model, replace(reading_of(scorer.first), encoding=encoding)
    learned = {
        source.sha256: "the model" if scorer.mixed is None else name
        for name, found in scorer.found.items()
        for source in in_role(found.corpus, "train")
    }
    for name in files:
        (text,) = find_inputs([name])
        encoded = encode([text], reading, default_cache())
        who = learned.get(text.source("train", encoded.files).sha256)
        if who is not None:
            note = f"note: {who} was trained on {text.name}; of what it did not see"
            click.echo(printable(f"{note}, --part validation tells"), err=True)
        backward = model.policy.backward
        part, context, unknown = scorable(encoded, model.vocabulary, backward=backward)
        yield HeldOut(text.name, part, context, unknown)


def _part(scorer: Scorer, part: str, files: tuple[str, ...]) -> HeldOut:
    """Return what was held out in training; an error says how to name its file.

    Of several checkpoints, that is the first one's training; stderr names those that
    learned from some of it.
    """
    first, mixed = scorer.first, scorer.mixed
    for name, found in scorer.found.items():
        if _learned(found, first, part):
            note = f"note: {name} learned from some of what is scored"
            click.echo(printable(note), err=True)
    read = replace(first, vocabulary=scorer.model.vocabulary)
    try:
        return find_part(read, part, files, cache=default_cache())
    except MissingTextError as error:
        words = [*scorer.found] if mixed is None else mixed.words
        at = STANDARD_INPUT if error.name == STDIN else str(Path("PATH", error.name))
        command = shlex.join(["chargen", "eval", *words, at, "--part", part])
        raise TextError(f"{error}, as in {command}") from error


def _learned(found: Checkpoint, first: Checkpoint, part: str) -> bool:
    """Whether a checkpoint learned from some of what was held out in another training."""
    own = in_role(first.corpus, part)
    held = {source.sha256 for source in own or in_role(first.corpus, "train")}
    if not held & {source.sha256 for source in in_role(found.corpus, "train")}:
        return False
    return bool(own) or any(
        found.training.get(role) != first.training.get(role) for role in HELD_OUT
    )


def _score(model: Model, held: HeldOut) -> tuple[Evaluation, Evaluation]:
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


def _show(
    scorer: Scorer,
    parts: list[HeldOut],
    results: list[tuple[Evaluation, Evaluation]],
    beside: list[Beside],
) -> None:
    """Print scores in words."""
    if scorer.mixed is not None:
        click.echo(printable(str(scorer.mixed)))
    for part, result, known in zip(parts, results, beside, strict=True):
        for line in (*_lines(part, scorer.model, *result), *_beside_in_words(known)):
            click.echo(printable(line))


def _lines(
    part: HeldOut, model: Model, carried: Evaluation, cold: Evaluation
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


def _characters(held: HeldOut, model: Model) -> int:
    """Return how many characters a text has, with those that were left out."""
    left_out = held.unknown if model.vocabulary.unknown is None else 0
    return len(held.part) + left_out


Beside = tuple[float | None, Copied] | None
"""What counting the training part makes of a text, and how much of it is copied; None where
the training part is not at hand."""


def _beside(model: Model, held: HeldOut) -> Beside:
    if held.train is None:
        return None
    size, context = len(model.vocabulary), Plain(held.context)
    counted = counted_nats(held.train, held.part, size, context=context)
    return counted, copied(model, held.train)


def _beside_in_words(beside: Beside) -> Iterator[str]:
    if beside is not None:
        if beside[0] is not None:
            yield f"counting strings of up to {ORDER} characters needs {beside[0]:.4f} nats"
        yield str(beside[1])


def _beside_as_json(beside: Beside) -> dict[str, Any]:
    if beside is None:
        return {}
    return {"counted": beside[0], "copied": asdict(beside[1])}


def _show_json(
    about: dict[str, Any],
    parts: list[HeldOut],
    results: list[tuple[Evaluation, Evaluation]],
    beside: list[Beside],
) -> None:
    texts = [
        {**_as_json(part, scored), **_beside_as_json(known)}
        for part, scored, known in zip(parts, results, beside, strict=True)
    ]
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
