"""The random stream and the draw. NumPy only.

The draw is documented to the bit, because NumPy guarantees the raw integers of PCG64
across versions, but not the methods of `Generator`: a raw 64-bit integer r gives the
uniform number u = (r >> 11) · 2⁻⁵³ in [0, 1), and the id drawn is the first whose
cumulative probability exceeds u.
"""

from __future__ import annotations

import numpy as np

from chargen.sampling.rules import Floats


class Uniforms:
    """An endless stream of uniform numbers in [0, 1) from `PCG64(seed)`.

    Args:
        seed: a whole number, at least 0.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def next(self) -> float:
        """Return the next number: 53 random bits over 2⁵³."""
        return (self._bits.random_raw() >> 11) * 2.0**-53


def draw(log_probabilities: Floats, uniform: float) -> int:
    """Draw an id by inversion.

    Args:
        log_probabilities: shape (V,); they need not be normalised, but their exponentials
            must not overflow.
        uniform: a number in [0, 1).
    """
    cumulative = np.exp(log_probabilities).cumsum()
    return int(cumulative.searchsorted(uniform * cumulative[-1], side="right"))
