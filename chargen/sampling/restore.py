"""Filling gaps in a text with the likeliest characters, by one model or two.

A beam of ways to fill the gaps so far goes through the text, over what is missing and over
what is not, so that the model's odds of what follows a gap decide on the gap, too. Once
`CONTEXT` characters have been read after a gap, and after those beside it, it is decided
on, which makes room for ways to fill the next ones. But for that, a beam that is wide
enough finds the likeliest of all texts.

Of two models, the backward one fills the gaps by itself first. Then the forward model goes
through the text with its beam and, at each gap, the backward model answers: it reads what
has been written so far from the right, after what it has put itself into the gaps that are
still to come, and only as far as `CONTEXT` characters before the gap. A way to fill the
gaps is as good as the mean of the two log-probabilities: each model gives one for the whole
text, so that their sum would count all evidence twice. Such pairs of models are from Mou et
al. 2015 (arXiv 1512.06612); filling gaps by beams from both ends is from Sun, Lee & Batra
2017 (arXiv 1705.08759).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.sampling.model import Model, step
from chargen.sampling.rules import log_softmax
from chargen.text.vocabulary import Ids

BEAM = 32
"""How many ways to fill the gaps are kept in view."""

CONTEXT = 10
"""How many characters after a gap are read before it is decided on, by the model that goes
through the text, and before it, by the one that answers."""

BETWEEN_ITEMS = {
    "lines": r"\n",
    "column": r"\n",
    "blank-lines": r"\A(?:[^\S\n]*\n)+|\n(?:[^\S\n]*\n)+|\n[^\S\n]*\Z",
    "files": r"\A[\r\n]+|[\r\n]+\Z",
}
"""What stands between items, and around them, by the policy's `documents`."""

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Gap:
    """A character that was missing.

    Attributes:
        position: its place in the restored text, from 0.
        chosen: the character that was put there.
        probability: how sure the models are of it, in (0, 1]: its share in all ways to
            fill the gap and its neighbours that were in view.
    """

    position: int
    chosen: str
    probability: float


@dataclass(frozen=True)
class Restored:
    """A text whose gaps were filled.

    Attributes:
        text: the text, prepared as the models' corpus was.
        gaps: what was missing, in its order.
    """

    text: str
    gaps: tuple[Gap, ...]


def restore(
    model: Model,
    text: str,
    *,
    backward: Model | None = None,
    gap: str = "_",
    beam: int = BEAM,
) -> Restored:
    """Fill the gaps of a text with the likeliest characters that the models know.

    Args:
        model: what `chargen.load` returns: a forward model or, by itself, a backward one.
        text: the text, with one `gap` for each missing character; it is prepared as the
            models' corpus was. Of a model of items, it may have several, laid out as in
            the corpus.
        backward: a model that learned to read a text like it from its end.
        gap: the character that stands for a missing one, and that is never put there.
        beam: how many ways to fill the gaps are kept in view; more takes longer.

    Returns:
        The text, and what was put into it. Of equally likely characters, it is the one
        that comes first in the vocabulary of the model that reads last.

    Raises:
        UnknownCharacterError: the text has characters that a model never saw.
        ValueError: a model reads in the wrong direction, the models prepare this text
            differently or share no character, `gap` is no single character, or `beam` is
            below 1.

    Example:
        >>> model = chargen.load("harbour-plays")
        >>> chargen.restore(model, "The t_de is o_t.").text
    """
    if len(gap) != 1:
        raise ValueError(f"`gap` must be a single character; got {gap!r}")
    if beam < 1:
        raise ValueError(f"`beam` must be at least 1; got {beam}")
    models = [model] if backward is None else [model, backward]
    _require_pair(models)
    candidates = _candidates(models, gap)
    pieces = _prepared(models, text, gap)
    missing = np.array([c for piece in pieces for c in (*[0] * len(piece), 1)][:-1], bool)
    filled, gaps = list(candidates[0].join(pieces)), []
    for start, stop in _items(model.policy.documents, "_".join(pieces)):
        places = np.flatnonzero(missing[start:stop])
        if not places.size:
            continue
        sides = [_Side.of(model, filled[start:stop], candidates) for model in models]
        chosen, shares = _fill(sides, places, beam)
        for place, one, share in zip(places + start, chosen, shares, strict=True):
            filled[place] = candidates[one]
            gaps.append(Gap(int(place), candidates[one], float(share)))
    return Restored("".join(filled), tuple(gaps))


def _require_pair(models: Sequence[Model]) -> None:
    """Refuse two models that do not read towards each other."""
    if len(models) == 1:
        return
    first, second = (model.policy for model in models)
    if first.backward:
        raise ValueError("the first of two models has to read forwards")
    if not second.backward:
        raise ValueError("the second of two models has to be a backward one")
    if first.documents != second.documents:
        raise ValueError(
            f"`documents` is {first.documents!r} for one model and {second.documents!r} "
            "for the other: train both on the same items"
        )


def _candidates(models: Sequence[Model], gap: str) -> list[str]:
    """Return the characters that may fill a gap, in the order of the first vocabulary."""
    known = set.intersection(*(set(model.vocabulary.characters) for model in models))
    found = [c for c in models[0].vocabulary.characters if c in known and c != gap]
    if not found:
        raise ValueError("there is no character, besides `gap`, that the models know")
    return found


def _prepared(models: Sequence[Model], text: str, gap: str) -> list[str]:
    """Return what stands between the gaps of a text, as the models read it."""
    pieces = text.split(gap)
    first, *others = ([model.policy.prepare(p) for p in pieces] for model in models)
    if any(other != first for other in others):
        raise ValueError(
            "the models prepare this text differently: train both with the same "
            "`normalize`, `lowercase` and `newlines`"
        )
    return first


def _items(documents: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the items of a text begin and end; a running text is one."""
    start = 0
    if documents != "none":
        for between in re.finditer(BETWEEN_ITEMS[documents], text):
            yield start, between.start()
            start = between.end()
    yield start, len(text)


def _fill(
    sides: Sequence[_Side], places: Places, beam: int
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return which candidate fills each gap of an item, and its share; both (G,).

    Args:
        sides: the item as a model reads it, or as a forward and a backward one do.
        places: where its gaps are, ascending, at least one.
        beam: how many ways to fill them are kept.
    """
    first, *others = sides
    turned = len(first.ids) - 1 - places[::-1]  # as they are counted from the end
    if first.model.policy.backward:
        chosen, shares = _search(first, turned, beam)
        return chosen[::-1], shares[::-1]
    if not others:
        return _search(first, places, beam)
    guess, _ = _search(others[0], turned, beam)
    return _search(first, places, beam, _Answer(others[0], places, guess[::-1]))


@dataclass(frozen=True)
class _Side:
    """An item as a model reads it.

    Attributes:
        model: the model.
        ids: the item in the model's order, int32 (n,).
        choices: the ids of what may fill a gap, int32 (C,).
    """

    model: Model
    ids: Ids
    choices: Ids

    @classmethod
    def of(cls, model: Model, item: list[str], candidates: list[str]) -> _Side:
        """Encode an item, with a character that the model knows in each gap."""
        ids, choices = map(model.vocabulary.encode, ("".join(item), "".join(candidates)))
        return cls(model, ids[::-1] if model.policy.backward else ids, choices)

    @property
    def end(self) -> Ids:
        """What the model reads after the item: the end mark, if there is one."""
        end = self.model.vocabulary.end
        return np.array([] if end is None else [end], np.int32)

    def start(self) -> tuple[Ids, Any]:
        """Return what the model reads first, and the state before that."""
        return np.array([self.model.start_id], np.int32), self.model.zero_state()

    def read(self, ids: Ids, state: Any) -> tuple[Floats, Any]:
        """Return the log-probabilities (B, V) of what follows ids (B,), and the state."""
        logits, state = step(self.model, ids, state)
        return log_softmax(logits), state


def _search(
    side: _Side, places: Places, beam: int, answer: _Answer | None = None
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Go through an item with a beam; return what fills each gap, and its share, (G,).

    Args:
        side: the item and what reads it.
        places: where the gaps are, ascending, in the order in which `side` reads.
        beam: how many ways to fill them are kept.
        answer: what reads these ways from the other end.
    """
    ways, ends = _Ways(side, len(places), answer), _run_ends(places)
    shares = np.empty(len(places))
    filled = decided = 0
    for place, fixed in enumerate(np.concatenate([side.ids, side.end])):
        due = int(np.searchsorted(ends[:filled], place - CONTEXT))
        if due > decided:
            shares[decided:due] = ways.decide(decided, due)
            decided = due
        if filled < len(places) and place == places[filled]:
            ways.fill(filled, beam, run_ends=place == ends[filled], place=place)
            filled += 1
        else:
            ways.pass_by(fixed)
    shares[decided:] = ways.decide(decided, filled)
    return ways.chosen[0], shares


def _run_ends(places: Places) -> Places:
    """Return the last place of the run of gaps that each of some gaps belongs to."""
    last = np.flatnonzero(np.diff(places, append=places[-1] + 2) > 1)
    return places[last[np.searchsorted(last, np.arange(len(places)))]]


class _Ways:
    """Ways to fill the gaps of an item so far, B of them, side by side.

    Args:
        side: the item and what reads it.
        gaps: how many gaps there are.
        answer: what reads these ways from the other end.

    Attributes:
        chosen: which candidate fills each gap, int32 (B, G).
    """

    def __init__(self, side: _Side, gaps: int, answer: _Answer | None) -> None:
        self.chosen = np.zeros((1, gaps), np.int32)
        self._side, self._answer = side, answer
        self._last, self._state = side.start()
        self._ahead = np.zeros(1)  # log-probabilities of what was read
        # What the answer says of all places before one, and of each place from there on.
        self._before, self._since, self._recent = np.zeros(1), 0, np.zeros((1, 0))

    def pass_by(self, fixed: int) -> None:
        """Read a character that is not missing."""
        scores, self._state = self._side.read(self._last, self._state)
        self._ahead = self._ahead + scores[:, fixed]
        self._last = np.full(len(scores), fixed, np.int32)

    def fill(self, gap: int, beam: int, *, run_ends: bool, place: int) -> None:
        """Fill a gap in all ways, and keep the best.

        Args:
            gap: its number.
            beam: how many ways are kept.
            run_ends: whether it is the last of its run, so that what follows it is known.
            place: where it is.
        """
        scores, self._state = self._side.read(self._last, self._state)
        scores = scores[:, self._side.choices]
        totals = (self._ahead + self._answered())[:, None] + scores
        if self._answer is not None and run_ends:
            totals += self._answer.choices(place)
        best = np.argsort(-totals, axis=None, kind="stable")[:beam]
        rows, chosen = np.divmod(best, scores.shape[1])
        self._keep(rows)
        self._ahead += scores[rows, chosen]
        self.chosen[:, gap] = chosen
        self._last = self._side.choices[chosen]
        if self._answer is not None and run_ends:
            since, recent = self._answer.read(place, self.chosen)
            settled = self._recent[:, : max(0, since - self._since)]
            self._before = self._before + settled.sum(axis=1)
            self._since, self._recent = since, recent

    def decide(self, start: int, stop: int) -> Floats:
        """Keep only the ways that fill gaps `start` to `stop` as the best one does.

        Returns:
            The share of the ways that fill each of them so, weighted by their
            probabilities, (stop - start,).
        """
        totals = self._ahead + self._answered()
        if self._answer is not None:
            totals /= 2
        best = int(totals.argmax())
        weights = np.exp(totals - totals[best])
        alike = self.chosen[:, start:stop] == self.chosen[best, start:stop]
        kept = np.flatnonzero(alike.all(axis=1))
        if len(kept) < len(totals):
            self._keep(kept)
            self._last = self._last[kept]
        shares: Floats = weights @ alike / weights.sum()
        return shares

    def _answered(self) -> Floats:
        found: Floats = self._before + self._recent.sum(axis=1)
        return found

    def _keep(self, rows: Places) -> None:
        self.chosen, self._ahead = self.chosen[rows], self._ahead[rows]
        self._before, self._recent = self._before[rows], self._recent[rows]
        self._state = self._side.model.rows(self._state, rows)


class _Answer:
    """What a model says of ways to fill gaps that it reads from the other end.

    Args:
        side: the item and the model.
        places: where the gaps are, ascending, in the order of those who ask.
        guess: which candidate it puts into each gap that is still to be filled, (G,).
    """

    def __init__(self, side: _Side, places: Places, guess: npt.NDArray[np.int32]) -> None:
        self._side, self._places = side, places
        self._ids = side.ids[::-1].copy()  # in the order of those who ask
        self._ids[places] = side.choices[guess]
        self._firsts = dict(zip(_run_ends(places)[::-1], places[::-1], strict=True))
        self._starts: dict[int, tuple[Floats, Any]] = {}
        last, state = side.start()
        for place in range(len(self._ids) - 1, -1, -1):
            scores, state = side.read(last, state)
            if place in self._firsts:
                self._starts[place] = scores, state
            last = self._ids[place : place + 1]

    def choices(self, place: int) -> Floats:
        """Return the log-probability of each candidate where a run ends, (C,)."""
        found: Floats = self._starts[place][0][0, self._side.choices]
        return found

    def read(self, place: int, chosen: npt.NDArray[np.int32]) -> tuple[int, Floats]:
        """Read a run of gaps, and what stands before it, from where the run ends.

        Args:
            place: where it ends.
            chosen: which candidate fills each gap, (B, G).

        Returns:
            The first place that was read, -1 for the end mark before the item, and the
            log-probability of each from there to `place`, (B, L).
        """
        since = max(0, self._firsts[place] - CONTEXT)
        read = np.tile(self._ids[since : place + 1], (len(chosen), 1))
        within = slice(*np.searchsorted(self._places, [since, place + 1]))
        read[:, self._places[within] - since] = self._side.choices[chosen[:, within]]
        if since == 0 and self._side.end.size:
            since = -1
            read = np.insert(read, 0, self._side.end, axis=1)
        rows, length = np.arange(len(read)), read.shape[1]
        found = np.empty(read.shape)
        scores, state = self._starts[place]
        scores, state = scores[0 * rows], self._side.model.rows(state, 0 * rows)
        for column in range(length - 1, -1, -1):
            found[:, column] = scores[rows, read[:, column]]
            if column:
                scores, state = self._side.read(read[:, column], state)
        return since, found
