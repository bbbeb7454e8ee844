"""Files that no text can be read from, known by their names or their first bytes."""

from __future__ import annotations

from chargen.errors import TextError
from chargen.text.formats.detect import marked, wide

NULS = 10  # bytes for each NUL byte; a text has no NUL characters


class RefusedError(TextError):
    """A file is not a text; in a folder it is passed over."""


WORD = "an old document of Word, or one with a password,"
SHEET = "a spreadsheet"
SLIDES = "a set of slides"
KINDLE = "a Kindle book"
ARCHIVE = "an archive"
IMAGE = "an image"
SOUND = "a sound"
FILM = "a film"
PROGRAM = "a program"
FONT = "a font"
DATA = "a file of numbers"

ADVICE = {
    ARCHIVE: "unpack it, and name the texts that were in it",
    KINDLE: "turn it into an .epub, with Calibre for one",
    SHEET: "open it in its program, and save it as .csv in UTF-8",
    **dict.fromkeys((IMAGE, SOUND, FILM, PROGRAM, FONT, DATA), "there is nothing to read"),
}
"""What to do with a file of a kind, where it is not `SAVE`."""

SAVE = "open it in its program, and save it as plain text in UTF-8 (.txt)"

SUFFIXES = {
    ".doc": WORD,
    ".rtf": "rich text (.rtf)",
    **dict.fromkeys((".pages", ".wps", ".wpd", ".djvu", ".mht", ".mhtml"), "a document"),
    **dict.fromkeys((".xls", ".xlsx", ".xlsm", ".ods"), SHEET),
    **dict.fromkeys((".ppt", ".pptx", ".odp"), SLIDES),
    **dict.fromkeys((".mobi", ".azw", ".azw3"), KINDLE),
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".jar", ".whl"), ARCHIVE),
    **dict.fromkeys((".tgz", ".tbz", ".tbz2", ".txz"), ARCHIVE),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tiff"), IMAGE),
    **dict.fromkeys((".mp3", ".wav", ".ogg", ".flac", ".m4a"), SOUND),
    **dict.fromkeys((".mp4", ".mkv", ".avi", ".mov", ".webm"), FILM),
    **dict.fromkeys((".exe", ".dll", ".so", ".dylib", ".o", ".pyc", ".class"), PROGRAM),
    **dict.fromkeys((".ttf", ".otf", ".woff", ".woff2"), FONT),
    **dict.fromkeys((".npy", ".npz", ".h5", ".safetensors", ".pt"), DATA),
}
"""What files are whose names end in this way."""

BEGINNINGS = {
    b"\xd0\xcf\x11\xe0": WORD,
    b"{\\rtf": "rich text (.rtf)",
    b"PK\x03\x04": ARCHIVE,
    b"PK\x05\x06": ARCHIVE,
    b"7z\xbc\xaf": ARCHIVE,
    b"Rar!\x1a\x07": ARCHIVE,
    b"\x89PNG": IMAGE,
    b"\xff\xd8\xff": IMAGE,
    b"GIF87a": IMAGE,
    b"GIF89a": IMAGE,
    b"ID3\x03": SOUND,
    b"ID3\x04": SOUND,
    b"OggS\x00": SOUND,
    b"fLaC\x00": SOUND,
    b"\x7fELF": PROGRAM,
    b"MZ\x90\x00": PROGRAM,
    b"\xcf\xfa\xed\xfe": PROGRAM,
    b"\xca\xfe\xba\xbe": PROGRAM,
    b"wOFF": FONT,
    b"wOF2": FONT,
    b"\x93NUMPY": DATA,
    b"\x89HDF\r\n": DATA,
    b"SQLite format 3\x00": "a database",
}
"""What files are that begin in this way."""

INSIDE = {(257, b"ustar"): ARCHIVE, (4, b"ftyp"): FILM, (8, b"WEBP"): IMAGE}
"""What files are that have these bytes at this offset."""


def refuse(name: str, kind: str) -> RefusedError:
    """Return the error that says what a file is and what to do with it."""
    advice = ADVICE.get(kind, SAVE)
    return RefusedError(f"{name} is {kind} and not plain text: {advice}")


def refused_suffix(suffix: str) -> str | None:
    """Return what a file is by the end of its name; None if it may be a text."""
    return SUFFIXES.get(suffix)


def refused_head(head: bytes) -> str | None:
    """Return what a file is by its first bytes; None if it may be a text.

    UTF-16 and UTF-32 are full of NULs as well; they may be texts.
    """
    for beginning, kind in BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    for (offset, bytes_), kind in INSIDE.items():
        if head.startswith(bytes_, offset):
            return kind
    text = marked(head) is not None or wide(head) is not None
    if head.count(0) > len(head) / NULS and not text:
        return "full of NUL bytes"
    return None
