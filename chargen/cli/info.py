"""`chargen info`: what checkpoints say of themselves, in words or side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import click

from chargen.checks import is_count
from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.display import one_line
from chargen.model.cells import CELLS
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import find_checkpoint, open_checkpoint
from chargen.runs.run import Run
from chargen.training.verdict import describe_loss

MOST = 5_000  # characters of a line: a stranger's file may be sound and its strings long
CELL = 40
MARKS = {"end": "the end of an item", "unknown": "rare characters"}


@click.command(cls=Command, short_help="Describe checkpoints, or compare them.")
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@click.option("--json", "as_json", is_flag=True, help="Write everything, as a JSON list.")
def info(checkpoints: tuple[str, ...], as_json: bool) -> None:
    """Describe CHECKPOINT: the model, what it learned from, how, and how well.

    With several, a table shows how they differ.

    \b
    chargen info harbour-plays
    chargen info novel novel/latest novel-2
    """
    read: list[Checkpoint] = []
    for name in checkpoints:
        with advice(name):
            read.append(open_checkpoint(name))
    if as_json:
        every = [
            {"checkpoint": str(find_checkpoint(name)), **facts(found)}
            for name, found in zip(checkpoints, read, strict=True)
        ]
        click.echo(json.dumps(every, indent=2))  # ASCII: safe for a terminal
        return
    if len(read) > 1:
        for line in differences(list(checkpoints), read):
            click.echo(line)
        return
    path = find_checkpoint(checkpoints[0])
    which = ", its best step" if Run(path).exists() else ""
    click.echo(one_line(f"{'checkpoint':<12}{path}{which}"))
    for name, value in describe(read[0]):
        line = f"{name:<12}{value}"
        click.echo(one_line(line[:MOST]))  # so that a corpus's name cannot add a row


def facts(found: Checkpoint) -> dict[str, Any]:
    """Return all that a checkpoint says of itself, by name."""
    return {
        "chargen": found.chargen,
        **found.model.to_dict(),
        "parameters": found.model.parameters(len(found.vocabulary)),
        "corpus": [source.to_dict() for source in found.corpus],
        "text": dataclasses.asdict(found.text),
        "marks": found.vocabulary.marks,
        "step": found.step,
        "epoch": found.epoch,
        "seconds": found.seconds,
        "losses": {"train": found.train_loss, "validation": found.validation_loss},
        "training": dict(found.training),
        "vocabulary": list(found.vocabulary.characters),
        "files": dict(found.files),
    }


def differences(names: list[str], read: list[Checkpoint]) -> Iterator[str]:
    """Describe several checkpoints side by side: the rows in which they differ."""
    from rich.cells import cell_len  # a Chinese character is two columns wide

    columns = [dict(_cells(found)) for found in read]
    rows = [("", [_cell(name) for name in names])]
    for what in dict.fromkeys(name for column in columns for name in column):
        values = [column.get(what, "-") for column in columns]
        if len(set(values)) > 1:
            rows.append((_cell(what), [_cell(value) for value in values]))
    if len(rows) == 1:
        yield "nothing differs"
        return
    first = max(len(what) for what, _ in rows)
    widths = [max(cell_len(values[i]) for _, values in rows) for i in range(len(read))]
    for what, values in rows:
        pairs = zip(values, widths, strict=True)
        cells = (" " * (width - cell_len(value)) + value for value, width in pairs)
        yield f"{what:<{first}}  " + "  ".join(cells)


def _cell(text: str) -> str:
    return one_line(text if len(text) <= CELL else text[: CELL - 1] + "…")


def _cells(found: Checkpoint) -> Iterator[tuple[str, str]]:
    """Yield (what, value) for everything that fits into a column."""
    said = facts(found)
    for name in ("validation", "train"):
        loss = said["losses"][name]
        yield f"{name} loss", "-" if loss is None else f"{loss:.4f}"
    yield "corpus", ", ".join(source.name for source in found.corpus)
    yield "direction", found.text.direction
    yield "SHA-256", ", ".join(source.sha256[:12] for source in found.corpus)
    yield "vocabulary", f"{len(found.vocabulary):,}"
    yield "parameters", f"{said['parameters']:,}"
    for name in (*found.model.to_dict(), "step", "chargen"):
        yield name, str(said[name])
    yield "passes", f"{found.epoch:.1f}"
    yield "time", f"{found.seconds:.0f} s"
    for name, value in found.training.items():
        yield name, _value(value)


def describe(found: Checkpoint) -> list[tuple[str, str]]:
    """Return (what, value) for everything that a checkpoint says of itself."""
    model, size = found.model, len(found.vocabulary)
    rows = [
        (
            "model",
            f"{model.layers} × {CELLS[model.cell].keras} of {model.units} units, "
            f"embedding {model.embedding_size}{', tied' * model.tied}, "
            f"dropout {model.dropout:g}, {model.parameters(size):,} parameters",
        )
    ]
    for source in found.corpus:
        role = "corpus" if source.role == "train" else source.role
        count = "" if source.files is None else f"{source.files:,} files, "
        what = f"{source.name}, {count}{source.size:,} bytes, {found.text.encoding}"
        rows += [(role, what), ("", f"SHA-256 {source.sha256}")]
    if found.text.documents != "none":
        rows.append(("items", found.text.documents))
    if found.text.backward:
        rows.append(("direction", "backward: it reads and writes a text from its end"))
    different = len(found.vocabulary.characters)
    marks = "".join(f", a mark for {MARKS[mark]}" for mark in found.vocabulary.marks)
    rows.append(("vocabulary", f"{different:,} characters{marks}: {_shown(found)}"))
    rows.append(
        (
            "trained",
            f"{found.step:,} steps, {found.epoch:.1f} passes over the text, "
            f"{found.seconds:.0f} seconds, by chargen {found.chargen}",
        )
    )
    for name, loss in (
        ("train", found.train_loss),
        ("validation", found.validation_loss),
    ):
        value = "not measured"
        if loss is not None:
            value = describe_loss(loss)
        scored = found.training.get("validation_characters")
        if name == "validation" and loss is not None and is_count(scored):
            value += f", on {scored:,} characters"
        rows.append((name, value))
    settings = (f"{name} {_value(value)}" for name, value in found.training.items())
    rows.append(("settings", ", ".join(settings)))
    files = (f"{name}, {size:,} bytes" for name, size in found.files.items())
    rows.append(("files", "; ".join(files)))
    return rows


def _value(value: object) -> str:
    return ascii(value) if isinstance(value, str) and not value.strip() else str(value)


def _shown(found: Checkpoint) -> str:
    characters = found.vocabulary.characters
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in characters[:60])
    return shown + (" …" if len(characters) > 60 else "")
