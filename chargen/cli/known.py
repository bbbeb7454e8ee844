"""What a model learned from, read again, or as its run remembers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from chargen.errors import TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import find_checkpoint
from chargen.runs.held_out import reading_of
from chargen.runs.items import has_items, read_items
from chargen.runs.run import POINTERS, is_step
from chargen.sampling.items import TrainingItems
from chargen.text.documents import is_table
from chargen.text.ingest import files_of, items_of
from chargen.text.reading import TextFile, read_blocks
from chargen.text.sources import find_inputs

HOW = "give the training text with --corpus FILE, or train with --remember-items"
"""How a user makes known what a model learned from."""


def known_items(
    name: str, checkpoint: Checkpoint, corpus: Sequence[str]
) -> TrainingItems | None:
    """Return what is known of the items that a model learned from.

    Args:
        name: the path or the name of the checkpoint.
        checkpoint: what it holds; a model of items.
        corpus: files and folders, or names of bundled texts, to read the items from. If
            there are none, the run is asked.

    Returns:
        None if there is no corpus and the run remembers nothing.
    """
    if corpus:
        items = TrainingItems.of(_items(checkpoint, corpus))
        if not items.hashes.size:
            raise TextError(f"there are no items in {', '.join(corpus)}")
        return items
    folder = _run_folder(find_checkpoint(name))
    return TrainingItems(read_items(folder)) if has_items(folder) else None


def corpus_blocks(found: Checkpoint, names: Sequence[str]) -> Iterator[Iterable[str]]:
    """Yield each text of a corpus in blocks, prepared as the model's corpus was.

    A file is a text; of a table whose column the model learned from, each item is one.

    Args:
        found: the model.
        names: files and folders, or names of bundled texts.

    Raises:
        TextError: there is nothing in them, or a file cannot be found, read or decoded.
    """
    empty = True
    for text in _texts(found, names):
        blocks = iter(text)
        first = next(blocks, None)
        if first is not None:
            empty = False
            yield chain([first], blocks)
    if empty:
        raise TextError(f"there is no text in {', '.join(names)}")


def corpus_record(names: Sequence[str]) -> list[dict[str, str]]:
    """Return the names and the hashes of a corpus's files, for JSON."""
    found = []
    for path in files_of(find_inputs(names)):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append({"name": path.name, "sha256": digest})
    return found


def _texts(found: Checkpoint, names: Sequence[str]) -> Iterator[Iterable[str]]:
    """Yield the texts of a corpus, even if there is nothing in them."""
    reading = reading_of(found)
    if reading.column is not None:
        yield from ([item] for item in _items(found, names))
        return
    for path in files_of(find_inputs(names)):
        yield read_blocks(TextFile(path), encoding=reading.encoding, policy=found.text)


def _run_folder(path: Path) -> Path:
    """Return the folder of the run that a run, a step or a pointer belongs to."""
    return path.parent if path.name in POINTERS or is_step(path) else path


def _items(checkpoint: Checkpoint, corpus: Sequence[str]) -> Iterator[str]:
    """Yield the items of texts, without their labels, as the model's corpus was read."""
    reading = reading_of(checkpoint)
    lines = replace(reading, documents="lines", column=None, label=None, group_by=None)
    for path in files_of(find_inputs(corpus)):
        plain = reading.column is not None and not is_table(path.name)
        how = lines if plain else reading
        yield from (item.text for item in items_of(TextFile(path), how))
