"""The random streams and the draw. NumPy only.

The draw is documented to the bit, because NumPy guarantees the raw integers of PCG64 and
its jumps across versions, but not the methods of `Generator`: a raw 64-bit integer r gives
the uniform number u = (r >> 11) · 2⁻⁵³ in [0, 1), and the id drawn is the first whose
cumulative probability exceeds u.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from chargen.sampling.rules import Floats
from chargen.text.vocabulary import Ids


class Uniforms:
    """An endless stream of uniform numbers in [0, 1) from `PCG64(seed).jumped(number)`.

    Args:
        seed: a whole number, at least 0.
        number: which of the independent streams of that seed.
    """

    def __init__(self, seed: int, number: int = 0) -> None:
        bits = np.random.PCG64(seed)
        self._bits = bits.jumped(number) if number else bits

    def next(self) -> float:
        """Return the next number: 53 random bits over 2⁵³."""
        return (self._bits.random_raw() >> 11) * 2.0**-53

    def copy(self) -> Uniforms:
        """Return a stream that goes on as this one does."""
        return copy.deepcopy(self)


def draw(log_probabilities: Floats, uniforms: Sequence[float]) -> Ids:
    """Draw an id for each of B texts, by inversion; int32 (B,).

    No id of probability 0 is drawn: u is at most 1 - 2⁻⁵³, so that its product with a total
    is rounded to less than that.

    Args:
        log_probabilities: shape (B, V); they need not be normalised, but the largest of
            each row must be near 0.
        uniforms: a number in [0, 1) for each text.
    """
    odds = np.exp(log_probabilities)
    if len(odds) == 1:  # the same in fewer calls, which are what one text costs
        sums = odds[0].cumsum()
        place = sums.searchsorted(uniforms[0] * sums[-1], side="right")
        return np.array([place], np.int32)
    cumulative = odds.cumsum(axis=-1)
    reached = np.array(uniforms)[:, None] * cumulative[:, -1:]
    found: Ids = (cumulative <= reached).sum(axis=-1, dtype=np.int32)
    return found
