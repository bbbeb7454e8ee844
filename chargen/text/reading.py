"""Reading text files: bytes in, characters out. Standard library only.

There is one policy, stated in every checkpoint: the encoding is UTF-8 unless another one is
asked for or a byte order mark says UTF-16 or UTF-32; a byte order mark is not part of the
text; CRLF becomes LF; nothing else is changed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from chargen.display import printable
from chargen.errors import TextError

# UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


DOCUMENTS = {
    b"PK\x03\x04": "a document (.docx, .odt, .epub) or an archive",
    b"\xd0\xcf\x11\xe0": "an old document of Word",
    b"%PDF-": "a PDF",
    b"{\\rtf": "rich text (.rtf)",
    b"\x1f\x8b": "compressed (.gz)",
}
"""What some files are that people take for texts, by the bytes that they begin with."""


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


def normalise_newlines(text: str) -> str:
    """Turn CRLF into LF: the newline policy "lf" of a checkpoint's `text`."""
    return text.replace("\r\n", "\n")


def read_text(path: Path, *, encoding: str | None = None) -> Text:
    """Read a text file.

    Args:
        path: the file.
        encoding: its encoding; None for UTF-8, or for what a byte order mark says.

    Raises:
        TextError: the file cannot be read or decoded, or the encoding is unknown.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise TextError(f"cannot read {path}: {reason}") from error
    for magic, kind in DOCUMENTS.items():
        if data.startswith(magic):
            raise TextError(
                f"{path.name} is {kind} and not plain text: open it in its "
                "program, and save it as plain text in UTF-8 (.txt)"
            )
    codec = _codec(encoding) if encoding is not None else _marked(data) or "utf-8"
    try:
        characters = data.decode(codec)
    except UnicodeDecodeError as error:
        raise TextError(_decoding_failure(path, data, codec, error)) from error
    except UnicodeError as error:  # from punycode, say, which gives no details
        raise TextError(f"{path.name} is not {codec.upper()}") from error
    if characters.count("\0") > len(characters) / NULS:
        raise TextError(
            f"{path.name} is not {codec.upper()}: it is full of NUL characters. "
            "If it is a text, it may be UTF-16: try `encoding='utf-16-le'`"
        )
    if re.search("[\ud800-\udfff]", characters):
        raise TextError(f"{path.name} holds surrogates, which are not characters")
    return Text(
        characters=normalise_newlines(characters.removeprefix("\ufeff")),
        name=printable(path.name),  # bytes that are not UTF-8 cannot be written down
        encoding=codec,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
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


def _marked(data: bytes) -> str | None:
    """Return the encoding that a byte order mark stands for."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    return None


def _decoding_failure(
    path: Path, data: bytes, codec: str, error: UnicodeDecodeError
) -> str:
    found = f"byte {data[error.start]:#04x} at offset {error.start}"
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
    marked = _marked(data)
    if marked is not None:
        return marked if _decodes(data, marked) else None
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
