"""Scoring a text line by line: how much each line surprises a model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from chargen.sampling.evaluate import costs, known_part, read_streams
from chargen.sampling.model import Model
from chargen.text.vocabulary import Ids

BATCH = 64  # items scored side by side
CELLS = 2**20  # ids of a batch, padding included


@dataclass(frozen=True)
class LineScore:
    """What a line costs a model.

    Attributes:
        number: its place in the text, from 1.
        text: the line, as it was read.
        nats: the cross-entropy of its characters, and of what ends it, in nats.
        count: how many ids that is.
        unknown: how many of its characters the model never saw. They were scored as its
            mark for unknown ones if it has that, and left out otherwise.
    """

    number: int
    text: str
    nats: float
    count: int
    unknown: int

    @property
    def nats_each(self) -> float:
        """Nats a character; 0 for a line with nothing to score."""
        return self.nats / self.count if self.count else 0.0


@dataclass(frozen=True)
class _Line:
    number: int
    text: str
    ids: Ids
    unknown: int


def score_lines(model: Model, lines: Iterable[str]) -> Iterator[LineScore]:
    """Score lines, in their order and as they come.

    Where each line is an item, it is read from a zero state, and its end mark is scored.
    Otherwise the state is carried on from line to line, and what ends a line, a newline or
    the end mark of an item, is scored with it. Blank lines that stand between items are
    left out. A backward model reads such lines from the last one to the first, so that all
    of them are scored before there is one to yield.

    Args:
        model: what `chargen.load` returns.
        lines: the lines of one text without their newlines, prepared as the model's corpus
            was.
    """
    if model.policy.documents in ("lines", "column"):
        return _score_items(model, lines)
    numbered = enumerate(lines, 1)
    if not model.policy.backward:
        return _score_carried(model, numbered)
    return reversed([*_score_carried(model, reversed([*numbered]))])


def _encode(model: Model, number: int, text: str) -> _Line:
    vocabulary, arranged = model.vocabulary, model.policy.arrange(text)
    if vocabulary.unknown is not None:
        ids = vocabulary.encode(arranged)
        return _Line(number, text, ids, int((ids == vocabulary.unknown).sum()))
    known = known_part(vocabulary, arranged)
    return _Line(number, text, vocabulary.encode(known), len(text) - len(known))


def _score_carried(model: Model, lines: Iterable[tuple[int, str]]) -> Iterator[LineScore]:
    """Score numbered lines in the order in which the model reads them."""
    vocabulary, between = model.vocabulary, model.policy.documents == "blank-lines"
    newline = vocabulary.encode("\n" if "\n" in vocabulary else "")
    end = newline if vocabulary.end is None else np.array([vocabulary.end], np.int32)
    last, state = np.array([model.start_id], np.int32), model.zero_state()
    followed = itertools.pairwise(itertools.chain(lines, [(0, None)]))
    for (number, text), (_, following) in followed:
        if text is None or (between and not text.strip()):
            continue
        line = _encode(model, number, text)
        ends = following is None or (between and not following.strip())
        read = np.concatenate([last, line.ids, end if ends else newline])
        losses, state = read_streams(model, read[None, :-1], read[None, 1:], state)
        last = read[-1:]
        yield LineScore(number, text, float(losses.sum()), losses.size, line.unknown)


def _score_items(model: Model, lines: Iterable[str]) -> Iterator[LineScore]:
    end = np.array([model.start_id], np.int32)
    encoded = (_encode(model, number, text) for number, text in enumerate(lines, 1))
    for batch in _batches(encoded):
        nats = costs(model, [np.concatenate([end, line.ids, end]) for line in batch])
        for line, cost in zip(batch, nats, strict=True):
            yield LineScore(line.number, line.text, cost, len(line.ids) + 1, line.unknown)


def _batches(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    """Yield lines to read side by side; a long one goes with few others."""
    batch: list[_Line] = []
    longest = 0
    for line in lines:
        longest = max(longest, len(line.ids) + 1)
        if batch and (len(batch) == BATCH or longest * (len(batch) + 1) > CELLS):
            yield batch
            batch, longest = [], len(line.ids) + 1
        batch.append(line)
    if batch:
        yield batch
