"""Reading text files: bytes in, characters out. Standard library only.

One policy, stated in every checkpoint: the encoding is UTF-8 unless asked otherwise or a
byte order mark says UTF-16 or UTF-32; a byte order mark is not part of the text; CRLF
becomes LF; nothing else is changed.
"""

from __future__ import annotations

import codecs
import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chargen.errors import TextError, printable

# UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Text:
    """A text as it was read.

    Attributes:
        characters: the decoded text.
        name: the file's name, without its folder.
        encoding: Python's name of the encoding, such as "utf-8".
        size: bytes of the file.
        sha256: hexadecimal hash of the file's bytes.
    """

    characters: str
    name: str
    encoding: str
    size: int
    sha256: str

    @property
    def source(self) -> dict[str, Any]:
        """The entry that a checkpoint keeps of this file."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256}


def normalise_newlines(text: str) -> str:
    """Turn CRLF into LF: the newline policy "lf" of a checkpoint's `text`."""
    return text.replace("\r\n", "\n")


def read_text(path: Path, *, encoding: str | None = None) -> Text:
    """Read a text file.

    Args:
        path: the file.
        encoding: its encoding; None for UTF-8, or what a byte order mark says.

    Raises:
        TextError: the file cannot be read or decoded, or the encoding is unknown.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TextError(f"cannot read {printable(str(path))}: {error.strerror}") from error
    codec = _codec(encoding) if encoding is not None else _guess(data)
    try:
        characters = data.decode(codec)
    except UnicodeDecodeError as error:
        raise TextError(_decoding_failure(path, data, codec, error)) from error
    return Text(
        characters=normalise_newlines(characters.removeprefix("\ufeff")),
        name=path.name,
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
            f"unknown encoding {encoding!r}: try utf-8, utf-16, gb18030, big5, "
            "shift_jis or cp1252"
        ) from error
    return codec.name


def _guess(data: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    return "utf-8"


def _decoding_failure(
    path: Path, data: bytes, codec: str, error: UnicodeDecodeError
) -> str:
    found = f"byte {data[error.start]:#04x} at offset {error.start}"
    message = f"{printable(path.name)} is not {codec.upper()}: {found} ({error.reason})."
    suggestion = suggest_encoding(data)
    if suggestion is None:
        return f"{message} Name its encoding with --encoding."
    return f"{message} It can be read as {suggestion}: add --encoding {suggestion}"


def suggest_encoding(data: bytes) -> str | None:
    """Return an encoding that decodes `data`, the most plausible of three, or None.

    Several encodings decode the same bytes, so each result is scored by the share of its
    non-ASCII characters that are usual in texts of that encoding.
    """
    scores = {}
    for encoding, usual in _USUAL.items():
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:100_000]
        marked = [i for i, c in enumerate(sample) if c > "\x7f"]
        hits = sum(usual(sample, i) for i in marked)
        scores[encoding] = hits / max(1, len(marked))
    return max(scores, key=lambda encoding: scores[encoding], default=None)


def _usual_chinese(text: str, i: int) -> bool:
    """GB 2312 is the everyday core of GB 18030."""
    try:
        text[i].encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _usual_western(text: str, i: int) -> bool:
    """An accented letter or a typographic sign stands among ASCII, not in a run."""
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    return before <= "\x7f" and after <= "\x7f" and unicodedata.category(text[i]) != "Cc"


def _usual_japanese(text: str, i: int) -> bool:
    """Full-width signs and letters; half-width katakana betray another encoding."""
    c = text[i]
    return "\u3000" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" or c in "！？（）"


_USUAL = {
    "gb18030": _usual_chinese,
    "cp1252": _usual_western,
    "shift_jis": _usual_japanese,
}
