"""The training part of a corpus, cut into batches of windows.

The batch of step k is a pure function of (seed, k, corpus): nothing about the data order
has to be saved for a resume. Axes: B streams or windows in a batch, T characters in a
window.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chargen.text.parts import Items, Part
from chargen.text.vocabulary import Ids

WINDOWS = ("streams", "shuffled")
"""The ways of cutting: see `Streams` and `Shuffled`."""

MANY = 2**24
"""Windows beyond which their random order is computed and not drawn, to save memory."""


class Batches(Protocol):
    """Batches by step number: what the trainer needs from a way of cutting windows."""

    batch_size: int
    seq_length: int
    steps_per_epoch: int

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """Return (inputs (B, T), targets (B, T), fresh) for a step, counted from 0.

        Targets are the inputs shifted by one character. `fresh` says whether the states
        start from zero; otherwise they go on from the step before.
        """
        ...


class _Order:
    """What a pass reads in the order that it has: items are shuffled, a text stays.

    Args:
        part: the training part.
        seed: the seed of the items' order, which is a pure function of it and the epoch.
    """

    def __init__(self, part: Part, seed: int) -> None:
        self._part = part
        self._seed = seed
        self._epoch = -1
        self._now = part

    def read(self, epoch: int, start: int, count: int) -> Ids:
        """Return `count` ids of a pass from `start` on; after the end comes its beginning.

        `count` is at most what the part has.
        """
        if epoch != self._epoch:
            self._epoch = epoch
            if isinstance(self._part, Items):
                random = np.random.default_rng([self._seed, epoch, 1])
                self._now = self._part.shuffled(random)
        start %= len(self._now)
        found = self._now.read(start, start + count)
        if len(found) < count:
            return np.concatenate([found, self._now.read(0, count - len(found))])
        return found


class Streams:
    """Windows that slide along B parallel streams, with the state carried along.

    Each epoch starts from another random rotation of the training text: the text is taken
    as a circle, cut at a random place, and dealt out as B streams of equal length. So the
    borders of the windows vary, and it is not always the same part that is left over.
    Items come in another random order in each epoch.
    """

    def __init__(self, part: Part, *, batch_size: int, seq_length: int, seed: int):
        self._order = _Order(part, seed)
        self._length = len(part)
        self.seq_length = min(seq_length, len(part) - 1)
        self.batch_size = min(batch_size, len(part) // self.seq_length)
        self._stream_length = len(part) // self.batch_size
        self.steps_per_epoch = self._stream_length // self.seq_length
        self._seed = seed
        self._epoch = -1
        self._rotation = 0

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """See `Batches.batch`: fresh at the start of an epoch."""
        epoch, window = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, epoch])
            self._rotation = int(random.integers(self._length))
            self._epoch = epoch
        start = self._rotation + window * self.seq_length
        windows = np.stack(
            [
                self._order.read(
                    epoch, start + stream * self._stream_length, self.seq_length + 1
                )
                for stream in range(self.batch_size)
            ]
        )
        return windows[:, :-1], windows[:, 1:], window == 0


class Shuffled:
    """Overlapping windows in random order, each from a zero state, as in most articles.

    A window starts every `stride` characters. An epoch trains as many characters as the
    text has, so with a stride below T it visits only a random part of the windows; no
    window comes twice in an epoch. Items, too, come in another random order in each epoch,
    and the windows lie across them.
    """

    def __init__(
        self, part: Part, *, batch_size: int, seq_length: int, stride: int, seed: int
    ):
        self._text = _Order(part, seed)
        self.seq_length = min(seq_length, len(part) - 1)
        self._windows = (len(part) - self.seq_length - 1) // stride + 1
        fitting = max(1, len(part) // self.seq_length)
        self.batch_size = min(batch_size, self._windows, fitting)
        self.steps_per_epoch = max(
            1,
            min(
                len(part) // (self.batch_size * self.seq_length),
                self._windows // self.batch_size,
            ),
        )
        self._stride = stride
        self._seed = seed
        self._epoch = -1
        self._drawn: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """See `Batches.batch`: always fresh."""
        epoch, place = divmod(step, self.steps_per_epoch)
        starts = self._chosen(epoch, place) * self._stride
        windows = np.stack(
            [self._text.read(epoch, int(start), self.seq_length + 1) for start in starts]
        )
        return windows[:, :-1], windows[:, 1:], True

    def _chosen(self, epoch: int, place: int) -> npt.NDArray[np.int64]:
        """Return the windows of a batch, by number."""
        first = place * self.batch_size
        random = np.random.default_rng([self._seed, epoch])
        if self._windows > MANY:
            # Steps of a size that has no divisor in common with their number visit every
            # window once.
            size = int(random.integers(self._windows // 4, self._windows // 2))
            while math.gcd(size, self._windows) > 1:
                size += 1
            begin = int(random.integers(self._windows))
            numbers = [begin + size * (first + i) for i in range(self.batch_size)]
            return np.array([n % self._windows for n in numbers], np.int64)
        if epoch != self._epoch:
            count = self.steps_per_epoch * self.batch_size
            self._drawn = random.choice(self._windows, count, replace=False)
            self._epoch = epoch
        return self._drawn[first : first + self.batch_size]
