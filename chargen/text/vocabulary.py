"""The vocabulary, which turns characters into ids and ids into characters.

A character is one Unicode code point. The vocabulary of a text is sorted by code point,
so that it depends on nothing but the text; a checkpoint's vocabulary keeps the order in
which it was written. Marks are ids after those of the characters: `end` stands after each
item of a text that is made of items, `unknown` in place of characters too rare to learn.
No mark is a character, and none is ever printed.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chargen.checks import Whole, check_options, documented, option
from chargen.display import describe
from chargen.errors import UnknownCharacterError

Ids = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

MAX_CHARACTERS = 2**17  # Unicode 17 gives a meaning to 159,801; no text has so many
NAMED_UNKNOWN = 8  # how many unknown characters one message describes

MANY = 1_000
"""Different characters beyond which rare ones are folded by default."""

SHARE_FOLDED = 1e-3
"""Share of a text that the characters that are folded by default make up, at most."""

RARE = 10
"""Occurrences below which a character may be folded by default."""

# Signs that people confuse with one another and that Unicode's compatibility forms keep
# apart.
LOOK_ALIKES = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
    **dict.fromkeys("“”„‟″«»「」『』〝〞《》", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("…⋯", "."),
    **dict.fromkeys("。", "."),
    **dict.fromkeys("、", ","),
    **dict(zip("øłđı", "oldi", strict=True)),
}


class Vocabulary:
    """The characters and marks that the ids 0 … V-1 stand for.

    Args:
        characters: distinct single characters, in id order.
        end: whether there is an end mark; its id comes after those of the characters.
        unknown: whether there is a mark for characters that are not in the vocabulary;
            its id is the last.

    Attributes:
        characters: the characters, in id order.
        end, unknown: the ids of the marks; None for those that there are not.

    Raises:
        ValueError: an item is not a single Unicode scalar value, or occurs twice.
    """

    def __init__(
        self, characters: Iterable[str], *, end: bool = False, unknown: bool = False
    ) -> None:
        self.characters = tuple(characters)
        self._nearest: dict[str, str | None] = {}  # a look through all takes a while
        self.end = len(self.characters) if end else None
        self.unknown = len(self.characters) + end if unknown else None
        for c in self.characters:
            if not isinstance(c, str) or len(c) != 1:
                raise ValueError(f"a vocabulary holds single characters; got {c!a}")
            if "\ud800" <= c <= "\udfff":
                raise ValueError(f"a surrogate is not a character: {c!a}")
        codes = np.array([ord(c) for c in self.characters], np.uint32)
        self._order = np.argsort(codes, kind="stable").astype(np.int32)
        self._sorted = codes[self._order]
        repeated = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if repeated.size:
            raise ValueError(f"the vocabulary holds {chr(repeated[0])!a} twice")

    @classmethod
    def from_text(cls, *texts: str) -> Vocabulary:
        """Return the vocabulary of the texts, sorted by code point."""
        return cls(sorted(set().union(*texts)))

    def __len__(self) -> int:
        """Return V, the number of ids: those of the characters and those of the marks."""
        return len(self.characters) + len(self.marks)

    def __contains__(self, character: object) -> bool:
        return character in self.characters

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.characters)} characters)"

    @property
    def marks(self) -> dict[str, int]:
        """The ids of the marks that there are, by name."""
        named = {"end": self.end, "unknown": self.unknown}
        return {name: place for name, place in named.items() if place is not None}

    def encode(self, text: str, *, what: str = "the text", strict: bool = False) -> Ids:
        """Return the ids of a text's characters, int32 of shape (len(text),).

        A character that the vocabulary lacks becomes the mark for unknown ones.

        Raises:
            UnknownCharacterError: there are such characters, and no such mark, or one that
                is not to be used (`strict`). The message calls the text `what`, names these
                characters, says how often and where they first occur, and suggests some
                that are in the vocabulary.
        """
        ids = self.find(codes_of(text))
        if (ids < 0).any():
            if self.unknown is None or strict:
                raise UnknownCharacterError(self._explain(text, what))
            ids[ids < 0] = self.unknown
        return ids

    def find(self, codes: npt.NDArray[np.uint32]) -> Ids:
        """Return the ids of code points, int32 (n,); -1 for those that it lacks."""
        if not len(self.characters):
            return np.full(len(codes), -1, np.int32)
        places = np.searchsorted(self._sorted, codes).clip(max=len(self.characters) - 1)
        return np.where(self._sorted[places] == codes, self._order[places], -1)

    def decode(self, ids: Iterable[int] | Ids, *, mark: str = "") -> str:
        """Return the text that ids stand for; each mark leaves `mark`."""
        count = len(self.characters)
        return "".join(self.characters[i] if i < count else mark for i in ids)

    def near_misses(self, character: str) -> list[str]:
        """Return the vocabulary's characters that are often meant by `character`.

        These are straight quotes for curly ones, the base letter for an accented one, half
        width for full width, the other case, and each of these the other way round.
        """
        folded = _fold(character)
        return [c for c in self.characters if _fold(c) == folded and c != character]

    def nearest(self, character: str) -> str | None:
        """Return what comes closest to a character and can be written; None for nothing.

        That is the first of these of which the vocabulary has every character: the
        compatibility form (NFKC), or else a character that has the same one; the other
        case; the base letter of an accented one, as it is or in the other case; a sign
        that people confuse with it, such as a straight quote for a curly one.
        """
        if character not in self._nearest:
            self._nearest[character] = self._find_nearest(character)
        return self._nearest[character]

    def _find_nearest(self, character: str) -> str | None:
        known = set(self.characters)
        form = unicodedata.normalize("NFKC", character)
        alike = [c for c in self.characters if unicodedata.normalize("NFKC", c) == form]
        base = _base(character)
        candidates = [form, *alike, character.swapcase(), base, base.swapcase()]
        candidates += [LOOK_ALIKES.get(character, ""), *self.near_misses(character)]
        return next((each for each in candidates if each and known.issuperset(each)), None)

    def _explain(self, text: str, what: str) -> str:
        known = set(self.characters)
        counts = Counter(c for c in text if c not in known)
        lines = []
        for c, count in counts.most_common(NAMED_UNKNOWN):
            times = "once" if count == 1 else f"{count} times, first"
            line = f"  {describe(c)}: {times} at character {text.index(c) + 1}"
            near = self.near_misses(c)
            if near:
                line += f"; did you mean {' or '.join(map(repr, near[:3]))}?"
            lines.append(line)
        if len(counts) > NAMED_UNKNOWN:
            lines.append(f"  and {len(counts) - NAMED_UNKNOWN} more")
        kinds = "a character" if len(counts) == 1 else f"{len(counts)} characters"
        return f"{what} has {kinds} that the model never saw:\n" + "\n".join(lines)


def codes_of(text: str) -> npt.NDArray[np.uint32]:
    """Return the code points of a text, uint32 (len(text),).

    Surrogates, which undecodable bytes of a command line become, are code points here.
    """
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _base(character: str) -> str:
    """Return a character without its accents."""
    parts = unicodedata.normalize("NFD", character)
    return "".join(c for c in parts if not unicodedata.combining(c))


def _fold(character: str) -> str:
    """Reduce a character to what it shares with those it is taken for."""
    folded = LOOK_ALIKES.get(character, character)
    folded = unicodedata.normalize("NFKD", folded)
    base = "".join(c for c in folded if not unicodedata.combining(c)).casefold()
    return LOOK_ALIKES.get(base, base) or character


@documented
@dataclass(frozen=True)
class Folding:
    """Which rare characters become the mark for unknown ones."""

    min_count: int | None = option(
        None,
        Whole(1),
        "Fold characters that occur less often into one mark for unknown ones; 1 keeps "
        "all.",
        group="data",
        default="10, if the text has over 1,000 and the rare ones are under 0.1 % of it",
    )
    max_vocabulary: int | None = option(
        None,
        Whole(1, MAX_CHARACTERS),
        "Fold all but so many of the commonest characters.",
        group="data",
        default="no bound",
    )

    def __post_init__(self) -> None:
        check_options(self)

    @staticmethod
    def pays(different: int, rare_characters: int, characters: int) -> bool:
        """Whether rare characters are folded by default.

        Args:
            different: how many different characters a text has.
            rare_characters: how often those that occur fewer than ten times do, together.
            characters: how many characters the text has.
        """
        return different > MANY and rare_characters < SHARE_FOLDED * characters

    def kept(self, counts: Counts) -> npt.NDArray[np.bool_]:
        """Return which characters stay, bool (n,), given how often each occurs, (n,).

        By default, if there are more than 1,000, those that occur fewer than ten times are
        folded, provided that together they make up less than a thousandth of the text.
        """
        least = self.min_count
        if least is None:
            rare = int(counts[counts < RARE].sum())
            pays = self.pays(len(counts), rare, int(counts.sum()))
            least = RARE if pays and self.max_vocabulary is None else 1
        kept = counts >= least
        if self.max_vocabulary is not None:
            commonest = np.argsort(-counts, kind="stable")[self.max_vocabulary :]
            kept[commonest] = False
        return kept
