"""Parts of a text as ids of a vocabulary: a stretch of it, or a choice of its items.

A part is read, some ids at a time, from wherever the text's codes lie. Nothing that uses
one can tell whether that is the memory or a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chargen.text.encoded import END, SCANNED, Codes, Encoded
from chargen.text.policy import LABEL_END
from chargen.text.vocabulary import Ids, Vocabulary

LONGEST_LABEL = 200
"""Characters of a label that are looked at."""

NOWHERE = -1
"""Where a character of a text has no id."""


class Part(Protocol):
    """Ids in a row."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def read(self, start: int = 0, stop: int | None = None) -> Ids:
        """Return the ids from `start` up to `stop`, by default the end; int32."""
        ...


class Stretch:
    """Consecutive characters of a text.

    Args:
        text: the text.
        ids: the id of each code, as `ids_of_codes` returns them.
        start, stop: where the stretch begins and ends in the text.
        backward: whether it is read from its end.
    """

    def __init__(
        self, text: Encoded, ids: Ids, start: int, stop: int, *, backward: bool = False
    ) -> None:
        self.text = text
        self.start = start
        self.stop = stop
        self.backward = backward
        self._ids = ids

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self, start: int = 0, stop: int | None = None) -> Ids:
        """See `Part.read`."""
        stop = len(self) if stop is None else min(stop, len(self))
        start = min(start, stop)
        if self.backward:
            return self._ids[self.text.read(self.stop - stop, self.stop - start)[::-1]]
        return self._ids[self.text.read(self.start + start, self.start + stop)]

    def before(self, count: int) -> Ids:
        """Return the ids that are read just before the stretch, `count` at most."""
        if self.backward:
            end = min(self.stop + count, len(self.text))
            return self._ids[self.text.read(self.stop, end)[::-1]]
        return self._ids[self.text.read(max(0, self.start - count), self.start)]


class Items:
    """Items of a text in some order, each ended by its end mark.

    Args:
        text: the text.
        ids: the id of each code, as `ids_of_codes` returns them.
        chosen: the items, by number, int64 (n,).
        backward: whether each item is read from its end; its end mark comes after it all
            the same.
    """

    def __init__(
        self,
        text: Encoded,
        ids: Ids,
        chosen: npt.NDArray[np.int64],
        *,
        backward: bool = False,
    ) -> None:
        self.text = text
        self.chosen = chosen
        self.backward = backward
        self._ids = ids
        self._ends = np.cumsum(text.starts[chosen + 1] - text.starts[chosen])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def count(self) -> int:
        """How many items there are."""
        return len(self.chosen)

    def read(self, start: int = 0, stop: int | None = None) -> Ids:
        """See `Part.read`."""
        stop = len(self) if stop is None else min(stop, len(self))
        found: list[Codes] = [np.zeros(0, self.text.dtype)]
        place = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            item, end = self.chosen[place], int(self._ends[place])
            offset = int(self.text.starts[item + 1]) - end  # from here into the text
            until = min(end, stop)
            found += self._read_item(item, start + offset, until + offset)
            start, place = until, place + 1
        codes: Codes = np.concatenate(found)
        return self._ids[codes]

    def _read_item(self, item: int, start: int, stop: int) -> list[Codes]:
        """Return the codes of an item that would stand there if it lay in its order."""
        if not self.backward:
            return [self.text.read(start, stop)]
        begin, mark = self.text.starts[item : item + 2] - (0, 1)
        low, high = begin + mark - min(stop, mark), begin + mark - start
        return [self.text.read(low, high)[::-1], self.text.read(mark, stop)]

    def labels(self) -> Iterator[str]:
        """Yield the labels of items that have them."""
        for item in self.chosen.tolist():
            start, stop = self.text.starts[item : item + 2].tolist()
            yield self.text.text(start, min(stop, start + LONGEST_LABEL)).partition(
                LABEL_END
            )[0]

    def texts(self, *, labelled: bool) -> Iterator[str]:
        """Yield what the items say, in reading order and without labels."""
        for item in self.chosen.tolist():
            start, stop = self.text.starts[item : item + 2].tolist()
            text = self.text.text(start, stop)
            yield text.partition(LABEL_END)[2] if labelled else text

    def shuffled(self, random: np.random.Generator) -> Items:
        """Return the same items in another order."""
        chosen = self.chosen[random.permutation(self.count)]
        return Items(self.text, self._ids, chosen, backward=self.backward)


class Plain:
    """Ids that are at hand.

    Args:
        ids: (n,), of any integer type.
    """

    def __init__(self, ids: npt.NDArray[np.integer]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, start: int = 0, stop: int | None = None) -> Ids:
        """See `Part.read`."""
        ids: Ids = self._ids[start:stop].astype(np.int32, copy=False)
        return ids


class Joined:
    """Some ids that are at hand, and after them a part.

    Args:
        ids: int32 (n,).
        part: what follows.
    """

    def __init__(self, ids: Ids, part: Part) -> None:
        self._ids = ids
        self._part = part

    def __len__(self) -> int:
        return len(self._ids) + len(self._part)

    def read(self, start: int = 0, stop: int | None = None) -> Ids:
        """See `Part.read`."""
        count = len(self._ids)
        stop = len(self) if stop is None else stop
        after = self._part.read(max(0, start - count), max(0, stop - count))
        return np.concatenate([self._ids[start:stop], after])


NOTHING = Plain(np.zeros(0, np.int32))


def blocks(part: Part, start: int = 0) -> Iterator[Ids]:
    """Yield the ids of a part from some place on, some at a time."""
    for place in range(start, len(part), SCANNED):
        yield part.read(place, place + SCANNED)


def ids_of_codes(text: Encoded, vocabulary: Vocabulary) -> Ids:
    """Return the id of each code of a text, int32 (codes,).

    Characters that the vocabulary lacks get its mark for unknown ones, or `NOWHERE`.
    """
    ids = vocabulary.find(text.code_points)
    if vocabulary.unknown is not None:
        ids[ids == NOWHERE] = vocabulary.unknown
    ids[END] = NOWHERE if vocabulary.end is None else vocabulary.end
    return ids


def occurring(text: Encoded) -> str:
    """Return the characters that occur in a text, by code point."""
    used = text.counts > 0
    used[END] = False
    return "".join(sorted(map(chr, text.code_points[used].tolist())))
