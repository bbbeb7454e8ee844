"""What may be wrong with a text: characters that were lost, look alike, or are not seen."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

EXAMPLES = 3
"""What is shown of each kind of finding."""

KINDS = {
    "replacement": "characters that were lost when the text was decoded",
    "mojibake": "letters that were decoded in a wrong encoding",
    "control": "control characters",
    "private": "characters without a meaning of their own (private use)",
    "unassigned": "characters that have no meaning yet (unassigned)",
    "invisible": "characters that nobody sees",
    "mixed-scripts": "letters that look like those of the script beside them",
    "widths": "full-width characters beside the same in half width, or the reverse",
    "quotes": "straight quotes beside curly ones, or the reverse",
    "spaces": "spaces that are not the usual one",
    "newlines": "line ends that differ from the others; all become LF",
    "decomposed": "accents as characters of their own; they are joined to their letters",
    "stray-marks": "accents without a letter",
}
"""What may be wrong with a text, the most serious first."""


@dataclass(frozen=True)
class Finding:
    """Something that may be wrong with a text.

    Attributes:
        kind: one of `KINDS`.
        count: how often it occurs.
        examples: some of it, the commonest first.
    """

    kind: str
    count: int
    examples: tuple[str, ...]


SHIFT = 0xFEE0
"""How far full-width characters lie from those of ASCII."""

FULL_WIDTHS = range(0xFF01, 0xFF5F)
QUOTES = (("'", "‘’"), ('"', "“”"))
_CATEGORIES = {
    "Cc": "control",
    "Co": "private",
    "Cn": "unassigned",
    "Cf": "invisible",
    "Zl": "invisible",
    "Zp": "invisible",
    "Zs": "spaces",
}
_USUAL = frozenset("\n\t \u3000\u200c\u200d")
"""Characters of these categories that texts need: the last two join letters and emoji."""


def _byte_characters() -> dict[str, int]:
    """Return the characters that cp1252 and Latin-1 make of bytes beyond ASCII."""
    found = {chr(byte): byte for byte in range(0x80, 0x100)}
    found |= {bytes([b]).decode("cp1252", "replace"): b for b in range(0x80, 0xA0)}
    del found["\ufffd"]  # for the five bytes that cp1252 has no character for
    return found


_BYTES = _byte_characters()
_FOLLOWING = re.escape("".join(c for c, byte in _BYTES.items() if byte < 0xC0))
_NATURAL = frozenset("\u00a0«»‘’‚“”„–—…•·°")
"""Those of the following bytes' characters that stand behind accented letters anyway."""

_LEADING = frozenset("ÂÃÄÅÎÏÐÑàáâãäåæçèéêëìíîïð锟")
_MOJIBAKE = re.compile(
    f"[Â-ÅÎ-Ñ][{_FOLLOWING}]|[à-ï][{_FOLLOWING}]{{2}}|ð[{_FOLLOWING}]{{3}}|锟斤拷"
)
_MARKS = "\u0300-\u036f\u3099\u309a"
_ACCENTS = frozenset(map(chr, (*range(0x300, 0x370), 0x3099, 0x309A)))
_STRAY = re.compile(f"(?<!\\S)[{_MARKS}]")
_ACCENTED = re.compile(
    f"[^\\W\\d_][{_MARKS}]{{1,4}}|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"
)
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = "A-Za-zÀ-ÖØ-öø-ÿ"
_LIKE_LATIN = "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"
_LIKE_CYRILLIC = "aceopxyijsABCEHIJKMOPSTXY"
_CYRILLIC = "\u0400-\u052f"
_OTHER_LETTERS = frozenset(map(chr, range(0x400, 0x530))) | frozenset(_LIKE_LATIN)
_MIXED = re.compile(
    f"[{_LATIN}][{_LIKE_LATIN}]|[{_LIKE_LATIN}][{_LATIN}]"
    f"|[{_CYRILLIC}][{_LIKE_CYRILLIC}]|[{_LIKE_CYRILLIC}][{_CYRILLIC}]"
)


class Oddities:
    """Counts what cannot be told from how often each character occurs.

    Attributes:
        newlines: the line ends.
        mojibake: what UTF-8 becomes in another encoding.
        mixed: words of letters of two scripts that look alike.
        decomposed: letters with accents as characters of their own.
        stray: accents without a letter.
    """

    def __init__(self) -> None:
        self.newlines: Counter[str] = Counter()
        self.mojibake: Counter[str] = Counter()
        self.mixed: Counter[str] = Counter()
        self.decomposed: Counter[str] = Counter()
        self.stray: Counter[str] = Counter()

    def add(self, piece: str) -> None:
        """Count what is in a piece."""
        both = piece.count("\r\n")
        self.newlines["CRLF"] += both
        self.newlines["LF"] += piece.count("\n") - both
        self.newlines["CR"] += piece.count("\r") - both
        if piece.isascii():
            return
        seen = set(piece)  # searching for what is not there takes longer
        if seen & _LEADING:
            self.mojibake.update(filter(_is_mojibake, _MOJIBAKE.findall(piece)))
        if seen & _ACCENTS:
            self.stray.update(_STRAY.findall(piece))
        if seen & _OTHER_LETTERS and _MIXED.search(piece):
            self.mixed.update(filter(_MIXED.search, _WORD.findall(piece)))
        if not unicodedata.is_normalized("NFC", piece):
            self.decomposed.update(filter(_is_decomposed, _ACCENTED.findall(piece)))


def findings(seen: Counter[str], oddities: Oddities) -> Iterator[Finding]:
    """Yield what may be wrong, in the order of `KINDS`."""
    ends = Counter(+oddities.newlines)
    usual = ends.most_common(1)
    found = {
        **_by_category(seen),
        "mojibake": oddities.mojibake,
        "mixed-scripts": oddities.mixed,
        "widths": _rarer(seen, [(chr(c), chr(c - SHIFT)) for c in FULL_WIDTHS]),
        "quotes": _rarer(seen, QUOTES),
        "newlines": ends - Counter(dict(usual)),
        "decomposed": oddities.decomposed,
        "stray-marks": oddities.stray,
    }
    for kind in KINDS:
        counts = found.get(kind)
        if counts:
            examples = tuple(example for example, _ in counts.most_common(EXAMPLES))
            yield Finding(kind, counts.total(), examples)


def _by_category(seen: Counter[str]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for c, count in seen.items():
        kind = _CATEGORIES.get(unicodedata.category(c))
        if c == "\ufffd":
            kind = "replacement"
        if kind is not None and c not in _USUAL:
            found[kind][c] = count
    return found


def _rarer(seen: Counter[str], pairs: Iterable[tuple[str, str]]) -> Counter[str]:
    """Return the characters of the rarer half of each pair, if there are both."""
    found: Counter[str] = Counter()
    for halves in pairs:
        one, other = ({c: seen[c] for c in half if seen[c]} for half in halves)
        if one and other:
            found.update(min(one, other, key=lambda half: sum(half.values())))
    return found


@lru_cache(10_000)
def _is_mojibake(sequence: str) -> bool:
    if sequence == "锟斤拷":  # two replacement characters, in GB 18030
        return True
    if sequence[0] != "Â" and _NATURAL.issuperset(sequence[1:]):
        return False
    try:
        bytes(_BYTES[c] for c in sequence).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(10_000)
def _is_decomposed(letter: str) -> bool:
    return len(unicodedata.normalize("NFC", letter)) < len(letter)
