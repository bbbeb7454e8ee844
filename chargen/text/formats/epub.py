"""Electronic books: .epub."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import unquote

from chargen.errors import TextError
from chargen.text.formats.archive import Archive, parse_xml
from chargen.text.formats.markup import extract_html

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
PAGES = ("application/xhtml+xml", "text/html")
"""What chapters are; pictures may stand between them."""


def extract_epub(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the text of a book in its reading order.

    Args:
        file: the book; it can seek.
        name: what messages call it.

    Raises:
        TextError: the book is damaged, copy-protected or too large.
    """
    archive = Archive(file, name)
    chapters = _chapters(archive)
    if not chapters:
        raise TextError(f"{name} is damaged: its list of chapters is empty")
    for chapter in _encrypted(archive):
        if chapter in chapters:
            raise TextError(f"{name} is copy-protected: only its own reader can read it")
    for chapter in chapters:
        with archive.open(chapter) as page:
            yield from extract_html(page, f"{name}: {chapter}", xml=True)


def _chapters(archive: Archive) -> list[str]:
    """Return the names of the chapters, in reading order."""
    packages = [
        a["full-path"] for a in _attributes(archive, CONTAINER, "rootfile", "full-path")
    ]
    if not packages:
        raise TextError(f"{archive.name} is damaged: it does not say where the book is")
    folder = posixpath.dirname(packages[0])
    items = {
        item["id"]: posixpath.normpath(posixpath.join(folder, unquote(item["href"])))
        for item in _attributes(archive, packages[0], "item", "id", "href", "media-type")
        if item["media-type"] in PAGES
    }
    order = _attributes(archive, packages[0], "itemref", "idref")
    return [items[ref["idref"]] for ref in order if ref["idref"] in items]


def _encrypted(archive: Archive) -> list[str]:
    """Return the names of what is encrypted; fonts often are."""
    if ENCRYPTION not in archive.members:
        return []
    found = _attributes(archive, ENCRYPTION, "CipherReference", "URI")
    return [unquote(reference["URI"]) for reference in found]


def _attributes(
    archive: Archive, member: str, element: str, *needed: str
) -> list[dict[str, str]]:
    """Return the attributes of the elements of a name that have all that are needed."""
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] == element and all(key in attributes for key in needed):
            found.append(attributes)

    with archive.open(member) as stream:
        for _ in parse_xml(stream, archive.name, start=start):
            pass
    return found
