"""A text as small integers, in memory or on disk, before a vocabulary is chosen.

The codes of a text do not depend on its vocabulary: those below 128 are ASCII's own, 128 is
the end mark, and every other character gets the next code when it first occurs. So a text
is encoded once, however often its rare characters are folded or another model's vocabulary
is used: `parts` looks codes up in a vocabulary as they are read. Codes are stored in the
smallest of uint8, uint16 and uint32 that holds all of them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from chargen.text.documents import item_hash
from chargen.text.vocabulary import codes_of

Codes = npt.NDArray[np.integer[Any]]

END = 128
"""The code of the end mark, which stands after each item of a text of items."""

FIRST = END + 1
"""The code of the first character beyond ASCII."""

_END_POINT = 0xD800
"""Stands for the end mark among code points: a surrogate, which no text has."""

IN_MEMORY = 2**24
"""Bytes of codes from which on a text is kept on disk."""

TYPES = (np.dtype(np.uint8), np.dtype("<u2"), np.dtype("<u4"))

SCANNED = 2**20
"""Codes that are looked at at a time."""


@dataclass(frozen=True)
class ReadFile:
    """A file that an encoded text was read from.

    Attributes:
        path: where it was, as an absolute path.
        encoding: the encoding of its text.
        sureness: how sure that is, in [0, 1], if it was found out.
        size, modified: its bytes, and the time of its last change in nanoseconds.
        sha256: the SHA-256 of its bytes, in hexadecimal digits.
    """

    path: str
    encoding: str
    sureness: float | None
    size: int
    modified: int
    sha256: str


@dataclass(frozen=True)
class Encoded:
    """A text as codes.

    Attributes:
        files: the files it was read from.
        characters: the characters of the codes from `FIRST` on.
        counts: how often each code occurs, int64 (FIRST + len(characters),).
        dtype: of the codes.
        codes: the codes, or an open file that holds them.
        starts: where each item begins, and where the last one ends, int64 (n + 1,); each
            includes its end mark. Empty for a text without items.
        hashes: what each item's place in the split depends on, uint64 (n,).
        skipped: how many rows of a table held no item.
    """

    files: tuple[ReadFile, ...]
    characters: str
    counts: npt.NDArray[np.int64]
    dtype: np.dtype[Any]
    codes: Codes | BinaryIO = field(repr=False)
    starts: npt.NDArray[np.int64] = field(repr=False)
    hashes: npt.NDArray[np.uint64] = field(repr=False)
    skipped: int = 0

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def on_disk(self) -> bool:
        """Whether the codes lie in a file."""
        return not isinstance(self.codes, np.ndarray)

    @property
    def code_points(self) -> npt.NDArray[np.uint32]:
        """The code point of each code, uint32; that of the end mark is no character's."""
        ascii_ones = np.arange(FIRST, dtype=np.uint32)
        ascii_ones[END] = _END_POINT
        return np.concatenate([ascii_ones, codes_of(self.characters)])

    def read(self, start: int, stop: int) -> Codes:
        """Return the codes from `start` up to `stop`."""
        if isinstance(self.codes, np.ndarray):
            return self.codes[start:stop]
        # Not memory-mapped: resident pages of a mapped file count as the process's own.
        size = self.dtype.itemsize
        data = read_at(self.codes, start * size, max(0, stop - start) * size)
        return np.frombuffer(data, self.dtype)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Codes]:
        """Yield the codes from `start` up to `stop`, some at a time."""
        stop = len(self) if stop is None else stop
        for place in range(start, stop, SCANNED):
            yield self.read(place, min(stop, place + SCANNED))

    def count(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Count the codes from `start` up to `stop`, like `counts`."""
        found = np.zeros(len(self.counts), np.int64)
        for block in self.blocks(start, stop):
            found += np.bincount(block, minlength=len(found))
        return found

    def count_by_part(self, parts: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Count the codes of the items of each part, int64 (3, codes).

        Args:
            parts: the part of each item, 0, 1 or 2.
        """
        found = np.zeros((3, len(self.counts)), np.int64)
        place = 0
        for block in self.blocks():
            places = np.arange(place, place + len(block))
            part = parts[np.searchsorted(self.starts, places, side="right") - 1]
            joined = part.astype(np.int64) * len(self.counts) + block
            found += np.bincount(joined, minlength=found.size).reshape(found.shape)
            place += len(block)
        return found

    def text(self, start: int, stop: int) -> str:
        """Return the characters from `start` up to `stop`; end marks leave nothing."""
        points = self.code_points[self.read(start, stop)]
        data: bytes = points[points != _END_POINT].astype("<u4").tobytes()
        return data.decode("utf-32-le")


def read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    """Read bytes of a file at an offset.

    Raises:
        OSError: the file has no so many.
    """
    if hasattr(os, "pread"):
        data = os.pread(file.fileno(), count, offset)
    else:  # Windows
        file.seek(offset)
        data = file.read(count)
    if len(data) != count:
        raise OSError(f"the text's codes end after {offset + len(data):,} bytes")
    return data


class Encoder:
    """Turns characters into codes, as they come.

    Args:
        open_file: opens an empty file for reading and writing, where codes go that are too
            many for the memory; None for a temporary one.
    """

    def __init__(self, open_file: Callable[[], BinaryIO] | None = None) -> None:
        self._open_file = open_file or tempfile.TemporaryFile
        self._codes = np.full(0x110000, -1, np.int32)  # by code point
        self._codes[:END] = np.arange(END)
        self._codes[_END_POINT] = END
        self._characters: list[npt.NDArray[np.uint32]] = []
        self._counts = np.zeros(FIRST, np.int64)
        self._type = 0
        self._kept: list[Codes] = []
        self._size = 0  # bytes of codes
        self._file: BinaryIO | None = None
        self._starts = array("q", [0])
        self._hashes = array("Q")
        self._items: list[str] = []  # that wait for their codes
        self._waiting = 0
        self.length = 0
        self.last = ""  # the last character so far

    def add(self, text: str) -> None:
        """Append characters."""
        if not text:
            return
        self.last = text[-1]
        if text.isascii():
            codes: Codes = np.frombuffer(text.encode("ascii"), np.uint8)
        else:
            points = codes_of(text)
            codes = self._codes.take(points)
            if codes.min() < 0:
                self._learn(points[codes < 0])
                codes = self._codes.take(points)
        self._append(codes)

    def add_item(self, text: str, group: str) -> None:
        """Append an item and its end mark; `group` decides on its part."""
        self._items.append(text)
        self._waiting += len(text) + 1
        self._starts.append(self._starts[-1] + len(text) + 1)
        self._hashes.append(item_hash(group))
        if self._waiting > SCANNED:
            self._add_waiting()

    def _add_waiting(self) -> None:
        end = chr(_END_POINT)
        self.add("".join(text + end for text in self._items))
        self._items, self._waiting = [], 0

    def _learn(self, points: npt.NDArray[np.uint32]) -> None:
        """Give characters that occur for the first time the next codes."""
        new, first = np.unique(points, return_index=True)
        new = new[np.argsort(first)]
        begin = len(self._counts)
        self._codes[new] = np.arange(begin, begin + len(new))
        self._characters.append(new)
        self._counts = np.concatenate([self._counts, np.zeros(len(new), np.int64)])

    def _append(self, codes: Codes) -> None:
        found = np.bincount(codes, minlength=len(self._counts))
        self._counts += found
        while len(self._counts) > 2 ** (8 * TYPES[self._type].itemsize):
            self._widen()
        codes = codes.astype(TYPES[self._type], copy=False)
        self.length += len(codes)
        self._size += codes.nbytes
        if self._file is not None:
            self._file.write(codes.tobytes())
            return
        self._kept.append(codes)
        if self._size > IN_MEMORY:
            self._file = self._open_file()
            for kept in self._kept:
                self._file.write(kept.tobytes())
            self._kept = []

    def _widen(self) -> None:
        """Rewrite what there is in the next larger type."""
        before, after = TYPES[self._type], TYPES[self._type + 1]
        self._type += 1
        self._size = self.length * after.itemsize
        self._kept = [kept.astype(after) for kept in self._kept]
        if self._file is None:
            return
        # From the end, so that nothing is written over before it is read.
        self._file.flush()
        for stop in range(self.length, 0, -SCANNED):
            start = max(0, stop - SCANNED)
            data = read_at(
                self._file, start * before.itemsize, (stop - start) * before.itemsize
            )
            self._file.seek(start * after.itemsize)
            self._file.write(np.frombuffer(data, before).astype(after).tobytes())
            self._file.flush()
        self._file.seek(self._size)

    def close(self) -> None:
        """Give up a text that cannot be read to its end."""
        if self._file is not None:
            self._file.close()

    def finish(self, files: Iterable[ReadFile], *, skipped: int = 0) -> Encoded:
        """Return what was encoded."""
        self._add_waiting()
        codes: Codes | BinaryIO
        if self._file is not None:
            self._file.flush()
            codes = self._file
        else:
            empty = np.zeros(0, TYPES[self._type])
            codes = np.concatenate([empty, *self._kept])
        characters = np.concatenate([np.zeros(0, np.uint32), *self._characters])
        items = bool(self._hashes)
        return Encoded(
            files=tuple(files),
            characters=characters.astype("<u4").tobytes().decode("utf-32-le"),
            counts=self._counts,
            dtype=TYPES[self._type],
            codes=codes,
            starts=np.array(self._starts[: None if items else 0], np.int64),
            hashes=np.array(self._hashes, np.uint64),
            skipped=skipped,
        )


def encode_text(characters: str, name: str = "text") -> Encoded:
    """Return a text that is at hand as codes."""
    encoder = Encoder()
    encoder.add(characters)
    data = characters.encode("utf-8")
    digest = hashlib.sha256(data).hexdigest()
    file = ReadFile(str(Path(name)), "utf-8", None, len(data), 0, digest)
    return encoder.finish([file])
