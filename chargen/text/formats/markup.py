"""HTML and XHTML: what a reader reads of a page.

The standard library's parser takes a time that grows with the square of a tag's length,
and holds all of a tag or a comment in memory. This one reads in blocks, goes over nothing
twice and keeps nothing but what it has not yet understood, less than a hundred characters;
no page, however hostile, costs more than its length.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from chargen.errors import TextError
from chargen.text.formats.detect import detect_encoding, marked
from chargen.text.formats.lines import Lines

BLOCK = 2**16  # bytes that are read at a time
HEAD = 4096  # bytes in which a page says its encoding; 1024 by the standard
LONGEST = 64  # characters; longer names of elements and of entities have no meaning

BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "button", "caption"),
        *("center", "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hgroup", "hr", "html", "legend", "li", "main", "menu", "nav", "ol"),
        *("optgroup", "option", "p", "pre", "search", "section", "select", "summary"),
        *("table", "tbody", "textarea", "tfoot", "thead", "ul"),
    )
)
"""Elements that stand on lines of their own."""

UNREAD = frozenset(
    (
        *("audio", "canvas", "datalist", "noscript", "object", "rp", "rt", "svg"),
        *("template", "video"),
    )
)
"""Elements that are not part of the running text."""

RUBY = frozenset(("rb", "rp", "rt", "ruby"))
"""Pronunciation above the characters; none of these tags need be closed by its own."""

RAW = frozenset(("iframe", "noembed", "noframes", "script", "style", "title"))
"""Elements without elements, which are not part of the running text either."""

LABELS = {
    **dict.fromkeys(("ascii", "us-ascii", "iso-8859-1", "latin1", "latin-1"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be", "unicode"), "utf-8"),
    "iso-8859-9": "cp1254",
    **dict.fromkeys(("tis-620", "iso-8859-11"), "cp874"),
}
"""What browsers read for these encodings: the larger ones that contain them.

A page that can be read as ASCII until it says UTF-16 is UTF-8.
"""


class _Page:
    """Turns tags and the text between them into lines."""

    def __init__(self, *, xml: bool) -> None:
        self.lines = Lines()
        self._xml = xml
        self._unread = ""  # the element that is passed over
        self._depth = 0  # how many of its name are open
        self._pre = 0
        self._fresh = False  # whether a <pre> has just begun

    def text(self, text: str) -> None:
        """Take the text between two tags, or a part of it."""
        if self._unread:
            return
        if "&" in text:
            try:
                text = html.unescape(text)
            except ValueError:  # a number of more digits than Python converts
                text = text.replace("&#", "\ufffd")
        if not self._pre:
            self.lines.text(text)
            return
        self.lines.exact(text.removeprefix("\n") if self._fresh else text)
        self._fresh = False

    def start(self, name: str, *, closed: bool) -> bool:
        """Take a start tag; return whether raw text follows.

        Args:
            name: the element, in lower case.
            closed: whether the tag ends in />, which has a meaning in XHTML alone.
        """
        closed = closed and self._xml
        if self._unread:
            if self._unread not in RUBY or (name not in RUBY and name not in BLOCKS):
                self._depth += name == self._unread and not closed
                return False
            self._unread = ""
        if name == "br":
            self.lines.newline()
        elif name in ("td", "th"):
            self.lines.cell()
        elif name == "tr":
            self.lines.row()
        elif name in BLOCKS:
            self.lines.block()
            if name == "pre" and not closed:
                self._pre += 1
                self._fresh = True
        elif name in UNREAD and not closed:
            self._unread, self._depth = name, 1
        return name in RAW and not closed

    def end(self, name: str) -> None:
        """Take an end tag."""
        if self._unread:
            self._depth -= name == self._unread
            of_ruby = self._unread in RUBY and (name in RUBY or name in BLOCKS)
            if self._depth and not of_ruby:
                return
            self._unread = ""
        if name in ("tr", "table"):
            self.lines.row()
        elif name in BLOCKS:
            self.lines.block()
            if name == "pre" and self._pre:
                self._pre -= 1


# A whole tag, with the text before it. No part can be matched in two ways, and none is
# tried again.
_TAG = re.compile(
    r"([^<]*+)<(/?)([a-zA-Z][^\s/>]*+)"
    r"((?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|(?=[^\"'\s])))*+)>"
)
_NAME = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)")
_NOT_TAGS = re.compile("<(?:[^<&]*+<(?=[^a-zA-Z!?/]))*+")
_TAG_PART = re.compile("[>=]")
_NOT_SPACE = re.compile(r"\S")
_COMMENT_END = re.compile("--!?>")
_DECLARATION_PART = re.compile(r"[\[>]")
_BRACKET = re.compile("]")
_TAG_END = re.compile(">")
_RAW_END = {
    name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE | re.ASCII) for name in RAW
}

_Mode = Callable[[str, int, bool], int | None]


class _Scanner:
    """Finds the tags of a page that comes in blocks.

    A mode takes what there is, where to begin, and whether that is all. It returns up to
    where it got, or None if it needs more.
    """

    def __init__(self, page: _Page, *, xml: bool) -> None:
        self._page = page
        self._xml = xml
        self._rest = ""
        self._mode: _Mode = self._content
        self._then: _Mode = self._content  # what follows the end that is looked for
        self._end = _TAG_END
        self._quote = ""
        self._slash, self._name = "", ""  # of the tag that is being read

    def feed(self, block: str, *, last: bool = False) -> None:
        """Take the next block."""
        data = self._rest + block
        at = 0
        while at < len(data):
            reached = self._mode(data, at, last)
            if reached is None:
                break
            at = reached
        self._rest = data[at:]

    def _content(self, data: str, at: int, last: bool) -> int | None:
        begun, match = at, _TAG.match(data, at)
        while match is not None:
            text, slash, name, rest = match.groups()
            if text:
                self._page.text(text)
            self._tag_read(slash, name, closed=rest.endswith("/"))
            at = match.end()
            if self._mode != self._content:
                return at
            match = _TAG.match(data, at)
        if at > begun:
            return at
        if not data.startswith("<", at):
            return self._text(data, at, last)
        if len(data) - at < LONGEST and not last:
            return None
        return self._odd(data, at)

    def _text(self, data: str, at: int, last: bool) -> int | None:
        """Read text up to a < that may begin anything, or all but what may be an entity."""
        end = data.find("<", at)
        if end < 0:
            end = len(data)
            entity = data.rfind("&", max(at, end - LONGEST))
            if entity >= 0 and not last:
                end = entity
        if end == at:
            return None
        self._page.text(data[at:end])
        return end

    def _odd(self, data: str, at: int) -> int:
        """Read the beginning of what is not a whole tag."""
        match = _NAME.match(data, at)
        if match is not None:
            self._slash, self._name = match.groups()
            self._mode = self._tag
            return match.end()
        if data.startswith("<!--", at):
            return self._skip(at + 2, _COMMENT_END)  # <!--> is a comment
        if self._xml and data.startswith("<![CDATA[", at):
            self._mode = self._cdata
            return at + 9
        if self._xml and data.startswith("<!", at):
            self._mode = self._declaration
            return at + 2
        if data.startswith(("<!", "<?", "</"), at):
            return self._skip(at + 2, _TAG_END)
        end = _NOT_TAGS.match(data, at).end()  # type: ignore[union-attr]  # it has a <
        self._page.text(data[at:end])
        return end

    def _tag_read(self, slash: str, name: str, *, closed: bool) -> None:
        self._mode = self._content
        name = name.lower()
        if slash:
            self._page.end(name)
        elif self._page.start(name, closed=closed):
            self._slash, self._name = "/", name
            self._skip(0, _RAW_END[name], then=self._tag)

    def _tag(self, data: str, at: int, last: bool) -> int | None:
        match = _TAG_PART.search(data, at)
        if match is None:
            kept = len(data) - (data.endswith("/") and not last)  # it may be half of />
            return kept if kept > at else None
        if match[0] == ">":
            closed = data.endswith("/", at, match.start())
            self._tag_read(self._slash, self._name, closed=closed)
        else:
            self._mode = self._value
        return match.end()

    def _value(self, data: str, at: int, last: bool) -> int | None:
        """Read what follows a = in a tag."""
        match = _NOT_SPACE.search(data, at)
        if match is None:
            return len(data)
        if match[0] in "\"'":
            self._mode, self._quote = self._quoted, match[0]
            return match.end()
        self._mode = self._tag
        return match.start()

    def _quoted(self, data: str, at: int, last: bool) -> int | None:
        end = data.find(self._quote, at)
        if end < 0:
            return len(data)
        self._mode = self._tag
        return end + 1

    def _skip(self, at: int, end: re.Pattern[str], *, then: _Mode | None = None) -> int:
        self._mode, self._end, self._then = self._skipped, end, then or self._content
        return at

    def _skipped(self, data: str, at: int, last: bool) -> int | None:
        match = self._end.search(data, at)
        if match is not None:
            self._mode = self._then
            return match.end()
        # The end itself may lie across the border of two blocks.
        kept = len(data) if last else len(data) - LONGEST
        return kept if kept > at else None

    def _declaration(self, data: str, at: int, last: bool) -> int | None:
        """Pass over a DOCTYPE, together with the entities that it declares."""
        match = _DECLARATION_PART.search(data, at)
        if match is None:
            return len(data)
        if match[0] == "[":
            return self._skip(match.end(), _BRACKET, then=self._declaration)
        self._mode = self._content
        return match.end()

    def _cdata(self, data: str, at: int, last: bool) -> int | None:
        end = data.find("]]>", at)
        if end < 0:
            kept = len(data) if last else len(data) - 2
            if kept <= at:
                return None
            self._page.text(data[at:kept].replace("&", "&amp;"))
            return kept
        self._page.text(data[at:end].replace("&", "&amp;"))
        self._mode = self._content
        return end + 3


def extract_html(
    file: BinaryIO, name: str, *, encoding: str | None = None, xml: bool = False
) -> Iterator[str]:
    """Yield the text of a page, piece by piece.

    Args:
        file: the page, at its beginning; it is read to its end.
        name: what messages call it.
        encoding: its encoding; None for what a byte order mark or the page itself says,
            and UTF-8 if neither says anything; "auto" to find it out then.
        xml: whether it is XHTML; a page that begins with <?xml is.

    Raises:
        TextError: it cannot be decoded, or there is no such encoding.
    """
    head = file.read(BLOCK)
    codec = _encoding_of(head, name, encoding)
    xml = xml or head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<?xml")
    page = _Page(xml=xml)
    scanner = _Scanner(page, xml=xml)
    for block in decoded(head, file, name, codec):
        scanner.feed(block)
        yield page.lines.take()
    scanner.feed("", last=True)
    yield page.lines.finish()


def _encoding_of(head: bytes, name: str, encoding: str | None) -> str:
    found = marked(head)
    if found is None and encoding is not None and encoding != "auto":
        found = _known(encoding)
        if found is None:
            raise TextError(f"unknown encoding {encoding[:LONGEST]!r}")
    if found is None:
        match = _META.search(head[:HEAD]) or _XML.match(head[:HEAD].lstrip())
        if match is not None:
            label = match[1].decode("ascii").lower()
            found = _known(LABELS.get(label, label))
    if found is None and encoding == "auto":
        found = detect_encoding(head, name=name).encoding
    return found or "utf-8"


_META = re.compile(
    rb"<meta\s[^>]*?charset\s*+=\s*+[\"']?\s*+([a-z0-9_:.+-]{1,40})", re.IGNORECASE
)
_XML = re.compile(rb"<\?xml\s[^>]*?encoding\s*+=\s*+[\"']([A-Za-z0-9_:.+-]{1,40})")


def _known(label: str) -> str | None:
    try:
        "".encode(label)  # refuses what is not an encoding of text
    except (LookupError, ValueError):
        return None
    return label


def decoded(head: bytes, file: BinaryIO, name: str, encoding: str) -> Iterator[str]:
    """Yield the characters of a file in blocks, without its byte order mark.

    Args:
        head: how it begins: bytes that have been read already.
        file: the rest.
        name: what messages call it.
        encoding: its encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    place, first = 0, True  # place: the bytes before this block
    while True:
        block = head if first else file.read(BLOCK)
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            wrong = place - held + error.start
            raise TextError(
                f"{name} is not {encoding.upper()}: byte {error.object[error.start]:#04x} "
                f"at offset {wrong} ({error.reason}). Name its encoding with `encoding`, "
                "or let it be found out with `encoding='auto'`"
            ) from error
        except UnicodeError as error:
            raise TextError(f"{name} is not {encoding.upper()}") from error
        place += len(block)
        yield text.removeprefix("\ufeff") if first else text
        first = False
        if not block:
            return
