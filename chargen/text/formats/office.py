"""Documents of word processors: .docx and .odt.

Mammoth reads .docx, because it follows what people's documents hold (fields, text boxes,
tracked changes, content controls), has a permissive licence and is Python alone. It takes
all of a document into memory, and would read whatever a document points to, so it is given
a copy that holds nothing but XML which has been checked. An .odt is one XML file, which is
read as a stream.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from chargen.errors import TextError
from chargen.text.formats.archive import Archive, parse_xml
from chargen.text.formats.lines import Lines

MAX_WORD = 32 * 2**20
"""The most bytes of XML in a .docx; Mammoth takes some thirty times as many in memory."""

MISSING = (
    "{name} takes a library that is not installed: pip install {library}, where chargen is "
    "installed; or save the document as plain text in UTF-8 (.txt)"
)


def extract_docx(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the text of a .docx: paragraphs and tables in their order, then the notes.

    Args:
        file: the document; it can seek.
        name: what messages call it.

    Raises:
        TextError: Mammoth is not installed; or the document is damaged, encrypted, too
            large or nested too deeply.
    """
    try:
        import mammoth
    except ImportError as error:
        raise TextError(MISSING.format(name=name, library="mammoth")) from error
    copy = _checked_copy(Archive(file, name))
    found: list[Any] = []

    def keep(document: Any) -> Any:
        found.append(document)
        return mammoth.documents.document([])  # nothing to convert to HTML

    try:
        mammoth.convert_to_html(copy, transform_document=keep, external_file_access=False)
        yield from _laid_out(found[0], mammoth.documents)
    except RecursionError as error:
        raise TextError(f"{name} is nested too deeply") from error
    except Exception as error:  # it checks nothing, so anything may go wrong
        raise TextError(f"{name} is damaged: Mammoth cannot read it ({error})") from error


def _checked_copy(archive: Archive) -> io.BytesIO:
    """Return a .docx of nothing but its XML, all of it well-formed and without entities."""
    copy, total = io.BytesIO(), 0
    with zipfile.ZipFile(copy, "w") as checked:
        for member in archive.members:
            if not member.endswith((".xml", ".rels")):
                continue
            data = archive.read(member)
            total += len(data)
            if total > MAX_WORD:
                raise TextError(
                    f"{archive.name} holds more than {MAX_WORD:,} bytes of XML: save it "
                    "as plain text in UTF-8 (.txt)"
                )
            for _ in parse_xml(io.BytesIO(data), archive.name):
                pass
            checked.writestr(member, data)
    return copy


def _laid_out(document: Any, kinds: Any) -> Iterator[str]:
    lines = Lines()
    notes: list[Any] = []

    def add(element: Any) -> None:
        if isinstance(element, kinds.Text):
            lines.exact(element.value)
        elif isinstance(element, kinds.Tab):
            lines.exact("\t")
        elif isinstance(element, kinds.Break):
            if element.break_type == "line":
                lines.newline()
        elif isinstance(element, kinds.NoteReference):
            notes.append(element)
        elif isinstance(element, kinds.HasChildren):
            if isinstance(element, kinds.TableCell):
                lines.cell()
            elif isinstance(element, kinds.TableRow):
                lines.row()
            elif isinstance(element, kinds.Paragraph):
                lines.block()  # a text box lies within a paragraph
            for child in element.children:
                add(child)
            if isinstance(element, kinds.Paragraph):
                lines.newline()
            elif isinstance(element, kinds.TableRow):
                lines.row()

    for element in document.children:
        add(element)
        yield lines.take()
    for reference in notes:  # a note may refer to another
        for element in document.notes.resolve(reference).body:
            add(element)
        yield lines.take()
    yield lines.finish()


_TEXT, _TABLE, _DRAW, _OFFICE, _SVG = (
    f"urn:oasis:names:tc:opendocument:xmlns:{part} "
    for part in ("text:1.0", "table:1.0", "drawing:1.0", "office:1.0", "svg-compatible:1.0")
)
_PARAGRAPHS = (_TEXT + "p", _TEXT + "h")
_ASIDES = (_TEXT + "note-body", _DRAW + "text-box")
"""What is written inside of a paragraph and read after it."""

_UNREAD = frozenset(
    (
        *(_TEXT + name for name in ("tracked-changes", "note-citation", "ruby-text")),
        *(_OFFICE + name for name in ("annotation", "forms")),
        *(_SVG + name for name in ("title", "desc")),
    )
)
MAX_REPEAT = 1_000  # spaces that one element stands for


class _Writer:
    """Turns the elements of an .odt into lines."""

    def __init__(self) -> None:
        self.lines = Lines()
        self._outer: list[Lines] = []  # the lines that asides interrupt
        self._asides: list[str] = []
        self._paragraphs = 0  # how many are open
        self._unread = 0  # how many elements are open within one that is passed over

    def start(self, element: str, attributes: dict[str, str]) -> None:
        if self._unread or element in _UNREAD:
            self._unread += 1
        elif element in _PARAGRAPHS:
            self._paragraphs += 1
        elif element == _TEXT + "s":
            count = attributes.get(_TEXT + "c", "1")
            digits = count if count.isascii() and count.isdigit() else "1"
            self.lines.exact(" " * min(int(digits[:9]), MAX_REPEAT))
        elif element == _TEXT + "tab":
            self.lines.exact("\t")
        elif element == _TEXT + "line-break":
            self.lines.newline()
        elif element == _TABLE + "table-row":
            self.lines.row()
        elif element == _TABLE + "table-cell":
            self.lines.cell()
        elif element in _ASIDES:
            self._outer.append(self.lines)
            self.lines = Lines()

    def end(self, element: str) -> None:
        if self._unread:
            self._unread -= 1
        elif element in _PARAGRAPHS:
            self._paragraphs -= 1
            self.lines.newline()
        elif element == _TABLE + "table-row":
            self.lines.row()
        elif element in _ASIDES:
            self._asides.append(self.lines.finish())
            self.lines = self._outer.pop()
        if not self._paragraphs and self._asides:
            for aside in self._asides:
                self.lines.exact(aside)
            self._asides.clear()

    def take(self) -> str:
        return (self._outer or [self.lines])[0].take()

    def text(self, text: str) -> None:
        if self._paragraphs and not self._unread:
            self.lines.text(text)


def extract_odt(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the text of an .odt: paragraphs and tables in their order.

    A footnote and a text box follow the paragraph that they belong to.

    Args:
        file: the document; it can seek.
        name: what messages call it.

    Raises:
        TextError: the document is damaged, encrypted, too large or nested too deeply.
    """
    archive = Archive(file, name)
    manifest = "META-INF/manifest.xml"
    if manifest in archive.members and b"encryption-data" in archive.read(manifest):
        raise TextError(f"{name} is encrypted: save a copy without a password")
    writer = _Writer()
    with archive.open("content.xml") as stream:
        start, end, text = writer.start, writer.end, writer.text
        for _ in parse_xml(stream, name, start=start, end=end, text=text):
            yield writer.take()
    yield writer.lines.finish()
