"""From logits to the next character: pure functions and one random stream. NumPy only.

The draw is documented to the bit, because NumPy guarantees the raw integers of PCG64
across versions and not the methods of `Generator`: a raw 64-bit integer r gives the
uniform number u = (r >> 11) · 2⁻⁵³ in [0, 1), and the id drawn is the first whose
cumulative probability exceeds u.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chargen.config import is_number, require

Floats = npt.NDArray[np.floating]


LEAST_TEMPERATURE = 1e-200
"""What lies below gives the same probabilities, but the division could overflow."""


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


def check_temperature(temperature: float) -> None:
    """Raise `ValueError` unless `temperature` is a finite number, at least 0."""
    fits = is_number(temperature) and temperature >= 0
    require(fits, "temperature", "a finite number, at least 0", temperature)


def with_temperature(logits: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """Return logits / temperature, shifted so that the largest is 0.

    Args:
        logits: shape (V,).
        temperature: above 0. Below 1 the likely becomes likelier; the limit 0 is greedy.

    Returns:
        float64 (V,), all ≤ 0: the shift changes no probability and forbids overflow.
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max()
    shifted /= max(temperature, LEAST_TEMPERATURE)
    return shifted


def draw(logits: Floats, uniform: float) -> int:
    """Draw an id with probability softmax(logits), by inversion.

    Args:
        logits: shape (V,), the largest 0 as `with_temperature` leaves it.
        uniform: a number in [0, 1).
    """
    cumulative = np.exp(logits).cumsum()
    return int(cumulative.searchsorted(uniform * cumulative[-1], side="right"))


def choose(logits: Floats, temperature: float, uniforms: Uniforms) -> int:
    """Return the next id: at temperature 0 the likeliest, lowest of equals, else drawn.

    Args:
        logits: shape (V,).
        temperature: at least 0.
        uniforms: advanced by one number, unless the temperature is 0.
    """
    if temperature == 0:
        return int(logits.argmax())
    return draw(with_temperature(logits, temperature), uniforms.next())
