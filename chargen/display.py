"""How texts, characters and durations are shown to a person. Standard library only."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

# The marks that reverse the reading order, and the separators that some terminals obey.
_STEERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029") | {
    chr(code) for code in range(0x2066, 0x206A)
}


def printable(text: str) -> str:
    """Return `text` with everything that could steer a terminal written as an escape.

    Newline and tab stay. Other control characters, surrogates and the marks that reverse
    the reading order become `\\x1b`, `\\u202e` and the like, so that neither a stranger's
    checkpoint nor a corpus can move the cursor, change colours or mislead the reader.
    """
    return "".join(
        c.encode("unicode_escape").decode("ascii")
        if c in _STEERING or (c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs"))
        else c
        for c in text
    )


def one_line(text: str) -> str:
    """Return `text` as `printable` does, newlines and tabs as escapes too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def describe(character: str) -> str:
    """Name one character for a message: `'“' (U+201C LEFT DOUBLE QUOTATION MARK)`."""
    name = unicodedata.name(character, "")
    shown = repr(character) if character.isprintable() else ascii(character)
    return f"{shown} (U+{ord(character):04X}{' ' + name if name else ''})"


def format_seconds(seconds: float) -> str:
    """Write a duration as `--for` reads it: 90 → "1m30s"."""
    if seconds != int(seconds):
        return f"{seconds:f}s" if seconds < 1e-4 else f"{seconds!r}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"


def describe_passes(passes: float) -> str:
    """Write a number of passes over a text: "3 passes", "1 pass", "0.02 passes"."""
    count = f"{round(passes):,}" if passes >= 0.95 else f"{passes:.1g}"
    return f"{count} pass{'es' * (count != '1')}"


def suggestion(name: str, names: Iterable[str]) -> str:
    """End a sentence, with a suggestion if one of the names is similar, endings aside."""
    folded = {Path(known).stem.casefold(): known for known in names}
    import difflib  # slow, and only errors need it

    near = difflib.get_close_matches(Path(name).stem.casefold(), folded, 1)
    return f". Did you mean {folded[near[0]]}?" if near else "."
