"""Texts that are made of items: cutting a file into them, and dividing them into parts.

An item is a whole line, a block between blank lines, a file, or one value of a column. What
is kept in memory at a time is one item and one block of the file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from chargen.display import suggestion
from chargen.errors import TextError
from chargen.text.policy import LABEL_END
from chargen.text.sources import COMPRESSED

MAX_ITEM = 2**26
"""Characters of an item, or of a field of a table; one that is longer is a mistake."""

LISTED_COLUMNS = 20
"""Columns that a message lists."""

MAX_COLUMNS = 1_000
"""Columns that are remembered of objects which lack the one that is wanted."""

TABLES = {".csv": ",", ".tsv": "\t", ".jsonl": None, ".ndjson": None}
"""The endings of tables, and what separates their fields; None for one object a line."""

Hashes = npt.NDArray[np.uint64]
Row = tuple[int, tuple[str | None, ...]]
"""The line that a row begins at, and its values in the columns that are wanted."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_LABEL_SPACES = str.maketrans("\t\n\r", "   ")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a text.

    Attributes:
        text: its characters; not all of them are white space.
        label: what it is labelled with, without tabs and newlines; "" for nothing.
        group: what decides on its part; items of one group are in the same part.
    """

    text: str
    label: str
    group: str


def split_items(
    blocks: Iterable[str],
    documents: str,
    *,
    name: str,
    column: str | None,
    label: str | None,
    group_by: str | None,
    prepare: Callable[[str], str] = str,
) -> Generator[Item, None, int]:
    """Yield the items of one file; the generator's value is how many rows had none.

    Args:
        blocks: the file's characters, cut anywhere. A table comes as it was decoded:
            preparing it might change its quotes. Other texts come prepared.
        documents: "lines", "blank-lines", "files" or "column".
        name: the file's name, which says what kind of table it is, and for messages.
        column: for a table, the column that holds the items.
        label: the column that holds their labels, if they have any.
        group_by: the column of what decides on an item's part; None for the item and its
            label. A row with nothing there is decided by them, too.
        prepare: prepares the values of a table.

    Raises:
        TextError: an item is too long, or a table is malformed or lacks a column.
    """
    if documents == "column":
        wanted = (column, label, group_by)
        return (yield from _items_of_rows(_rows(blocks, name, wanted), prepare))
    cut = {"lines": _lines, "blank-lines": _paragraphs, "files": _whole}[documents]
    for text in cut(blocks, name):
        if text and not text.isspace():
            yield Item(text, "", text)
    return 0


def item_hash(text: str) -> int:
    """Return the hash of a text, in [0, 2⁶⁴); the same on every machine."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def parts_of(hashes: Hashes, validation: float, test: float) -> npt.NDArray[np.uint8]:
    """Return the part of each item: 0 for train, 1 for validation, 2 for test; uint8 (n,).

    Only an item's own hash decides, whatever its place and the other items: the lowest
    hashes are for test, the next for validation. If that leaves a part empty which should
    not be, as happens with few items, the hashes next to it move there.

    Args:
        hashes: what `item_hash` returned for the items' groups, uint64 (n,).
        validation, test: the shares of these parts, in [0, 1), below 1 together.

    Raises:
        ValueError: there are fewer different hashes than parts.
    """
    parts = _below(hashes, _limit(test), _limit(test + validation))
    some_validation, some_test = validation > 0, test > 0
    needed = np.flatnonzero([True, some_validation, some_test])
    if all((parts == part).any() for part in needed):
        return parts
    distinct = np.unique(hashes)
    if len(distinct) < len(needed):
        raise ValueError(_too_few(len(distinct), validation, test))
    end = len(distinct) - 1  # the highest is for training
    test_end, held_out_end = np.searchsorted(
        distinct, [_limit(test), _limit(test + validation)]
    )
    test_end = test_end.clip(some_test, end - some_validation)
    held_out_end = held_out_end.clip(test_end + some_validation, end)
    return _below(hashes, distinct[test_end], distinct[held_out_end])


def _too_few(distinct: int, validation: float, test: float) -> str:
    if not distinct:
        return "there are no items"
    items = "1 item" if distinct == 1 else f"{distinct} different items"
    verb = "is" if distinct == 1 else "are"
    shares = {"validation": validation, "test": test}
    without = " and ".join(f"`{part}=0`" for part, share in shares.items() if share > 0)
    return f"there {verb} {items}, too few to hold some out: use {without}"


def _limit(share: float) -> np.uint64:
    return np.uint64(min(int(share * 2.0**64), 2**64 - 1))


def _below(hashes: Hashes, test: np.uint64, held_out: np.uint64) -> npt.NDArray[np.uint8]:
    return (hashes < held_out).astype(np.uint8) + (hashes < test)


class _Held:
    """The beginning of an item, until it is complete."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces: list[str] = []
        self._size = 0

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_ITEM:
            raise TextError(
                f"{self._name} has an item of more than {MAX_ITEM:,} characters: "
                "is `documents` what it should be?"
            )

    def take(self, joint: str = "") -> str:
        """Return the item, and begin another one."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        return joint.join(pieces)


def _lines(blocks: Iterable[str], name: str) -> Iterator[str]:
    """Yield the lines of a file without their newlines, and what follows the last one."""
    held = _Held(name)
    for block in blocks:
        first, *others = block.split("\n")
        held.add(first)
        if others:
            yield held.take()
            yield from others[:-1]
            held.add(others[-1])
    yield held.take()


def _paragraphs(blocks: Iterable[str], name: str) -> Iterator[str]:
    """Yield what stands between blank lines."""
    held = _Held(name)
    for line in _lines(blocks, name):
        if line and not line.isspace():
            held.add(line)
        else:
            yield held.take("\n").strip("\r")
    yield held.take("\n").strip("\r")


def _whole(blocks: Iterable[str], name: str) -> Iterator[str]:
    """Yield the whole file, without the newlines at its ends."""
    held = _Held(name)
    for block in blocks:
        held.add(block)
    yield held.take().strip("\r\n")


def _items_of_rows(
    rows: Iterable[Row], prepare: Callable[[str], str]
) -> Generator[Item, None, int]:
    skipped = 0
    for _, (value, label, group) in rows:
        text = prepare(value or "").strip("\r\n")
        if not text or text.isspace():
            skipped += 1
            continue
        if label is None:
            yield Item(text, "", group or text)
            continue
        label = prepare(label).translate(_LABEL_SPACES).strip()
        yield Item(text, label, group or label + LABEL_END + text)
    return skipped


def is_table(name: str) -> bool:
    """Whether a file's name is that of a table."""
    return _table_suffix(name) in TABLES


def _table_suffix(name: str) -> str:
    """Return how a file's name ends, but for what it is compressed with."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _rows(blocks: Iterable[str], name: str, wanted: Sequence[str | None]) -> Iterator[Row]:
    """Yield the rows of a table: a string for each column that is wanted, else None."""
    suffix = _table_suffix(name)
    if suffix not in TABLES:
        raise TextError(
            f"{name} is no table: `column` is for files that end in {', '.join(TABLES)}"
        )
    # Where a table's rows end does not depend on how the text around them is read.
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    blocks = (newlines.decode(block) for block in itertools.chain(blocks, [""]))
    lines = _lines(blocks, name)
    first = next(lines).removeprefix("\ufeff")
    lines = itertools.chain([first], lines)
    delimiter = TABLES[suffix]
    if delimiter is None:
        return _json_rows(lines, name, wanted)
    if delimiter == ",":  # where a comma is part of numbers, programs write semicolons
        delimiter = max(",;\t", key=first.count)
    return _csv_rows(lines, name, wanted, delimiter)


def _csv_rows(
    lines: Iterable[str], name: str, wanted: Sequence[str | None], delimiter: str
) -> Iterator[Row]:
    records = _csv_records(lines, name, delimiter)
    _, header = next(records, (1, []))
    columns = [column.strip() for column in header]
    if not columns:
        return
    for column in wanted:
        if column is not None and column not in columns:
            _fail_without(column, columns, name)
    places = [None if column is None else columns.index(column) for column in wanted]
    for line, record in records:
        if any(record[len(columns) :]):
            raise TextError(
                f"{name}, line {line}: there are {len(record)} fields, and {len(columns)} "
                f"columns. A field with {delimiter!r} in it stands in quotes"
            )
        record += [""] * (len(columns) - len(record))
        yield line, tuple(None if place is None else record[place] for place in places)


def _csv_records(
    lines: Iterable[str], name: str, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield (the line that it begins at, its fields) for each record that is not blank."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        # The limit is the whole process's, and 131,072 characters by default.
        usual = csv.field_size_limit(MAX_ITEM)
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise TextError(
                f"{name}: the row that begins at line {start} cannot be read ({error}). "
                "Is a quote left open? One within a field in quotes is written twice"
            ) from error
        finally:
            csv.field_size_limit(usual)
        if record is None:
            return
        if record:
            yield start, record


# Numbers stay as they are written, and what JSON does not know is as good as missing.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)


def _json_rows(
    lines: Iterable[str], name: str, wanted: Sequence[str | None]
) -> Iterator[Row]:
    columns: dict[str, None] = {}  # in the order in which they occur
    missing = {column for column in wanted if column is not None}
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        row = _json_object(line, f"{name}, line {number}")
        if missing:
            missing.difference_update(row)
            if len(columns) < MAX_COLUMNS:
                columns.update(dict.fromkeys(row))
        yield (
            number,
            tuple(
                None
                if column is None
                else _text_of(row.get(column), f"{name}, line {number}, {column!r}")
                for column in wanted
            ),
        )
    for column in wanted:
        if columns and column in missing:
            _fail_without(column, columns, name)


def _json_object(line: str, place: str) -> dict[str, object]:
    try:
        row = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise TextError(
            f"{place} is not JSON: {error.msg} at character {error.pos + 1}"
        ) from error
    except RecursionError as error:
        raise TextError(f"{place} is nested too deeply") from error
    if not isinstance(row, dict):
        raise TextError(f'{place} is no object like {{"text": "..."}}')
    return row


def _text_of(value: object, place: str) -> str:
    """Return a value of a JSON object as a text; nothing is ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        kind = "a list" if isinstance(value, list) else "an object"
        raise TextError(f"{place} holds {kind}, not a text")
    if _SURROGATE.search(value):
        raise TextError(f"{place} holds surrogates, which are not characters")
    return value


def _fail_without(column: str, columns: Iterable[str], name: str) -> NoReturn:
    columns = list(columns)
    listed = ", ".join(columns[:LISTED_COLUMNS])
    if len(columns) > LISTED_COLUMNS:
        listed += f" and {len(columns) - LISTED_COLUMNS} more"
    raise TextError(
        f"{name} has no column {column!r}; its columns are {listed}"
        f"{suggestion(column, columns)}"
    )
