"""What changes the odds of the next character: pure functions, in one order. NumPy only.

A rule takes log-probabilities, which need not be normalised, and what has been written so
far, and returns log-probabilities; -inf forbids a character. The field of `Sampling` that
has the rule's name switches it on; None leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.sampling.options import Sampling

Floats = npt.NDArray[np.floating]
LogProbabilities = npt.NDArray[np.float64]
"""(B, V): for each of B texts, one number per character."""

History = Sequence[Sequence[int]]
"""The ids so far of each of B texts, latest last: the seed text, then what was drawn."""

LEAST_TEMPERATURE = 1e-200
"""Anything lower gives the same probabilities, but the division could overflow."""


def shifted(logits: Floats) -> LogProbabilities:
    """Return logits (..., V) as float64, shifted so that the largest of V is 0.

    That changes no probability, and exponentials cannot overflow.
    """
    found = logits.astype(np.float64)
    found -= found.max(axis=-1, keepdims=True)
    return found


def log_softmax(logits: Floats) -> LogProbabilities:
    """Return the logarithms of softmax(logits), float64 (..., V)."""
    rest: Floats = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(rest, dtype=np.float64).sum(axis=-1, keepdims=True)
    found: LogProbabilities = rest - np.log(total)
    return found


def temperature(
    log_probabilities: LogProbabilities, history: History, value: float
) -> LogProbabilities:
    """Divide by a temperature: below 1 the likely becomes likelier.

    At 0, the limit, only the likeliest character is left; among equals, the lowest id.
    """
    if value == 0:
        greedy = np.full_like(log_probabilities, -np.inf)
        likeliest = log_probabilities.argmax(axis=-1)[..., None]
        np.put_along_axis(greedy, likeliest, 0.0, axis=-1)
        return greedy
    return log_probabilities / max(value, LEAST_TEMPERATURE)


Rule = Callable[[LogProbabilities, History, Any], LogProbabilities]

RULES: tuple[tuple[str, Rule], ...] = (("temperature", temperature),)
"""Rules by the names of their fields in `Sampling`, in the order of their application."""


def apply_rules(
    logits: Floats, history: History, sampling: Sampling, never: int | None = None
) -> LogProbabilities:
    """Return the log-probabilities to draw the next characters by, given logits (B, V).

    Args:
        logits: what the model says.
        history: what the texts are so far.
        sampling: the rules.
        never: an id that is not drawn, whatever the rules say; None for no such id.
    """
    if never is not None:  # before the shift: the largest of what is left becomes 0
        logits = logits.copy()
        logits[:, never] = -np.inf
    found = shifted(logits)
    for name, rule in RULES:
        value = getattr(sampling, name)
        if value is not None:
            found = rule(found, history, value)
    return found
