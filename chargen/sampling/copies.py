"""What stands verbatim in a corpus, and which characters would copy it. NumPy only.

An index holds a number for every window of W characters: the code point of the last one in
the lowest 21 bits and, above it, 43 bits of a hash of the W-1 characters before. So all
characters that would complete a window of the corpus are found by one search for the hash
of what has been written, however many characters a model knows.

The hash of c₀, c₁, … is Σ cᵢ·bⁱ modulo the prime 2⁶¹-1, with a base b that owes nothing to
any text (Karp & Rabin 1987). Modulo 2⁶⁴, which would be simpler, long stretches of the
Thue-Morse sequence are taken for one another, whatever the base.

What stands in the corpus is always found. Something else is taken for it now and then: for
n different windows, about once in 2⁴³/n look-ups. That is once in nine million for a corpus
of a million characters, and once in 90,000 for one of a hundred million.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, count, islice

import numpy as np
import numpy.typing as npt

from chargen.text.vocabulary import Vocabulary, codes_of

PRIME = 2**61 - 1
BASE = 0x243F6A8885A308D3 % PRIME
"""The first 64 bits of the fraction of π."""

CODE_BITS = 21
CODE = 2**CODE_BITS - 1
"""The bits of a window's number that are the code point of its last character."""

ALL = 2**64 - 1
"""The bits of a window's number; the upper ones of a hash are lost."""

NO_CHARACTER = 0x110000
"""The first number that is no code point: marks have it and those after it."""

END = "\udfff"
"""What stands after each text while they are cut into pieces. No text has surrogates."""

PIECE = 2**14
"""Windows whose numbers are computed at a time, in arrays that fit into a cache."""

Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class CopyIndex:
    """The windows of a corpus: all stretches of so many characters.

    Attributes:
        numbers: what stands for the windows, sorted, each once, uint64 (n,): 8 bytes for
            each character of a corpus without repetitions.
        window: how many characters a window has.
    """

    numbers: Numbers
    window: int

    @classmethod
    def of(cls, texts: Iterable[Iterable[str]], window: int) -> CopyIndex:
        """Return the index of a corpus.

        Args:
            texts: each in blocks that, joined, are the text. Windows reach across blocks
                but not from one text to the next.
            window: how many characters, at least 1.

        Raises:
            ValueError: a window would have no character.
        """
        if window < 1:
            raise ValueError(f"`window` must be at least 1; got {window}")
        found = array("Q")
        for piece in _pieces(texts, window):
            numbers = _numbers(piece, window)
            if END in piece:
                numbers = numbers[_sums(codes_of(piece) == ord(END), window) == 0]
            found.frombytes(numbers.tobytes())
        return cls(_distinct(np.frombuffer(found, np.uint64)), window)

    def __len__(self) -> int:
        """Return how many different windows there are."""
        return len(self.numbers)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return which parts of a text are copied, as (start, end), in order.

        These are the runs of characters each of whose windows stands in the corpus. Runs
        that overlap, being from different places of the corpus, are given as one.
        """
        found: list[tuple[int, int]] = []
        pieces = (self._held(piece) for piece in _cut(text, self.window))
        for start in compress(count(), chain.from_iterable(pieces)):
            end = start + self.window
            if found and start < found[-1][1]:
                start, _ = found.pop()
            found.append((start, end))
        return found

    def _held(self, piece: str) -> list[bool]:
        """Return for each window of a text whether it stands in the corpus."""
        numbers = _numbers(piece, self.window)
        search = self.numbers.searchsorted
        found: list[bool] = (search(numbers, "right") > search(numbers)).tolist()
        return found

    def following(self, hashes: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Yield what would complete windows that stand in the corpus.

        Args:
            hashes: of W-1 characters each, in [0, PRIME).

        Yields:
            The place of a hash in `hashes`, and the code points that follow there, each
            once. Hashes that nothing follows are left out.
        """
        least = [found << CODE_BITS & ALL for found in hashes]
        bounds = np.array([least, [found | CODE for found in least]], np.uint64)
        begins, ends = self.numbers.searchsorted(bounds).tolist()
        for place, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            if begin < end:
                yield place, (self.numbers[begin:end] & CODE).tolist()


class CopyGuard:
    """What keeps a text from copying: no window of an index is ever completed.

    Args:
        index: what is not to be copied. With windows of N+1 characters, no more than N in a
            row are copied.
        vocabulary: what the ids stand for.
    """

    def __init__(self, index: CopyIndex, vocabulary: Vocabulary) -> None:
        self._index = index
        marks = range(NO_CHARACTER, NO_CHARACTER + len(vocabulary.marks))
        self._codes = [*map(ord, vocabulary.characters), *marks]
        self._ids = {code: i for i, code in enumerate(self._codes)}

    def copies(self, history: Sequence[Sequence[int]]) -> npt.NDArray[np.bool_]:
        """Return which ids would complete a window that stands in the corpus, bool (B, V).

        No mark does, and nothing can where there are fewer than W-1 characters so far.

        Args:
            history: the ids so far of each of B texts, latest last; the last W-1 matter.
        """
        found = np.zeros((len(history), len(self._codes)), bool)
        size = self._index.window - 1
        rows = [i for i, ids in enumerate(history) if len(ids) >= size]
        hashes = [self._hash(islice(reversed(history[i]), size)) for i in rows]
        for place, codes in self._index.following(hashes):
            ids = [self._ids[code] for code in codes if code in self._ids]
            found[rows[place], ids] = True
        return found

    def _hash(self, ids: Iterable[int]) -> int:
        """Return the hash of the characters of ids, the last one of which comes first."""
        found, codes = 0, self._codes
        for i in ids:
            found = (found * BASE + codes[i]) % PRIME
        return found


def _pieces(texts: Iterable[Iterable[str]], window: int) -> Iterator[str]:
    """Yield texts, each with `END` after it, in pieces that have each window once."""
    held: list[str] = []
    length, overlap = 0, window - 1
    for block in chain.from_iterable(chain(text, [END]) for text in texts):
        held.append(block)
        length += len(block)
        if length >= PIECE + overlap:
            text = "".join(held)
            yield from _cut(text, window)
            held, length = [text[length - overlap :]], overlap
    yield from _cut("".join(held), window)


def _cut(text: str, window: int) -> Iterator[str]:
    """Yield a text in pieces of up to `PIECE` windows that have each window once."""
    for begin in range(0, len(text) - window + 1, PIECE):
        yield text[begin : begin + PIECE + window - 1]


def _numbers(piece: str, window: int) -> Numbers:
    """Return what stands for each window of a text of n characters, uint64 (n-W+1,)."""
    codes = codes_of(piece).astype(np.uint64)
    found = _hashes(codes[:-1], window - 1)
    found <<= CODE_BITS
    found |= codes[window - 1 :]
    return found


def _hashes(codes: Numbers, size: int) -> Numbers:
    """Return the hashes of all `size` characters in a row among n, uint64 (n-size+1,).

    Sums up to each place give those of windows, times bⁱ for the window at i.
    """
    terms = _product(codes, _powers(BASE, PIECE + size)[: len(codes)])
    upper, lower = _sums(terms >> 31, size), _sums(terms & (2**31 - 1), size)
    sums = _fold((upper >> 30) + ((upper & (2**30 - 1)) << 31) + lower)
    return _product(sums, _powers(pow(BASE, -1, PRIME), PIECE + size)[: len(sums)])


@functools.cache
def _powers(base: int, count: int) -> Numbers:
    """Return baseⁱ modulo `PRIME` for i = 0 … count-1, or further."""
    found = np.ones(1, np.uint64)
    while len(found) < count:
        factor = np.array([pow(base, len(found), PRIME)], np.uint64)
        found = np.concatenate([found, _product(found, factor)])
    return found


def _product(x: Numbers, y: Numbers) -> Numbers:
    """Return x·y modulo `PRIME`, in [0, PRIME); x and y are below 2⁶¹ + 7."""
    upper_x, lower_x = x >> 32, x & (2**32 - 1)
    upper_y, lower_y = y >> 32, y & (2**32 - 1)
    middle = upper_x * lower_y + lower_x * upper_y
    found = (upper_x * upper_y << 3) + (middle >> 29) + ((middle & (2**29 - 1)) << 32)
    found = _fold(found + _fold(lower_x * lower_y))
    return np.minimum(found, found - PRIME)  # what is below the prime wraps around


def _fold(x: Numbers) -> Numbers:
    """Return a number that is x modulo `PRIME`, below 2⁶¹ + 7."""
    return (x & PRIME) + (x >> 61)


def _sums(x: npt.NDArray[np.generic], size: int) -> Numbers:
    """Return the sums of all `size` numbers in a row among n, uint64 (n-size+1,)."""
    sums = np.zeros(len(x) + 1, np.uint64)
    np.cumsum(x, out=sums[1:])
    return sums[size:] - sums[: len(sums) - size]


def _distinct(numbers: Numbers) -> Numbers:
    """Return numbers sorted and each once; in their own place, for there may be many."""
    numbers.sort()
    kept = 0
    for begin in range(0, len(numbers), PIECE):
        piece = numbers[begin : begin + PIECE]
        found = piece[np.diff(piece, prepend=~piece[:1]) != 0]
        if kept and found[0] == numbers[kept - 1]:
            found = found[1:]
        numbers[kept : kept + len(found)] = found
        kept += len(found)
    return numbers[:kept]
