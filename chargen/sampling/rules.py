"""What changes the odds of the next character: pure functions, in one order. NumPy only.

A rule takes log-probabilities, what has been written so far, and a value, and returns
log-probabilities. They are shifted, before and after, so that each row's largest is 0,
rather than normalised: no exponential overflows, nor do all of them vanish. -inf forbids a
character. The field of `Sampling` that has the rule's name switches it on; None leaves it
out. Of characters that are equally likely, those with the lower ids come first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.sampling.options import Sampling
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary, codes_of

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
LogProbabilities = npt.NDArray[np.float64]
"""(B, V): for each of B texts, one number per character, of which the largest is 0."""

History = Sequence[Sequence[int]]
"""The ids so far of each of B texts, latest last: the seed text, then what was drawn."""

CHAIN = 1
"""The version of the order and the meaning of the rules; samples are recorded with it."""

LEAST_TEMPERATURE = 1e-200
"""Anything lower gives the same probabilities, but the division could overflow."""

LARGEST_BIAS = 1e100
"""A larger one does nothing more, but sums and quotients could overflow."""

# Measured by benchmarks/loops.py: from 12 characters on and with bases from 1.1 to 1.5, no
# text loops, and ordinary texts have the nats and the new words that they have without.
# A newline is a breaker, since what stands between newlines, such as a speaker's name in a
# play, has to recur. At temperature 0, texts go round in loops longer than a short window.
DRY_STRENGTH = 0.8
DRY_BASE = 1.2
DRY_WINDOW = 10_000
DRY_MOST = 64
"""Of a repetition, so many characters beyond the allowed ones count: more is hopeless."""


def log_softmax(logits: Floats) -> LogProbabilities:
    """Return the logarithms of softmax(logits), float64 (..., V)."""
    rest: Floats = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(rest, dtype=np.float64).sum(axis=-1, keepdims=True)
    found: LogProbabilities = rest - np.log(total)
    return found


def dry(
    log_probabilities: LogProbabilities,
    history: History,
    allowed: int,
    breaker: int | None = None,
) -> LogProbabilities:
    """Make what would continue a repetition less likely ("don't repeat yourself").

    If the last n ≥ `allowed` characters stand earlier in the last 10,000, the character
    that followed there loses 0.8 · 1.2^(n - allowed) from its log-probability; of several
    places, the longest repetition counts. The idea is p-e-w's, 2024 (pull request 5677 of
    text-generation-webui), for tokens; the constants are for characters.

    Args:
        log_probabilities, history: see `Rule`.
        allowed: from how many characters on a repetition costs something.
        breaker: an id that no repetition reaches across; None for no such id.
    """
    found = log_probabilities.copy()
    for row, ids in zip(found, history, strict=True):
        for place, length in _repetitions(ids, allowed, breaker):
            row[place] -= DRY_STRENGTH * DRY_BASE ** (length - allowed)
    return _shifted(found)


def _shifted(log_probabilities: LogProbabilities) -> LogProbabilities:
    """Make the largest of each row 0, in place."""
    if len(log_probabilities) == 1:  # the same in half the time
        row = log_probabilities[0]
        row -= row[row.argmax()]
    else:
        log_probabilities -= log_probabilities.max(axis=-1, keepdims=True)
    return log_probabilities


def _repetitions(
    ids: Sequence[int], allowed: int, breaker: int | None
) -> Iterable[tuple[int, int]]:
    """Return what would continue a repetition: ids, each with the longest one's length."""
    text = np.array(ids[-DRY_WINDOW:], np.intc)
    data = text.tobytes()
    latest = data[-allowed * text.itemsize :]
    if data.find(latest) == len(data) - len(latest):  # nowhere else: nearly always
        return ()
    most = min(allowed + DRY_MOST, len(text) - 1)
    last = text[: -most - 1 : -1]  # the latest first
    before = np.concatenate([np.full(most, -1, np.intc), text])
    ends = np.flatnonzero(text[:-1] == last[0])
    same = before[most + ends[:, None] - np.arange(most)] == last
    if breaker is not None:
        same &= last != breaker
    lengths = np.logical_and.accumulate(same, axis=-1).sum(axis=-1)
    order = lengths.argsort()[np.count_nonzero(lengths < allowed) :]
    longest = zip(text[ends + 1][order].tolist(), lengths[order].tolist(), strict=True)
    return dict(longest).items()  # of several places, the last is kept


def temperature(
    log_probabilities: LogProbabilities, history: History, value: float
) -> LogProbabilities:
    """Divide by a temperature: below 1 the likely becomes likelier.

    At 0, the limit, only the likeliest character is left; among equals, the lowest id.
    """
    if value == 0:
        found = np.full_like(log_probabilities, -np.inf)
        found[np.arange(len(found)), log_probabilities.argmax(axis=-1)] = 0
        return found
    return log_probabilities / max(value, LEAST_TEMPERATURE)


def top_k(
    log_probabilities: LogProbabilities, history: History, count: int
) -> LogProbabilities:
    """Leave the `count` likeliest characters (Fan, Lewis & Dauphin 2018)."""
    size = log_probabilities.shape[-1]
    if count >= size:
        return log_probabilities
    least = np.partition(log_probabilities, size - count, axis=-1)[:, size - count, None]
    return _likeliest(log_probabilities, least, count)


def top_p(
    log_probabilities: LogProbabilities, history: History, share: float
) -> LogProbabilities:
    """Leave the fewest likeliest characters with a probability of `share` in all.

    That is nucleus sampling (Holtzman et al. 2020). The character with which the share is
    reached is left.
    """
    if share >= 1:
        return log_probabilities
    if len(log_probabilities) == 1:  # the same in fewer calls, which are what it costs
        ordered = log_probabilities[0].copy()
        ordered.sort()
        sums = np.exp(ordered[::-1]).cumsum()
        count = int(sums.searchsorted(share * sums[-1])) + 1
        return _likeliest(log_probabilities, ordered[-count], count)
    ordered = np.sort(log_probabilities, axis=-1)[:, ::-1]
    last = _reached(np.exp(ordered), share)
    least = ordered[np.arange(len(ordered)), last]
    return _likeliest(log_probabilities, least[:, None], last[:, None] + 1)


def _reached(odds: LogProbabilities, share: float) -> npt.NDArray[np.intp]:
    """Return where in each row the sum so far reaches a share of the whole, (B,)."""
    sums = odds.cumsum(axis=-1)
    found: npt.NDArray[np.intp] = (sums >= share * sums[:, -1:]).argmax(axis=-1)
    return found


def _likeliest(
    log_probabilities: LogProbabilities,
    least: LogProbabilities | np.float64,
    count: npt.NDArray[np.intp] | int,
) -> LogProbabilities:
    """Leave the `count` likeliest characters of each row, the last of which has `least`.

    Both are arrays (B, 1), or numbers where all rows have the same.
    """
    kept = log_probabilities >= least
    wanted = count * len(kept) if isinstance(count, int) else count.sum()
    if np.count_nonzero(kept) > wanted:  # several are as likely as the last one
        equal = log_probabilities == least
        room = count - np.sum(kept & ~equal, axis=-1, keepdims=True)
        kept &= ~equal | (equal.cumsum(axis=-1) <= room)
    return np.where(kept, log_probabilities, -np.inf)


def min_p(
    log_probabilities: LogProbabilities, history: History, share: float
) -> LogProbabilities:
    """Leave characters with at least `share` of the likeliest one's probability.

    As described by Nguyen et al. 2024 (arXiv 2407.01082).
    """
    if share <= 0:
        return log_probabilities
    return np.where(log_probabilities >= np.log(share), log_probabilities, -np.inf)


def typical_p(
    log_probabilities: LogProbabilities, history: History, share: float
) -> LogProbabilities:
    """Leave the fewest characters of typical information with probability `share` in all.

    Typical is an information content, -log p, close to its expectation, the entropy
    (Meister et al. 2023). The likeliest characters may be too predictable to stay.
    """
    if share >= 1:
        return log_probabilities
    normal = log_softmax(log_probabilities)
    odds = np.exp(normal)
    entropy = -np.sum(odds * np.where(odds > 0, normal, 0), axis=-1, keepdims=True)
    order = np.argsort(np.abs(normal + entropy), axis=-1, kind="stable")
    last = _reached(np.take_along_axis(odds, order, axis=-1), share)
    kept = np.empty(order.shape, bool)
    np.put_along_axis(kept, order, np.arange(order.shape[-1]) <= last[:, None], axis=-1)
    return _shifted(np.where(kept, log_probabilities, -np.inf))


Rule = Callable[[LogProbabilities, History, Any], LogProbabilities]
"""What changes log-probabilities (B, V), given the texts so far and a value."""

RULES: tuple[tuple[str, Rule], ...] = (
    ("dry", dry),
    ("temperature", temperature),
    ("top_k", top_k),
    ("top_p", top_p),
    ("min_p", min_p),
    ("typical_p", typical_p),
)
"""Rules by the names of their fields in `Sampling`, in the order of their application."""


class Chain:
    """The rules that a user chose, for a vocabulary: mask and bias, then `RULES`.

    Args:
        sampling: the rules.
        vocabulary: what the V ids stand for. Its mark for unknown characters is not drawn.
        policy: how texts are prepared; so are the characters that `sampling` names.

    Attributes:
        forbidden: which ids are never drawn, bool (V,).

    Raises:
        UnknownCharacterError: `bias` names a character that the vocabulary lacks.
        ValueError: no character is left to draw.
    """

    def __init__(
        self, sampling: Sampling, vocabulary: Vocabulary, policy: TextPolicy
    ) -> None:
        self.forbidden = np.zeros(len(vocabulary), bool)
        places = vocabulary.find(codes_of(policy.prepare(sampling.forbid)))
        self.forbidden[places[places >= 0]] = True  # what it lacks, it does not write
        if self.forbidden.sum() == len(vocabulary.characters):
            raise ValueError("`forbid` leaves no character to write")
        if vocabulary.unknown is not None:
            self.forbidden[vocabulary.unknown] = True
        self._added = np.where(self.forbidden, -np.inf, 0.0)
        for character, value in (sampling.bias or {}).items():
            prepared = policy.prepare(character)
            places = vocabulary.encode(prepared, what="`bias`", strict=True)
            self._added[places] += min(max(value, -LARGEST_BIAS), LARGEST_BIAS)
        self._adds = bool(self._added.any())
        (newline,) = vocabulary.find(codes_of("\n")).tolist()  # -1 is no id
        self._rules = [
            (functools.partial(dry, breaker=newline) if rule is dry else rule, value)
            for name, rule in RULES
            if (value := getattr(sampling, name)) is not None
        ]

    def apply(
        self, logits: Floats, history: History, allowed: Mask | None = None
    ) -> LogProbabilities:
        """Return the log-probabilities to draw the next characters by.

        Args:
            logits: what the model says, (B, V).
            history: what the texts are so far.
            allowed: which ids may be drawn, bool (B, V); None for all. There is at least
                one in each row that is not forbidden.
        """
        found = logits.astype(np.float64, order="C")  # sums of a row depend on the order
        if allowed is not None:
            found[~allowed] = -np.inf
        if self._adds:
            found += self._added
        found = _shifted(found)
        for rule, value in self._rules:
            found = rule(found, history, value)
        return found
