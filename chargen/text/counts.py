"""The loss of plain counts: an n-gram model of a text, as a yardstick for a trained one.

It is interpolated Kneser-Ney with three discounts for each length (Chen and Goodman 1998),
which predicts each character from the characters just before it, up to seven, by how often
they were followed by it. It takes seconds where a network takes minutes; a network that is
no better has learned nothing that could not be looked up.

Nothing is hashed: the n-grams of one length are numbered by sorting pairs of the number of
the n-gram one shorter and the character after it, so that any vocabulary fits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chargen.text.parts import NOTHING, Joined, Part
from chargen.text.vocabulary import Ids

ORDER = 8
"""The characters of the longest n-grams: up to seven known ones and the next one."""

MOST_COUNTED = 4_000_000
"""How many characters of the training text's end are counted: about 4 s and 220 MB."""

MOST_SCORED = 500_000
"""How many characters are scored at most, in `SPANS` evenly spaced pieces."""

SPANS = 16

LEAST_SCORED = 100
"""With fewer characters to score, a loss says nothing."""

Numbers = npt.NDArray[np.int32]
"""The numbers of n-grams: there are no more of them than characters."""

Counts = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


def floor(
    train: Part, scored: Part, vocabulary_size: int, *, context: Part = NOTHING
) -> float:
    """Return the nats per character that counting `train` makes of `scored`.

    Of a training text of over 4 million characters the last 4 million are counted; of over
    500,000 characters to score, 16 evenly spaced pieces of 31,250 are.

    Args:
        train: what to count. It is taken as a circle, as training takes it.
        scored: what to score.
        vocabulary_size: V; any of the ids may occur, whether or not it was counted.
        context: what stands just before `scored`, known but not scored.

    Raises:
        ValueError: there is nothing to count or nothing to score.
    """
    if not len(train) or not len(scored):
        raise ValueError("the loss of counts takes a text to count and a text to score")
    n = min(len(train), MOST_COUNTED)
    held_out, begins, counted = _pieces(scored, context)
    ids = np.concatenate([train.read(len(train) - n), held_out])
    likely = np.full(len(held_out), 1 / vocabulary_size)
    contexts, grams = np.zeros(len(ids), np.int32), _numbered(ids)
    for _ in range(ORDER - 1):
        longer_contexts = _one_later(grams, n, begins)
        longer = _numbered(longer_contexts * np.int64(vocabulary_size) + ids)
        # An n-gram counts once for each different character that comes before it.
        shorter = _of_each(longer[:n], grams[:n])
        counts = np.bincount(shorter[shorter >= 0], minlength=grams.max() + 1)
        _interpolate(likely, counts, contexts, grams)
        contexts, grams = longer_contexts, longer
    counts = np.bincount(grams[:n], minlength=grams.max() + 1)
    _interpolate(likely, counts, contexts, grams)
    return float(-np.log(likely[counted]).mean())


def counted_nats(
    train: Part, scored: Part, vocabulary_size: int, *, context: Part = NOTHING
) -> float | None:
    """Return `floor`, or None if there are under 100 characters to score."""
    if len(scored) < LEAST_SCORED:
        return None
    return floor(train, scored, vocabulary_size, context=context)


def _pieces(scored: Part, context: Part) -> tuple[Ids, Numbers, npt.NDArray[np.bool_]]:
    """Return what is scored, each piece after the characters before it.

    Returns:
        The ids, (s,); the places where pieces begin; and which of the ids are scored.
    """
    before = context.read(max(0, len(context) - ORDER + 1))
    whole = Joined(before, scored)
    spans, length = 1, len(scored)
    if length > MOST_SCORED:
        spans, length = SPANS, MOST_SCORED // SPANS
    starts = len(before) + np.linspace(0, len(scored) - length, spans).astype(np.int32)
    warm = np.minimum(starts, ORDER - 1)
    pieces = [whole.read(s - w, s + length) for s, w in zip(starts, warm, strict=True)]
    counted = [np.arange(-w, length) >= 0 for w in warm]
    begins = np.cumsum(warm + length) - warm - length
    return np.concatenate(pieces), begins, np.concatenate(counted)


def _numbered(keys: npt.NDArray[np.integer]) -> Numbers:
    """Number the different keys from 0, and return the number of each, (n,)."""
    order = np.argsort(keys)
    keys = keys[order]
    new = np.append(False, keys[1:] != keys[:-1])
    numbers = np.empty(len(keys), np.int32)
    numbers[order] = np.cumsum(new, dtype=np.int32)
    return numbers


def _one_later(grams: Numbers, n: int, begins: Numbers) -> Numbers:
    """Return the n-gram that ends just before each place, (n + s,).

    The counted text is a circle of `n` places. Before the beginning of a piece there is
    one that was never counted.
    """
    earlier = np.roll(grams, 1)
    earlier[0] = grams[n - 1]
    earlier[n + begins] = grams.max() + 1
    return earlier


def _of_each(numbers: Numbers, values: Numbers) -> Numbers:
    """Return the value that belongs to each number; -1 for numbers that do not occur."""
    found = np.full(numbers.max() + 1, -1, np.int32)
    found[numbers] = values
    return found


def _interpolate(likely: Floats, counts: Counts, contexts: Numbers, grams: Numbers) -> None:
    """Take the likelihood of each place from one length of context to the next.

    Args:
        likely: the likelihoods (s,) of the last s places, which change.
        counts: of each n-gram, (G,); 0 for those of the scored text alone.
        contexts: the number of each place's context, (n + s,).
        grams: the number of each place's n-gram, (n + s,).
    """
    off = _discounts(counts)[np.minimum(counts, 3)]
    context_of = _of_each(grams, contexts)
    known = contexts.max() + 1
    totals = np.bincount(context_of, counts, minlength=known)
    left = np.bincount(context_of, off, minlength=known)
    contexts, grams = contexts[-len(likely) :], grams[-len(likely) :]
    hit = totals[contexts] > 0
    contexts, grams = contexts[hit], grams[hit]
    likely[hit] *= left[contexts]
    likely[hit] += counts[grams] - off[grams]
    likely[hit] /= totals[contexts]


def _discounts(counts: Counts) -> Floats:
    """Return what is taken off a count of 0, 1, 2, and 3 or more, (4,).

    Where a text is too short to tell, three quarters are; never nothing, so that what was
    not counted stays possible.
    """
    have = np.bincount(np.minimum(counts, 5), minlength=6)
    single = have[1] / max(1, have[1] + 2 * have[2])
    discounts = [0.0]
    for c in (1, 2, 3):
        off = c - (c + 1) * single * have[c + 1] / have[c] if have[c] else 0.75 * c
        discounts.append(min(max(off, 0.1), 0.95 * c))
    return np.array(discounts)
