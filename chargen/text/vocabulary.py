"""The vocabulary, which turns characters into ids and ids into characters.

A character is one Unicode code point. The vocabulary of a text is sorted by code point,
so that it depends on nothing but the text; a checkpoint's vocabulary keeps the order in
which it was written.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from chargen.display import describe
from chargen.errors import UnknownCharacterError

Ids = npt.NDArray[np.int32]

MAX_CHARACTERS = 2**17  # Unicode 17 gives a meaning to 159,801; no text has so many
NAMED_UNKNOWN = 8  # how many unknown characters one message describes

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
    """A bijection between characters and the ids 0 … size-1.

    Args:
        characters: distinct single characters, in id order.

    Raises:
        ValueError: an item is not a single Unicode scalar value, or occurs twice.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = tuple(characters)
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
        return len(self.characters)

    def __contains__(self, character: object) -> bool:
        return character in self.characters

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} characters)"

    def encode(self, text: str, *, what: str = "the text") -> Ids:
        """Return the ids of a text's characters, int32 of shape (len(text),).

        Raises:
            UnknownCharacterError: the text has characters that the vocabulary lacks. The
                message calls the text `what`, names these characters, says how often and
                where they first occur, and suggests some that are in the vocabulary.
        """
        # Surrogates (undecodable bytes of a command line) pass here and are unknown below.
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        if not len(self):
            places = np.zeros(len(codes), np.int64)
            known = np.zeros(len(codes), bool)
        else:
            places = np.searchsorted(self._sorted, codes).clip(max=len(self) - 1)
            known = self._sorted[places] == codes
        if not known.all():
            raise UnknownCharacterError(self._explain(text, what))
        return self._order[places]

    def decode(self, ids: Iterable[int] | Ids) -> str:
        """Return the text that ids stand for."""
        return "".join(self.characters[i] for i in ids)

    def near_misses(self, character: str) -> list[str]:
        """Return the vocabulary's characters that are often meant by `character`.

        These are straight quotes for curly ones, the base letter for an accented one, half
        width for full width, the other case, and each of these the other way round.
        """
        folded = _fold(character)
        return [c for c in self.characters if _fold(c) == folded and c != character]

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


def _fold(character: str) -> str:
    """Reduce a character to what it shares with those it is taken for."""
    folded = LOOK_ALIKES.get(character, character)
    folded = unicodedata.normalize("NFKD", folded)
    base = "".join(c for c in folded if not unicodedata.combining(c)).casefold()
    return LOOK_ALIKES.get(base, base) or character
