"""Whether a text is plainly a list: items, one a line, that do not depend on each other.

The rule would rather miss a list than cut up a running text. It knows three kinds: names
(of one word or a few, or written like titles), chemical formulas in SMILES, and poems with
their titles. It looks at lines one by one, so their order makes no difference.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean

MIN_LINES = 20
"""Fewer lines are too few to tell, and to learn from."""

MAX_BLANK = 0.02
"""The share of blank lines, save at the ends. Between stanzas there are more."""

MIN_DISTINCT = 0.8
"""The share of different lines. Code, chats, songs and words of a text repeat theirs."""

SPANS, SPAN = 40, 100
"""Spans looked at closely, and lines of each; not every n-th line, which may be alike."""

NEARLY_ALL = 0.95
"""The share of lines that have to be as the rule says: files have headers and slips."""

MOSTLY = 0.5
"""The share of lines that shows what there is to judge: titles, Chinese characters."""

MAX_WORDS = 2.2
"""Words on an average line of names. Lines of verse have seven, of haiku four."""

MAX_ITEM = 500
"""Characters of an item of any kind: of a formula or a poem, say."""

MAX_NAME = 4.5
"""Words of one name."""

MAX_NAME_LETTERS = 40
"""Characters of one name; a line of a language without spaces soon has more."""

MAX_TITLE = 15
"""Words of one title."""

MIN_CAPITALS = 0.75
"""The share of words in titles, small and first ones aside, that begin with a capital.
In German prose, where all nouns do, it is about 0.4."""

MAX_DIGITS = 0.2
"""The share of names with digits. Logs, tables and hashes have them on every line."""

MAX_TALK = 0.05
"""The share of names with a word of talk."""

MAX_SIGNS = 0.05
"""The share of names with signs that sentences, tables and code are full of."""

MAX_TITLE_TALK, MAX_TITLE_SIGNS = 0.2, 0.35
"""The same for titles, which have colons and commas, and speak of you and me."""

SAME_WIDTH = 0.8
"""The share of lines of one length in text that is broken at a width, such as Base64."""

MIN_WIDTH = 13
"""Characters of the narrowest such text; words of one length make a list."""

METRES = {3: 0.95, 4: 0.8, 5: 0.5, 6: 0.5, 7: 0.5}
"""The share of Chinese lines of so many characters that makes them verse, with titles in
between. Most Chinese names have three characters, many Japanese ones four."""

MAX_HIRAGANA = 0.3
"""The share of Japanese names with hiragana, in which verse writes its particles."""

MIN_FORM = 0.9
"""The share of poems that have the commonest form."""

MIN_PHRASES = 4
"""Phrases of a poem. With fewer, a line may be part of a longer poem."""

MIN_TITLES = 0.5
"""The share of different titles. A speaker in a play speaks more than once."""

# What people say of themselves and others, in a few languages; and a word at the end of a
# line that calls for another one, as where a sentence is broken into short lines.
_TALK = re.compile(
    r"\b(?:i|me|my|you|your|he|she|it|we|they|is|are|was|were|has|have|had|not|"
    "ich|du|er|wir|ihr|ist|bin|hat|nicht|je|tu|il|elle|nous|est|suis|"
    r"я|ты|он|она|мы|вы|не|меня|тебя|أنا|أنت|هو|هي|نحن)\b"
    "|[我你您他她吗呢吧了的]"
    r"|\w\s+(?:the|a|an|and|or|of|in|on|to|at|with|for|from|der|die|das|den|ein|und|im|am|"
    "le|la|les|un|et|à|и|в|на|с|по|في|من|على|إلى)$",
    re.IGNORECASE,
)

# Signs of sentences, markup, tables and code; indentation; and full stops.
_SIGNS = re.compile(
    r"^[\s\-*•·–—+#>/.(]|[\t,;:!?\"{}<>|=\\\[\]$%^*~`]|\.$|\.\.|\(\)|--"
    "|[，。！？；：、…—「」『』《》【】“”„‟«»،؛؟।॥۔]"
)

_DIGIT = re.compile(r"\d")
_CHINESE = re.compile("[\u3400-\u9fff]")
_HIRAGANA = re.compile("[\u3041-\u309f]")

# A word has about two characters of Chinese, hiragana or Hangul, and about six of katakana
# or the scripts of Thailand, Burma and Cambodia, most of which write no spaces.
_TWO_A_WORD = re.compile(
    "[\u2e80-\u309f\u3100-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SIX_A_WORD = re.compile("[\u30a0-\u30ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")

_SMILES = re.compile(
    r"(?=.*[Cc])(?:Br|Cl|[BCNOPSFIbcnops]|\[[^\[\]\s]+\]|%\d\d|[\d()=#$:/\\.~+*-])+"
)
_POEM = re.compile(r"([^:：]+)[:：](.+)")


def looks_like_a_list(text: str) -> bool:
    """Return whether a text, or a long text's beginning, is plainly a list."""
    lines = text.strip("\n").split("\n")
    written = [line.rstrip() for line in lines if line and not line.isspace()]
    if (
        len(written) < MIN_LINES
        or len(lines) - len(written) > MAX_BLANK * len(lines)
        or len(set(written)) < MIN_DISTINCT * len(written)
    ):
        return False
    seen = _spans(written)
    return _share(lambda line: len(line) <= MAX_ITEM, seen) >= NEARLY_ALL and (
        _are_formulas(seen) or _are_poems(seen) or _are_names(seen)
    )


def _spans(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines of evenly spaced spans; all if they are few."""
    if len(lines) <= SPANS * SPAN:
        return lines
    starts = (len(lines) * i // SPANS for i in range(SPANS))
    return [line for start in starts for line in lines[start : start + SPAN]]


def _share(holds: Callable[[str], object], lines: Sequence[str]) -> float:
    return fmean(bool(holds(line)) for line in lines)


def _are_formulas(lines: Sequence[str]) -> bool:
    return _share(_SMILES.fullmatch, lines) >= NEARLY_ALL and not _one_width(lines)


def _are_poems(lines: Sequence[str]) -> bool:
    """Whether each line is a title, a colon, and a poem; nearly all of the same form."""
    found = [match.groups() for line in lines if (match := _POEM.fullmatch(line))]
    if len(found) < NEARLY_ALL * len(lines):
        return False
    titles = {title for title, _ in found}
    forms = Counter(re.sub(r"\w+", _length, poem) for _, poem in found)
    ((form, count),) = forms.most_common(1)
    return (
        len(titles) >= MIN_TITLES * len(lines)
        and count >= MIN_FORM * len(lines)
        and len(re.findall(r"\d+", form)) >= MIN_PHRASES
        and _share(_TWO_A_WORD.search, lines) >= NEARLY_ALL
    )


def _length(match: re.Match[str]) -> str:
    return str(len(match[0]))


def _are_names(lines: Sequence[str]) -> bool:
    if _share(_DIGIT.search, lines) > MAX_DIGITS or _one_width(lines):
        return False
    signs = _share(_SIGNS.search, lines)
    talk = _share(_TALK.search, lines)
    return (signs <= MAX_SIGNS and talk <= MAX_TALK and _are_brief(lines)) or (
        signs <= MAX_TITLE_SIGNS and talk <= MAX_TITLE_TALK and _are_titles(lines)
    )


def _are_brief(lines: Sequence[str]) -> bool:
    words = [_words(line) for line in lines]
    return (
        fmean(words) <= MAX_WORDS
        and fmean(count <= MAX_NAME for count in words) >= NEARLY_ALL
        and _share(lambda line: len(line) <= MAX_NAME_LETTERS, lines) >= NEARLY_ALL
        and not _are_east_asian_verse(lines)
    )


def _words(line: str) -> float:
    if line.isascii():
        return len(line.split())
    line, two = _TWO_A_WORD.subn(" ", line)
    line, six = _SIX_A_WORD.subn(" ", line)
    return two / 2 + six / 6 + len(line.split())


def _are_titles(lines: Sequence[str]) -> bool:
    later = [word for line in lines for word in line.split()[1:] if len(word) > 3]
    later = [word for word in later if word[0].isalpha()]
    capitals = [word for word in later if word[0].isupper() and not word.isupper()]
    return (
        len(later) >= MOSTLY * len(lines)
        and len(capitals) >= MIN_CAPITALS * len(later)
        and _share(lambda line: len(line.split()) <= MAX_TITLE, lines) >= NEARLY_ALL
    )


def _one_width(lines: Sequence[str]) -> bool:
    ((width, count),) = Counter(map(len, lines)).most_common(1)
    return width >= MIN_WIDTH and count >= SAME_WIDTH * len(lines)


def _are_east_asian_verse(lines: Sequence[str]) -> bool:
    if _share(_CHINESE.search, lines) < MOSTLY:
        return False
    lengths = Counter(map(len, lines))
    return (
        any(lengths[length] >= share * len(lines) for length, share in METRES.items())
        or _share(_HIRAGANA.search, lines) > MAX_HIRAGANA
    )
