"""Several models as one: at every character, what each expects is blended. NumPy only.

With p_m the probabilities of model m, and weights w_m that sum to 1:

    linear        p = Σ w_m p_m                Stone 1961: the linear opinion pool
    log-linear    p ∝ Π p_m ^ w_m              Genest & Zidek 1986: the logarithmic one

The linear blend writes what any of the models would, the log-linear one what all of them
can agree on. A character that a model lacks has probability 0 in it. Taken by its letter,
the log-linear blend would thus never write a character that one model lacks, however small
its weight is. So that it, too, changes smoothly with the weights, such a character has its
linear probability there, and what that leaves is divided log-linearly among the characters
that all models know. Shapes: M models, B texts side by side, V characters and marks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from chargen.sampling.model import Model
from chargen.sampling.rules import Floats, LogProbabilities, log_softmax
from chargen.text.policy import SEPARATORS, TextPolicy
from chargen.text.vocabulary import Ids, Vocabulary, codes_of

How = Literal["linear", "log-linear"]

NOTHING = -1
"""What a model reads of a character that it does not know."""

NEVER = -1e30
"""The log-probability of what is impossible: finite, as a pattern may still ask for it."""


class State(NamedTuple):
    """What is known of B texts; nothing but `Blend` looks into it.

    Attributes:
        states: those of the models.
        said: what each model last expected, float64 (B, V); -inf for what it does not know.
        drawn: how much of the drift is over, in characters, int64 (B,); -1 before the
            character is read that the first of them follows.
    """

    states: tuple[Any, ...]
    said: tuple[LogProbabilities, ...]
    drawn: npt.NDArray[np.int64]


class Blend:
    """Models that write one text together; it is a model itself.

    It writes the characters of all of them, and each reads what was chosen. A character
    that a model lacks is read as what its own policy makes of it (a small letter, say),
    else as its mark for unknown characters; where it has neither, it skips the character,
    and expects next what it expected before. The first model decides how texts are
    prepared, and what a text without a seed text starts from.

    Args:
        models: at least one.
        weights: how much each of them counts: numbers of at least 0, of which one is above
            0; only their proportions matter. A model whose weight is 0 from beginning to
            end takes no part.
        how: how probabilities are blended: "linear" or "log-linear".
        to: the weights that the text drifts towards; None for weights that stay.
        over: how many characters the drift takes. The first character is drawn by
            `weights`, the one after so many, and all later ones, by `to`. The end mark
            of an item begins it anew. What is read before it begins, see `begin`.

    Attributes:
        vocabulary: the first model's characters, then those that others add, in order. It
            has a mark for unknown characters if one of them has it.
        policy: the first model's.
        start_id: the first model's, in this vocabulary.
        weights: those of the M models that take part, float64 (M,), with a sum of 1.

    Raises:
        ValueError: there is no model, the weights are not such numbers, `to` and `over` are
            not given together, `over` is below 1, or the models do not fit together: one
            learned from items and another from running text, from items that end
            otherwise, with labels, or from the text's other end.
    """

    @np.errstate(over="ignore", invalid="ignore")  # `generate` checks what comes out
    def __init__(
        self,
        models: Sequence[Model],
        weights: Sequence[float],
        *,
        how: How = "linear",
        to: Sequence[float] | None = None,
        over: int | None = None,
    ) -> None:
        if how not in ("linear", "log-linear"):
            raise ValueError(f"`how` must be 'linear' or 'log-linear'; got {how!r}")
        if not models:
            raise ValueError("a blend needs at least one model")
        if (to is None) != (over is None) or (over is not None and over < 1):
            raise ValueError(
                "`to` needs `over`, a number of at least 1, and `over` needs `to`; got "
                f"to={to!r} and over={over!r}"
            )
        start = _normalised("weights", weights, len(models))
        end = start if to is None else _normalised("to", to, len(models))
        (counted,) = np.nonzero(start + end)
        models = [models[int(i)] for i in counted]
        _require_alike(models)
        self.weights, self._to, self._over = start[counted], end[counted], over
        self.vocabulary = _union([model.vocabulary for model in models])
        self.policy: TextPolicy = models[0].policy
        self._linear = how == "linear"
        self._members = [_Member(model, self.vocabulary) for model in models]
        self.start_id = int(self._members[0].places[models[0].start_id])
        self._common = np.ones(len(self.vocabulary), bool)  # what all models know
        for member in self._members:
            self._common &= np.isin(np.arange(len(self.vocabulary)), member.places)

    def zero_state(self, batch_size: int = 1) -> State:
        """Return the state before the first character."""
        shape = batch_size, len(self.vocabulary)
        return State(
            tuple(member.model.zero_state(batch_size) for member in self._members),
            tuple(np.broadcast_to(member.first, shape) for member in self._members),
            np.full(batch_size, -1),
        )

    def begin(self, state: State) -> State:
        """Return the state of the same texts, at the beginning of the drift.

        `zero_state` is there already. After a seed text, a state is put there that has
        read all of it but its last character: the first one to be drawn follows that.
        """
        return state._replace(drawn=np.full_like(state.drawn, -1))

    def rows(self, state: State, places: npt.NDArray[np.integer[Any]]) -> State:
        """Return the state of some of the texts, int (n,), in this order; see `Model`."""
        pairs = zip(self._members, state.states, strict=True)
        return State(
            tuple(member.model.rows(own, places) for member, own in pairs),
            tuple(said[places] for said in state.said),
            state.drawn[places],
        )

    def join(self, states: Sequence[State]) -> State:
        """Return the state of all the texts of one or more states, side by side."""
        parts = zip(*(state.states for state in states), strict=True)
        pairs = zip(self._members, parts, strict=True)
        said = zip(*(state.said for state in states), strict=True)
        return State(
            tuple(member.model.join(part) for member, part in pairs),
            tuple(np.concatenate(each) for each in said),
            np.concatenate([state.drawn for state in states]),
        )

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a weight may be 0
    def step(self, ids: Ids, state: State) -> tuple[LogProbabilities, State]:
        """Read one character of each text and predict the next.

        Args:
            ids: int32 (B,); an end mark is read from a zero state.
            state: the state of these texts; it is not changed.

        Returns:
            log-probabilities float64 (B, V), `NEVER` for a character that only models know
            whose weight is 0 so far; and the new state.
        """
        triples = zip(self._members, state.said, state.states, strict=True)
        said, states = zip(
            *(member.read(ids, *before) for member, *before in triples), strict=True
        )
        drawn = state.drawn + 1
        if self.vocabulary.end is not None:
            drawn[ids == self.vocabulary.end] = 0
        pooled = self._pool(np.stack(said), self._weights_at(drawn))
        return np.maximum(pooled, NEVER), State(states, said, drawn)

    def _weights_at(self, drawn: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the weights of the next characters, (M, B, 1), or (M, 1, 1) for all."""
        if self._over is None:
            return self.weights[:, None, None]
        share = np.clip(drawn / self._over, 0, 1)[:, None]  # (B, 1)
        found: npt.NDArray[np.float64] = (
            self.weights[:, None, None] * (1 - share) + self._to[:, None, None] * share
        )
        return found

    def _pool(
        self, said: LogProbabilities, weights: npt.NDArray[np.float64]
    ) -> LogProbabilities:
        """Blend log-probabilities (M, B, V) to (B, V)."""
        if not self._linear and self._common.all():
            return log_softmax(_mean(said, weights))
        pooled: LogProbabilities = np.logaddexp.reduce(np.log(weights) + said)
        if not self._linear and self._common.any():
            left = np.logaddexp.reduce(pooled[:, self._common], axis=-1, keepdims=True)
            shared = log_softmax(_mean(said[..., self._common], weights))
            pooled[:, self._common] = shared + left
        return pooled


def _mean(said: LogProbabilities, weights: npt.NDArray[np.float64]) -> LogProbabilities:
    """Return the weighted mean of log-probabilities (M, B, V), in which 0 · -inf is 0."""
    found: LogProbabilities = np.where(weights > 0, weights * said, 0).sum(axis=0)
    return found


class _Member:
    """A model within a blend.

    Args:
        model: the model.
        vocabulary: the blend's, V ids.

    Attributes:
        model: the model.
        places: the id in the blend of each of the model's ids, int32.
        first: what it expects as long as it has read nothing, float64 (V,): the
            beginning of a text.
    """

    def __init__(self, model: Model, vocabulary: Vocabulary) -> None:
        self.model = model
        known = model.vocabulary
        marks = [vocabulary.marks[name] for name in known.marks]
        codes = codes_of("".join(known.characters))
        self.places = np.concatenate([vocabulary.find(codes), np.array(marks, np.int32)])
        self._size = len(vocabulary)
        self._same = np.array_equal(self.places, np.arange(self._size))
        self._own = _own_ids(model, vocabulary)
        start = np.array([model.start_id], np.int32)
        self.first = self._spread(model.step(start, model.zero_state())[0])[0]

    def read(
        self, ids: Ids, said: LogProbabilities, state: Any
    ) -> tuple[LogProbabilities, Any]:
        """Read one character of each text, if the model can.

        Args:
            ids: the blend's, int32 (B,).
            said: what it expected before, (B, V).
            state: the model's state before.
        """
        if self._same:
            logits, state = self.model.step(ids, state)
            return _log_odds(logits), state
        own = self._own[ids]
        (read,) = np.nonzero(own != NOTHING)
        if not read.size:
            return said, state
        some = read.size < ids.size
        logits, after = self.model.step(
            own[read], self.model.rows(state, read) if some else state
        )
        if not some:
            return self._spread(logits), after
        order = np.arange(ids.size)
        order[read] = ids.size + np.arange(read.size)
        said = said.copy()
        said[read] = self._spread(logits)
        return said, self.model.rows(self.model.join([state, after]), order)

    def _spread(self, logits: Floats) -> LogProbabilities:
        """Return log-probabilities by the blend's ids, (n, V), given the model's logits."""
        found = np.full((len(logits), self._size), -np.inf)
        found[:, self.places] = _log_odds(logits)
        return found


def _log_odds(logits: Floats) -> LogProbabilities:
    """Return log-probabilities (n, V); in float32, large logits could become infinite."""
    return log_softmax(logits.astype(np.float64))


def _own_ids(model: Model, vocabulary: Vocabulary) -> Ids:
    """Return what a model reads of each id of a blend, int32 (V,); may be `NOTHING`."""
    known, characters = model.vocabulary, vocabulary.characters
    found = known.find(codes_of("".join(characters)))
    for place in np.flatnonzero(found == NOTHING):
        prepared = model.policy.prepare(characters[place])
        if len(prepared) == 1:
            found[place] = known.find(codes_of(prepared))[0]
    if known.unknown is not None:
        found[found == NOTHING] = known.unknown
    marks = [known.marks.get(name, NOTHING) for name in vocabulary.marks]
    return np.concatenate([found, np.array(marks, np.int32)])


def _union(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """Return the vocabulary that has all characters and marks of some."""
    characters = itertools.chain(*(each.characters for each in vocabularies))
    marks = {name for each in vocabularies for name in each.marks}
    return Vocabulary(dict.fromkeys(characters), **dict.fromkeys(marks, True))


def _normalised(name: str, weights: Sequence[float], count: int) -> npt.NDArray[np.float64]:
    """Return weights with a sum of 1.

    Raises:
        ValueError: they are not what weights must be.
    """
    fine = all(math.isfinite(weight) and weight >= 0 for weight in weights)
    if len(weights) != count or not fine or not any(weights):
        raise ValueError(
            f"`{name}` must be {count} numbers of at least 0, one for each model, and one "
            f"of them above 0; got {list(weights)}"
        )
    found = np.array(weights, np.float64)
    found /= found.max()  # or their sum could overflow
    found /= found.sum()
    return found


def _require_alike(models: Sequence[Model]) -> None:
    """Refuse models whose texts are of different kinds.

    Raises:
        ValueError: they are.
    """
    first, *others = models
    policy = first.policy
    for other in others:
        if (first.vocabulary.end is None) != (other.vocabulary.end is None):
            raise ValueError("models of items and models of running text do not blend")
        if policy.direction != other.policy.direction:
            raise ValueError("forward and backward models do not blend")
        if policy.label != other.policy.label:
            raise ValueError("models of items with and without labels do not blend")
        kinds = policy.documents, other.policy.documents
        if SEPARATORS.get(kinds[0]) != SEPARATORS.get(kinds[1]):
            raise ValueError(
                f"models of different items do not blend: {' and '.join(kinds)}"
            )
