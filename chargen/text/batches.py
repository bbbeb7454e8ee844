"""The training part of a corpus, cut into batches of windows.

The batch of step k is a pure function of (seed, k, corpus): nothing about the data order
has to be saved for a resume. Axes: B streams or windows in a batch, T characters in a
window.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from chargen.text.vocabulary import Ids

WINDOWS = ("streams", "shuffled")
"""The ways of cutting: see `Streams` and `Shuffled`."""


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


class Streams:
    """Windows that slide along B parallel streams, with the state carried along.

    Each epoch starts from another random rotation of the training text: the text is taken
    as a circle, cut at a random place, and dealt out as B streams of equal length. So the
    borders of the windows vary, and it is not always the same part that is left over.
    """

    def __init__(self, ids: Ids, *, batch_size: int, seq_length: int, seed: int):
        self._ids = ids
        self.seq_length = min(seq_length, len(ids) - 1)
        self.batch_size = min(batch_size, len(ids) // self.seq_length)
        self._stream_length = len(ids) // self.batch_size
        self.steps_per_epoch = self._stream_length // self.seq_length
        self._seed = seed
        self._epoch = -1
        self._rotation = 0

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """See `Batches.batch`: fresh at the start of an epoch."""
        epoch, window = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, epoch])
            self._rotation = int(random.integers(len(self._ids)))
            self._epoch = epoch
        start = self._rotation + window * self.seq_length
        streams = np.arange(self.batch_size) * self._stream_length
        places = start + streams[:, None] + np.arange(self.seq_length + 1)  # (B, T+1)
        windows = self._ids[places % len(self._ids)]
        return windows[:, :-1], windows[:, 1:], window == 0


class Shuffled:
    """Overlapping windows in random order, each from a zero state, as in most articles.

    A window starts every `stride` characters. An epoch trains as many characters as the
    text has, so with a stride below T it visits only a random part of the windows; no
    window comes twice in an epoch.
    """

    def __init__(
        self, ids: Ids, *, batch_size: int, seq_length: int, stride: int, seed: int
    ):
        self._ids = ids
        self.seq_length = min(seq_length, len(ids) - 1)
        self._windows = (len(ids) - self.seq_length - 1) // stride + 1
        fitting = max(1, len(ids) // self.seq_length)
        self.batch_size = min(batch_size, self._windows, fitting)
        self.steps_per_epoch = max(
            1,
            min(
                len(ids) // (self.batch_size * self.seq_length),
                self._windows // self.batch_size,
            ),
        )
        self._stride = stride
        self._seed = seed
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """See `Batches.batch`: always fresh."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, epoch])
            count = self.steps_per_epoch * self.batch_size
            self._order = random.choice(self._windows, count, replace=False)
            self._epoch = epoch
        chosen = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        starts = chosen * self._stride
        windows = self._ids[starts[:, None] + np.arange(self.seq_length + 1)]
        return windows[:, :-1], windows[:, 1:], True
