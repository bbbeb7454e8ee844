"""Reading text files: bytes in, characters out, in blocks of bounded size.

The encoding is UTF-8 unless another one is asked for or a byte order mark says UTF-16 or
UTF-32; a byte order mark is not part of the text. What else happens to the characters is
the `TextPolicy`. Compressed files and documents are opened by `formats`.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from chargen.display import printable
from chargen.errors import DecodingError, TextError
from chargen.text.formats.detect import detect_encoding, marked
from chargen.text.formats.registry import look_into, pieces
from chargen.text.policy import TextPolicy

BLOCK = 2**15  # bytes at a time: in most blocks of most texts, all is ASCII, which is fast
SAMPLE = 2**18  # bytes that an encoding is guessed from
SUGGESTED = 2**25  # bytes that another encoding is tried on, where decoding failed


@dataclass
class TextFile:
    """A file that is read as text.

    Attributes:
        path: where it is.
        encoding: Python's name of the encoding, such as "utf-8"; known once it is read.
        sureness: how sure that is, in [0, 1], if the encoding was found out.
        size: bytes of the file; known once it is read.
        modified: the time of its last change, in nanoseconds; known once it is read.
        sha256: the SHA-256 of its bytes, in hexadecimal digits; known once it is read.
    """

    path: Path
    encoding: str = ""
    sureness: float | None = None
    size: int = 0
    modified: int = 0
    sha256: str = ""

    @property
    def name(self) -> str:
        """Its name, without its folder; bytes that are not UTF-8 are escaped."""
        return printable(self.path.name)


@dataclass(frozen=True)
class Text:
    """A text as it was read.

    Attributes:
        characters: the decoded text.
        name: the file's name, without its folder.
        encoding: Python's name of the encoding, such as "utf-8".
        size: bytes of the file.
        sha256: the SHA-256 of the file's bytes, in hexadecimal digits.
    """

    characters: str
    name: str
    encoding: str
    size: int
    sha256: str


def read_text(
    path: Path, *, encoding: str | None = None, policy: TextPolicy | None = None
) -> Text:
    """Read a text file whole.

    Args:
        path: the file.
        encoding: its encoding; None for UTF-8, or for what a byte order mark says; "auto"
            to find it out.
        policy: what becomes of its characters; None for the policy of format 1.

    Raises:
        TextError: the file cannot be read or decoded, or the encoding is unknown.
    """
    file = TextFile(path)
    characters = "".join(read_blocks(file, encoding=encoding, policy=policy))
    return Text(characters, file.name, file.encoding, file.size, file.sha256)


def read_blocks(
    file: TextFile, *, encoding: str | None = None, policy: TextPolicy | None = None
) -> Generator[str, None, None]:
    """Read a text file in blocks; joined, they are the text.

    Args:
        file: what to read; what is found out about it is noted there.
        encoding, policy: see `read_text`.

    Raises:
        TextError: see `read_text`; or the file changed while it was read.
    """
    path = file.path
    try:
        with path.open("rb") as opened:
            before = os.fstat(opened.fileno())
            hashed = _Hashed(opened)
            yield from prepared(_pieces(file, hashed, encoding), policy or TextPolicy())
            file.size, file.sha256 = hashed.rest()
            after = os.fstat(opened.fileno())
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise TextError(f"cannot read {path}: {reason}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise TextError(f"{path} changed while it was read: try again")
    file.modified = after.st_mtime_ns


class _Hashed(io.RawIOBase):
    """A file whose bytes are counted and hashed as they are read, in order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        self._hash.update(data)
        self._size += len(data)
        buffer[: len(data)] = data
        return len(data)

    def rest(self) -> tuple[int, str]:
        """Read what is left; return the size and the hash of all."""
        while self.read(SAMPLE):
            pass
        return self._size, self._hash.hexdigest()


def _pieces(file: TextFile, hashed: _Hashed, encoding: str | None) -> Iterator[str]:
    """Yield the decoded text of a file in pieces, cut anywhere."""
    content = look_into(io.BufferedReader(hashed, SAMPLE), file.path)
    if content.document is not None:
        file.encoding = _codec(encoding if encoding not in (None, "auto") else "utf-8")
        yield from pieces(content, encoding=encoding)
        return
    head = content.file.peek(SAMPLE)[:SAMPLE]
    file.encoding = _encoding(file, head, encoding)
    yield from _decoded(file, content.file)


def _encoding(file: TextFile, head: bytes, encoding: str | None) -> str:
    """Return the encoding that is asked for, marked, or found out."""
    if encoding == "auto":
        found = detect_encoding(head, name=file.name)
        file.sureness = found.confidence
        return _codec(found.encoding)
    return _codec(encoding) if encoding is not None else marked(head) or "utf-8"


def _decoded(file: TextFile, stream: io.BufferedIOBase) -> Iterator[str]:
    """Yield decoded text; a byte order mark is left out."""
    codec = file.encoding
    make = codecs.lookup(codec).incrementaldecoder
    if make is None:
        raise TextError(f"{codec} cannot be read block by block: use another encoding")
    decoder = make()
    length = nuls = done = 0
    while True:
        data = stream.read(BLOCK)
        done += len(data)
        try:
            piece = decoder.decode(data, not data)
        except UnicodeDecodeError as error:
            place = done - len(error.object) + error.start
            raise DecodingError(
                _decoding_failure(file.path, codec, error, place)
            ) from error
        except UnicodeError as error:  # from punycode, say, which gives no details
            raise TextError(f"{file.name} is not {codec.upper()}") from error
        begins, length = not length, length + len(piece)
        if begins:
            piece = piece.removeprefix("\ufeff")
        nuls += piece.count("\0")
        if nuls > length / NULS:
            raise TextError(
                f"{file.name} is not {codec.upper()}: it is full of NUL characters. "
                "If it is a text, it may be UTF-16: try `encoding='utf-16-le'`"
            )
        if codec not in STRICT and re.search("[\ud800-\udfff]", piece):
            raise TextError(f"{file.name} holds surrogates, which are not characters")
        yield piece
        if not data:
            return


def prepared(pieces: Iterable[str], policy: TextPolicy) -> Iterator[str]:
    """Prepare a text that comes in pieces, as if it came whole.

    Pieces are joined and cut anew where no character depends on another across the cut:
    after a newline, or else before a blank, another ASCII character or an ideograph.
    """
    held = ""
    for piece in pieces:
        held += piece
        cut = held.rfind("\n") + 1 or _last_cut(held)
        if cut:
            yield policy.prepare(held[:cut])
            held = held[cut:]
    if held:
        yield policy.prepare(held)


def _last_cut(text: str) -> int:
    """Return the last place where a text without newlines may be cut; 0 for none.

    Only its end is looked at. Were there no such place for long, it would be cut anyway.
    """
    begin = max(1, len(text) - LOOKED_AT)
    for wanted in (_BLANK, _INDEPENDENT):
        found = wanted.match(text, begin)
        if found:
            return found.end()
    return len(text) - 1 if len(text) > MOST_HELD else 0


LOOKED_AT = 2_000  # characters
MOST_HELD = 2**24  # characters
_BLANK = re.compile(".*(?=[ \t])", re.DOTALL)

# Whether a sigma is the last letter of a word, and so which small one it becomes, depends
# on the letters around it, across the signs ' . : ^ ` and marks.
_INDEPENDENT = re.compile(
    r".*(?:(?=[!-&(-\-/-9;-@\[-\]_{-~\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff])"
    "|(?<=[0-9A-Za-z])(?=[A-Za-z]))",
    re.DOTALL,
)


def _codec(encoding: str) -> str:
    """Return the codec's own name, so that one encoding has one spelling."""
    try:
        codec = codecs.lookup(encoding)
        "".encode(codec.name)  # refuses codecs that are not text encodings
    except (LookupError, ValueError) as error:
        raise TextError(
            f"unknown encoding {encoding[:80]!r}: try utf-8, utf-16, gb18030, big5, "
            "shift_jis or cp1252"
        ) from error
    return codec.name


def _decoding_failure(path: Path, codec: str, error: UnicodeDecodeError, place: int) -> str:
    """Say which byte is wrong, and what the encoding may be instead."""
    found = f"byte {error.object[error.start]:#04x} at offset {place}"
    with path.open("rb") as file:
        data = look_into(file, path).file.read(SUGGESTED)
    message = f"{path.name} is not {codec.upper()}: {found} ({error.reason})."
    if codec != "utf-8" and _decodes(data, "utf-8"):
        return f"{message} It can be read as UTF-8: leave `encoding` out."
    suggestion = suggest_encoding(data)
    if suggestion is None:
        return f"{message} Name its encoding with `encoding`."
    return f"{message} It can be read as {suggestion}: add `encoding={suggestion!r}`"


def suggest_encoding(data: bytes) -> str | None:
    """Return an encoding that decodes `data`, the most plausible one, or None.

    Several encodings decode the same bytes, so each result is scored by the share of its
    non-ASCII characters that are usual in texts of that encoding. UTF-8 with a few bad
    bytes is damaged, and gets no suggestion.
    """
    mark = marked(data)
    if mark is not None:
        return mark if _decodes(data, mark) else None
    tried = data.decode("utf-8", "replace")
    bad = tried.count("\ufffd")
    if len(_NOT_ASCII.findall(tried)) - bad > DAMAGED * bad:
        return None
    scores = {}
    for encoding, usual in _USUAL.items():
        if _decodes(data, encoding):
            text = data.decode(encoding)
            found = [m.start() for m in islice(_NOT_ASCII.finditer(text), SCORED)]
            scores[encoding] = sum(usual(text, i) for i in found) / max(1, len(found))
    best = max(scores, key=lambda encoding: scores[encoding], default=None)
    return best if best and scores[best] > PLAUSIBLE else None


STRICT = ("utf-8", "utf-16", "utf-32")  # no surrogates come out of these
NULS = 10  # characters for each NUL character; a text has no NUL characters
DAMAGED = 10  # sound characters beyond ASCII for each bad byte
SCORED = 10_000  # characters that a guess is based on
PLAUSIBLE = 0.5
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _usual_western(text: str, i: int) -> bool:
    """Accented letters and typographic signs stand among ASCII letters, in short runs."""
    if not (text[i].isalpha() or text[i] in _WESTERN_SIGNS) or _LONG_RUN.search(
        text[max(0, i - 3) : i + 4]
    ):
        return False
    return _ASCII_LETTER.search(text[max(0, i - 10) : i + 11]) is not None


_LONG_RUN = re.compile(r"[^\x00-\x7f]{4}")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_WESTERN_SIGNS = "‘’‚“”„‹›«»–—…•¡¿§°£€©®\u00a0"


def _usual_chinese(text: str, i: int) -> bool:
    """GB 2312 is the everyday core of GB 18030."""
    try:
        text[i].encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _usual_taiwanese(text: str, i: int) -> bool:
    """Big5 has its everyday characters first, before those of lead byte 0xC7."""
    try:
        return text[i].encode("big5")[0] < 0xC7
    except UnicodeEncodeError:
        return False


def _usual_japanese(text: str, i: int) -> bool:
    """Full-width signs and letters; half-width katakana betray another encoding."""
    c = text[i]
    return "\u3000" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" or c in "！？（）①髙"


# Among equals, the first is suggested; cp932 is what Windows calls Shift-JIS.
_USUAL = {
    "cp1252": _usual_western,
    "gb18030": _usual_chinese,
    "big5": _usual_taiwanese,
    "shift_jis": _usual_japanese,
    "cp932": _usual_japanese,
}
