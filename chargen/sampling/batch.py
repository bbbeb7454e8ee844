"""The loop that writes: texts side by side, a character of each at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.sampling.draft import Cost, Draft
from chargen.sampling.draw import draw
from chargen.sampling.method import Method
from chargen.sampling.model import Model, step
from chargen.sampling.rules import Floats, LogProbabilities
from chargen.sampling.seeds import Start
from chargen.text.vocabulary import Ids

WIDTH = 64
"""How many texts are written side by side."""


class Batch:
    """Texts that are written side by side.

    Args:
        model: what writes.
        method: how.
        lazy: whether what a character costs is left to `nats`: the draft, which has to be
            the only one, is given what that takes.

    Attributes:
        drafts: the texts.
    """

    def __init__(self, model: Model, method: Method, *, lazy: bool = False) -> None:
        self.model, self.method = model, method
        self._lazy = lazy
        self.drafts: list[Draft] = []
        self._last = np.zeros(0, np.int32)
        self._state: Any = None
        self._logits: Floats | None = None  # what comes after `_last`, once it was read

    def add(self, starts: Sequence[Start], drafts: Sequence[Draft]) -> None:
        """Begin texts, each from its start."""
        states = [start.state for start in starts]
        if self.drafts:
            states.insert(0, self._state)
        self._state = self.model.join(states)
        last = np.array([start.last for start in starts], np.int32)
        self._last = np.concatenate([self._last, last])
        self.drafts.extend(drafts)

    def drop_finished(self) -> None:
        """Go on with the texts alone that are not over."""
        kept = [i for i, each in enumerate(self.drafts) if not each.over]
        if len(kept) == len(self.drafts):
            return
        places = np.array(kept, np.intp)
        self.drafts = [self.drafts[i] for i in kept]
        self._state, self._last = self.model.rows(self._state, places), self._last[places]

    def copy(self) -> Batch:
        """Return a batch that goes on from here by itself; states need not be copied."""
        found = Batch(self.model, self.method, lazy=self._lazy)
        found.drafts = [each.copy() for each in self.drafts]
        found._last, found._state, found._logits = self._last, self._state, self._logits
        return found

    def look(self) -> Floats:
        """Return the logits of the next characters, (B, V), drawing none.

        Raises:
            CheckpointError: the model computes numbers that are not finite.
        """
        if self._logits is None:
            self._logits, self._state = step(self.model, self._last, self._state)
        return self._logits

    def odds(self) -> LogProbabilities:
        """Return what to draw the next characters by.

        A text for which nothing is left to draw is over.
        """
        logits, history = self.look(), [each.history for each in self.drafts]
        allowed = None
        if self.method.masks:
            masks = [each.mask() for each in self.drafts]
            allowed = self.method.allowed(masks, history)
        if allowed is not None:
            for i in np.flatnonzero(~allowed.any(axis=-1)):
                self.drafts[i].finish(ended=False)
                allowed[i] = ~self.method.chain.forbidden  # drawn in vain
        return self.method.chain.apply(logits, history, allowed)

    def step(self) -> None:
        """Draw a character of each text, and write it."""
        logits = self.look()
        drawn = draw(self.odds(), [each.uniforms.next() for each in self.drafts])
        costs = [(logits, drawn)] if self._lazy else _nats(logits, drawn).tolist()
        for each, i, cost in zip(self.drafts, drawn.tolist(), costs, strict=True):
            if not each.over:
                each.take(i, cost)
        self._last, self._logits = drawn, None


@np.errstate(over="ignore")  # what overflows is impossible
def _nats(logits: Floats, ids: Ids) -> npt.NDArray[np.float64]:
    """Return the cross-entropy of ids (B,) by logits (B, V), in nats."""
    largest = logits.max(axis=-1)
    total = np.exp(logits - largest[:, None]).sum(axis=-1, dtype=np.float64)
    found: npt.NDArray[np.float64] = np.log(total) + largest
    found -= logits[np.arange(len(ids)), ids]
    return found


def nats(cost: Cost) -> float:
    """Return what a character costs, in nats."""
    return cost if isinstance(cost, float) else float(_nats(*cost)[0])


def write(
    model: Model,
    method: Method,
    texts: Iterable[tuple[Start, int]],
    *,
    width: int = WIDTH,
) -> Iterator[Draft]:
    """Write texts, no more than `width` side by side, and yield each when it is over.

    Args:
        model: what writes.
        method: how.
        texts: where each text starts, and which of the seed's independent texts it is;
            there may be no end of them.
        width: how many are written side by side.

    Yields:
        The texts in their order.
    """
    waiting, batch = iter(texts), Batch(model, method)
    queue: list[Draft] = []  # in order; those that are over wait for the ones before them
    exhausted = False
    while True:
        batch.drop_finished()
        starts: list[tuple[Start, int]] = []
        while len(batch.drafts) + len(starts) < width and not exhausted:
            following = next(waiting, None)
            exhausted = following is None
            if following is not None:
                starts.append(following)
        fresh = [Draft(method, start.seed, number) for start, number in starts]
        if fresh:
            batch.add([start for start, _ in starts], fresh)
            queue.extend(fresh)
            batch.drop_finished()  # a text of no characters
        while queue and queue[0].over:
            yield queue.pop(0)
        if batch.drafts:
            batch.step()
        elif not queue and exhausted:
            return
