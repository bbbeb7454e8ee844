"""Zip archives and XML from strangers: read in memory, within limits, never written out."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast
from xml.parsers import expat

from chargen.errors import TextError

BLOCK = 2**16  # bytes that are unpacked at a time

MAX_ENTRIES = 10_000
MAX_DIRECTORY = 4 * 2**20
"""The most entries of an archive, and bytes of the list of them."""

MAX_MEMBER = 128 * 2**20
MAX_TOTAL = 512 * 2**20
"""The most unpacked bytes of one member, and of all that are read."""

MAX_RATIO = 200
UNSUSPICIOUS = 2**20
"""Beyond so many bytes, no text of a document is packed two hundred times smaller."""

MAX_DEPTH = 256  # elements within one another
MAX_TOKEN = 2**20  # bytes of a tag or a comment; expat reads an unfinished one again

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How documents are packed; others unpack without a bound."""


class _Directory:
    """A file whose list of entries, which zipfile reads at once, has a bounded size."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY:
            raise TextError(
                f"{self._name} lists more entries than any document has "
                f"({size:,} bytes of them)"
            )
        return self._file.read(size)

    def seekable(self) -> bool:
        return True


class Archive:
    """A zip archive.

    Args:
        file: the archive; it can seek.
        name: what messages call it.

    Attributes:
        name: the same.
        members: the names in it.

    Raises:
        TextError: it is damaged, encrypted or has too many entries; and later, a member is
            missing, damaged or too large.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._total = 0
        with _understood(name):
            self._zip = zipfile.ZipFile(cast(BinaryIO, _Directory(file, name)))
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise TextError(
                f"{name} has {len(infos):,} entries, more than any document "
                f"({MAX_ENTRIES:,} are allowed)"
            )
        self.members = tuple(dict.fromkeys(info.filename for info in infos))

    @contextlib.contextmanager
    def open(self, member: str) -> Iterator[BinaryIO]:
        """Open a member; zipfile yields no more of it than its entry says."""
        with _understood(self.name):
            if member not in self.members:
                raise TextError(f"{self.name} is damaged: it has no {member}")
            info = self._zip.getinfo(member)
            self._admit(info)
            with self._zip.open(info) as stream:
                yield cast(BinaryIO, stream)

    def read(self, member: str) -> bytes:
        """Return all of a member."""
        with self.open(member) as stream:
            return stream.read()

    def _admit(self, info: zipfile.ZipInfo) -> None:
        size, self._total = info.file_size, self._total + info.file_size
        if info.flag_bits & 1:
            raise TextError(f"{self.name} is encrypted: save a copy without a password")
        if info.compress_type not in METHODS:
            raise TextError(f"{self.name} is packed as no document is")
        if size > UNSUSPICIOUS and size > MAX_RATIO * info.compress_size:
            raise TextError(
                f"{self.name} unpacks to more than {MAX_RATIO} times its size, as no text "
                f"does ({info.filename}: {size:,} bytes)"
            )
        if size > MAX_MEMBER or self._total > MAX_TOTAL:
            raise TextError(
                f"{self.name} unpacks to {max(size, self._total):,} bytes or more, too "
                "much for a document: save it in parts, or as plain text in UTF-8 (.txt)"
            )


@contextlib.contextmanager
def _understood(name: str) -> Iterator[None]:
    """Turn what is wrong with an archive or with XML into a TextError."""
    try:
        yield
    except (TextError, GeneratorExit, MemoryError):
        raise
    except Exception as error:  # zipfile alone raises ten kinds
        raise TextError(f"{name} is damaged or not what its name says: {error}") from error


Start = Callable[[str, dict[str, str]], object]
Named = Callable[[str], object]


def parse_xml(
    stream: BinaryIO,
    name: str,
    *,
    start: Start | None = None,
    end: Named | None = None,
    text: Named | None = None,
) -> Iterator[None]:
    """Parse XML block by block; what is found goes to the functions that are given.

    Names come as "URI name". Nothing outside of the stream is ever read.

    Args:
        stream: the XML.
        name: what messages call it.
        start, end, text: take an element's name and attributes, its name, and characters.

    Raises:
        TextError: it is not XML, declares entities, or is nested too deeply.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def opened(element: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise TextError(f"{name} is nested too deeply, more than {MAX_DEPTH} elements")
        if start is not None:
            start(element, attributes)

    def closed(element: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(element)

    def doctype(*declared: object) -> None:
        if declared[-1]:  # an internal subset
            raise TextError(f"{name} declares entities of its own, as no document does")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = doctype
    if text is not None:
        parser.CharacterDataHandler = text
    fed = 0
    while True:
        block = stream.read(BLOCK)
        with _understood(name):
            parser.Parse(block, not block)
        fed += len(block)
        if fed - max(0, parser.CurrentByteIndex) > MAX_TOKEN:
            raise TextError(f"{name} has a tag of more than {MAX_TOKEN:,} bytes")
        yield
        if not block:
            return
