"""`chargen eval --lines`: what each line of a text costs a model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from chargen.cli.output import until_closed, write_text
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.held_out import reading_of
from chargen.sampling.engine import Engine
from chargen.sampling.lines import LineScore, score_lines
from chargen.text.documents import is_table
from chargen.text.ingest import items_of, labelled
from chargen.text.reading import TextFile, read_blocks


def report_lines(
    found: Checkpoint, path: Path, *, encoding: str | None, sort: bool, as_json: bool
) -> None:
    """Print the nats of each line of a text, its number and the line itself.

    Of a table, if the model learned a column of one, these are the items in that column.

    Args:
        found: the model.
        path: the text.
        encoding: its encoding; None for UTF-8, or for what a byte order mark says.
        sort: whether the lines that cost most a character come first, rather than in order.
        as_json: whether to print a JSON object a line instead of columns.
    """
    model = Engine.from_checkpoint(found)
    if found.text.documents == "column" and is_table(path.name):
        reading = replace(reading_of(found), encoding=encoding)
        items = items_of(TextFile(path), reading)
        lines: Iterable[str] = (labelled(item, reading) for item in items)
    else:
        blocks = read_blocks(TextFile(path), encoding=encoding, policy=model.policy)
        lines = _lines(blocks)
    scores: Iterable[LineScore] = score_lines(model, lines)
    if sort:
        scores = sorted(scores, key=lambda score: score.nats_each, reverse=True)
    unknown = 0
    with until_closed():
        for score in scores:
            unknown += score.unknown
            write_text([_json(score) if as_json else _row(score)])
    if unknown:
        where = "left out" if model.vocabulary.unknown is None else "taken for rare ones"
        note = f"note: {unknown:,} characters that the model never saw were {where}"
        click.echo(note, err=True)


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text, without their newlines."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from lines
    if rest:
        yield rest


def _row(score: LineScore) -> str:
    return f"{score.nats:.4f}\t{score.nats_each:.4f}\t{score.number}\t{score.text}"


def _json(score: LineScore) -> str:
    """Return a JSON object on one line; null for what is not finite."""
    nats = {"nats": score.nats, "nats_a_character": score.nats_each}
    return json.dumps(
        {
            "line": score.number,
            **{name: x if math.isfinite(x) else None for name, x in nats.items()},
            "scored": score.count,
            "unknown": score.unknown,
            "text": score.text,
        }
    )
