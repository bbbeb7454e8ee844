"""Compressed files, read as the bytes that are in them, with bounded memory."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol, cast

from chargen.errors import TextError
from chargen.text.formats.refused import RefusedError

BLOCK = 2**16  # bytes that are unpacked at a time
MAX_RATIO = 1_000
UNSUSPICIOUS = 100 * 10**6
"""Beyond so many bytes, no text takes up a thousand times less when it is compressed."""

MAX_WINDOW = 256 * 2**20
"""The most bytes that unpacking .xz may take; `xz -9` asks for 65 MiB."""


class Decompressor(Protocol):
    """What bz2, lzma and zstd have; `_Gzip` gives it to zlib."""

    @property
    def eof(self) -> bool:
        """Whether the end of what was compressed together has been reached."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to come without more input."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take more input, and return at most `max_length` bytes."""


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)  # a header and a checksum of gzip
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(found) < max_length
        return found


def _xz() -> Decompressor:
    return cast(Decompressor, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_WINDOW))


def _zstd() -> Decompressor:
    from compression import zstd  # Python 3.14

    return cast(Decompressor, zstd.ZstdDecompressor())


UNPACKERS: dict[str, Callable[[], Decompressor]] = {
    ".gz": _Gzip,
    ".bz2": cast(Callable[[], Decompressor], bz2.BZ2Decompressor),
    ".xz": _xz,
    ".zst": _zstd,
}
"""What unpacks a file, by the end of its name."""

BEGINNINGS = {
    b"\x1f\x8b\x08": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}


def compressed_as(head: bytes) -> str | None:
    """Return how a file is compressed, by its first bytes: a key of `UNPACKERS`."""
    for beginning, suffix in BEGINNINGS.items():
        # Texts may begin with BZh; what follows in a .bz2 is a digit and the digits of π.
        if head.startswith(beginning) and (suffix != ".bz2" or head[4:7] == b"1AY"):
            return suffix
    return None


def unpack(file: BinaryIO, name: str, suffix: str) -> io.BufferedReader:
    """Return a stream of the bytes that are in a compressed file.

    Several that follow one another are read as one, as gzip and xz do.

    Args:
        file: the compressed file, at its beginning.
        name: what messages call it.
        suffix: how it is compressed: a key of `UNPACKERS`.

    Raises:
        RefusedError: this Python cannot unpack it.
        TextError: while the stream is read: the file is damaged, or suspiciously small
            for what comes out of it.
    """
    new = UNPACKERS[suffix]
    try:
        new()
    except ImportError as error:
        raise RefusedError(
            f"{name} is compressed ({suffix}), which takes Python 3.14 to read: "
            f"unpack it first (zstd -d {name})"
        ) from error
    return io.BufferedReader(_Unpacked(_unpacked(file, name, new)), BLOCK)


def _unpacked(
    file: BinaryIO, name: str, new: Callable[[], Decompressor]
) -> Iterator[bytes]:
    packed = unpacked = 0
    unpacker, data = new(), b""
    ended = False
    while True:
        if not data and (unpacker.needs_input or unpacker.eof):
            data = file.read(BLOCK)
            packed += len(data)
            ended = not data
        if unpacker.eof:
            data = data.lstrip(b"\0")  # tapes and xz fill up with NULs
            if not data and ended:
                return
            if not data:
                continue
            unpacker = new()
        try:
            found = unpacker.decompress(data, BLOCK)
        except Exception as error:  # each library has its own
            raise TextError(
                f"{name} is damaged, or something else follows what is compressed: "
                f"after {unpacked:,} bytes it cannot be unpacked ({error})"
            ) from error
        data = unpacker.unused_data if unpacker.eof else b""
        unpacked += len(found)
        if unpacked > max(UNSUSPICIOUS, MAX_RATIO * packed):
            raise TextError(
                f"{name} unpacks to more than {MAX_RATIO:,} times its size, as no text "
                "does: if you trust it, unpack it first"
            )
        if found:
            yield found
        elif ended and not unpacker.eof:
            raise TextError(
                f"{name} is cut off: it ends after {unpacked:,} unpacked bytes, in the "
                "middle of what is compressed. Copy it or download it again"
            )


class _Unpacked(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
