"""What a file is, by its name and its first bytes, and how its text is read.

A file is plain text, which is no business of this package; compressed, and what is in it
decides; a document, whose text is extracted; or refused. Only `pieces` reads more of a
file than its beginning.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from chargen.errors import TextError
from chargen.text.formats.archive import MAX_TOTAL
from chargen.text.formats.compressed import UNPACKERS, compressed_as, unpack
from chargen.text.formats.epub import extract_epub
from chargen.text.formats.markup import extract_html
from chargen.text.formats.office import extract_docx, extract_odt
from chargen.text.formats.pdf import extract_pdf
from chargen.text.formats.refused import (
    WORD,
    RefusedError,
    refuse,
    refused_head,
    refused_suffix,
)

HEAD = 4096  # bytes that tell what a file is
BLOCK = 2**20  # bytes that are copied at a time
IN_MEMORY = (
    16 * 2**20
)  # bytes; what is larger and has to be searched goes to a temporary file


@dataclass(frozen=True)
class Compressed:
    """A file that has another one in it.

    Attributes:
        suffix: how it is compressed: a key of `compressed.UNPACKERS`.
    """

    suffix: str


@dataclass(frozen=True)
class Document:
    """A file that text is extracted from.

    Attributes:
        extract: yields the text of an open file, given with what messages call it.
        markup: whether it is text with tags in it: it has an encoding, and is read from
            front to back.
    """

    extract: Callable[..., Iterator[str]]
    markup: bool = False


Format = Compressed | Document

_HTML = Document(extract_html, markup=True)
_DOCX, _ODT, _EPUB, _PDF = map(
    Document, (extract_docx, extract_odt, extract_epub, extract_pdf)
)

DOCUMENTS = {
    ".docx": _DOCX,
    ".odt": _ODT,
    ".epub": _EPUB,
    ".pdf": _PDF,
    **dict.fromkeys((".html", ".htm", ".xhtml"), _HTML),
}
"""How text is extracted, by the end of a file's name."""

_IN_ZIP = {
    b"application/epub+zip": _EPUB,
    b"application/vnd.oasis.opendocument.text": _ODT,
    b"word/": _DOCX,
}
"""What the first bytes of a zip archive hold if it is a document."""

OLD_OFFICE = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        file: the unpacked bytes, from their beginning.
        name: what messages call it.
        document: how text is extracted from it; None if it is plain text.
    """

    file: io.BufferedReader
    name: str
    document: Document | None


def kind_of(path: PurePath, head: bytes) -> Format | None:
    """Return what a file is; None for plain text.

    Args:
        path: its name, with or without folders.
        head: its first `HEAD` bytes, or all there are.

    Raises:
        RefusedError: it is nothing that text can be read from.
    """
    suffix, name = path.suffix.lower(), path.name
    if suffix in UNPACKERS:
        return Compressed(suffix)
    refused = refused_suffix(suffix)
    if refused is not None:
        raise refuse(name, refused)
    if suffix in DOCUMENTS:
        if head.startswith(OLD_OFFICE):
            raise refuse(name, WORD)
        return DOCUMENTS[suffix]
    packed = compressed_as(head)
    if packed is not None:
        return Compressed(packed)
    if head.startswith(b"%PDF-"):
        return _PDF
    if head.startswith(b"PK\x03\x04"):
        for sign, document in _IN_ZIP.items():
            if sign in head:
                return document
    refused = refused_head(head)
    if refused is not None:
        raise refuse(name, refused)
    return None


def look_into(file: io.BufferedReader, path: PurePath) -> Content:
    """Return what an open file holds, unpacked; nothing but its beginning is read.

    Args:
        file: the file, at its beginning.
        path: its name; of `novel.html.gz`, the inner name tells what is in it.

    Raises:
        RefusedError: it is nothing that text can be read from.
        TextError: it is damaged.
    """
    found = kind_of(path, file.peek(HEAD)[:HEAD])
    if not isinstance(found, Compressed):
        return Content(file, path.name, found)
    unpacked = unpack(file, path.name, found.suffix)
    inner = path.with_suffix("") if path.suffix.lower() == found.suffix else path
    within = kind_of(inner, unpacked.peek(HEAD)[:HEAD])
    if isinstance(within, Compressed):
        raise RefusedError(f"{path.name} is compressed twice: unpack it first")
    return Content(unpacked, path.name, within)


def is_text_like(path: Path) -> bool:
    """Whether text can be read from a file, as far as its name and its beginning tell.

    A damaged file can be meant to be read; reading it says what is wrong.

    Raises:
        OSError: it cannot be opened or read.
    """
    with path.open("rb") as file:
        try:
            look_into(file, path)
        except RefusedError:
            return False
        except TextError:
            return True
    return True


def pieces(content: Content, *, encoding: str | None = None) -> Iterator[str]:
    """Yield the text of a document, piece by piece, with bounded memory.

    Args:
        content: what `look_into` found; its `document` is not None.
        encoding: that of a page of HTML, as `extract_html` takes it; other documents say
            theirs.

    Raises:
        TextError: it is damaged, encrypted or beyond a limit, or a library is missing.
    """
    if content.document is None:
        raise ValueError("plain text has to be decoded, not extracted")
    extract = content.document.extract
    if content.document.markup:
        yield from extract(content.file, content.name, encoding=encoding)
    elif isinstance(content.file.raw, io.FileIO) and content.file.seekable():
        yield from extract(content.file, content.name)
    else:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
            _copy(content, copy)
            yield from extract(copy, content.name)


def _copy(content: Content, copy: tempfile.SpooledTemporaryFile[bytes]) -> None:
    """Copy what cannot seek: it came compressed, or from a pipe."""
    size = 0
    while block := content.file.read(BLOCK):
        size += len(block)
        if size > MAX_TOTAL:
            raise TextError(
                f"{content.name} has more than {MAX_TOTAL:,} bytes: unpack it first, or "
                "save it as a file"
            )
        copy.write(block)
    copy.seek(0)
