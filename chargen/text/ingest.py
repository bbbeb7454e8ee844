"""From files to codes: what a user names is read, prepared and divided into items, once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from chargen.errors import DecodingError
from chargen.text.documents import Item, split_items
from chargen.text.encoded import IN_MEMORY, Encoded, Encoder, ReadFile
from chargen.text.lists import looks_like_a_list
from chargen.text.policy import LABEL_END, Reading, TextPolicy
from chargen.text.reading import TextFile, read_blocks
from chargen.text.sources import Input
from chargen.text.store import key_of, new_store, open_codes, open_store, publish

HEAD = 2**22
"""Characters from which it is told whether a text is a list."""


def files_of(inputs: Sequence[Input]) -> list[Path]:
    """Return the files of inputs, in order."""
    return [file for each in inputs for file in each.files]


def is_a_list(inputs: Sequence[Input], reading: Reading) -> bool:
    """Whether the text is plainly a list of items, one a line, judged by its beginning."""
    paths = files_of(inputs)
    blocks = chain.from_iterable(
        read_blocks(TextFile(path), encoding=reading.encoding, policy=reading.policy())
        for path in paths
    )
    head, length = [], 0
    with _explained(len(paths)):
        for block in blocks:
            head.append(block)
            length += len(block)
            if length >= HEAD:
                break
    return looks_like_a_list("".join(head)[:HEAD])


def encode(inputs: Sequence[Input], reading: Reading, cache: Path | None = None) -> Encoded:
    """Return the text of some files as codes; files follow each other line by line.

    Args:
        inputs: what to read, in order. Between two files stands a newline, if the first
            does not end with one.
        reading: how to read it.
        cache: the folder where the codes of a large text are kept; None for no such place.

    Raises:
        TextError: a file cannot be read or decoded, or the items cannot be told apart.
    """
    paths = files_of(inputs)
    passing = any(each.passing for each in inputs)
    if cache is None or passing or _size(paths) < IN_MEMORY:
        return _encoded(paths, reading, Encoder())
    how = dataclasses.asdict(reading)
    del how["backward"]  # the codes are the same
    key = key_of(paths, how)
    found = open_store(cache, key, paths)
    if found is not None:
        return found
    with new_store(cache, key) as folder:

        def open_file() -> BinaryIO:
            return open_codes(folder)

        encoded = _encoded(paths, reading, Encoder(open_file))
        if encoded.on_disk:
            return publish(folder, cache, key, encoded)
        return encoded


def _size(paths: Sequence[Path]) -> int:
    """Return the bytes of files; those that cannot be looked at fail when they are read."""
    total = 0
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            total += os.stat(path).st_size
    return total


@contextlib.contextmanager
def _explained(files: int) -> Iterator[None]:
    """Where one of several files cannot be decoded, say what may be the matter."""
    try:
        yield
    except DecodingError as error:
        if files == 1:
            raise
        raise DecodingError(
            f"{error}. If the files are in several encodings: `encoding='auto'` finds out "
            "that of each"
        ) from error


def _encoded(paths: Sequence[Path], reading: Reading, encoder: Encoder) -> Encoded:
    files, skipped = [], 0
    with contextlib.ExitStack() as unless_finished:
        unless_finished.callback(encoder.close)
        for path in paths:
            file = TextFile(path)
            with _explained(len(paths)):
                if reading.documents in (None, "none"):
                    _encode_running(file, reading, encoder)
                else:
                    skipped += _encode_items(file, reading, encoder)
            files.append(_read(file))
        encoded = encoder.finish(files, skipped=skipped)
        unless_finished.pop_all()
        return encoded


def _encode_running(file: TextFile, reading: Reading, encoder: Encoder) -> None:
    """Encode a file after a newline, if the file before does not end with one."""
    begun = not encoder.length or encoder.last == "\n"
    blocks = read_blocks(file, encoding=reading.encoding, policy=reading.policy())
    for block in filter(None, blocks):
        encoder.add(block if begun else f"\n{block}")
        begun = True


def _encode_items(file: TextFile, reading: Reading, encoder: Encoder) -> int:
    """Encode the items of a file; return how many of its rows held none."""
    items = items_of(file, reading)
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            return int(end.value)
        encoder.add_item(labelled(item, reading), item.group)


def items_of(file: TextFile, reading: Reading) -> Generator[Item, None, int]:
    """Yield the items of a file; the generator's value is how many rows held none.

    Raises:
        TextError: see `encode`.
    """
    policy = reading.policy()
    table = reading.documents == "column"
    raw = TextPolicy(newlines="keep") if table else policy
    with contextlib.closing(
        read_blocks(file, encoding=reading.encoding, policy=raw)
    ) as blocks:  # closed even where an item is wrong and its error is kept
        return (
            yield from split_items(
                blocks,
                reading.documents or "none",
                name=file.name,
                column=reading.column,
                label=reading.label,
                group_by=reading.group_by,
                prepare=policy.prepare,
            )
        )


def labelled(item: Item, reading: Reading) -> str:
    """Return an item as it is learned: after its label, if there are labels."""
    return item.text if reading.label is None else item.label + LABEL_END + item.text


def _read(file: TextFile) -> ReadFile:
    """Return what is known of a file that has been read."""
    return ReadFile(
        path=os.path.abspath(file.path),
        encoding=file.encoding,
        sureness=file.sureness,
        size=file.size,
        modified=file.modified,
        sha256=file.sha256,
    )
