"""The time that a training run has spent. Standard library only.

A run that is asked to take five minutes must not lose them to a closed laptop lid: a lap
that takes more than ten times as long as laps of its kind usually do counts as ten of them.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

REMEMBERED = 101  # laps of one kind that the median is taken over
ENOUGH = 5  # laps before the median is trusted
LONGEST = 10.0  # in medians


class Clock:
    """Counts the seconds spent, lap by lap.

    Args:
        started: the time at which counting starts; None for now.
        spent: seconds that the run had spent before it was resumed.
        free: a kind of lap that counts for nothing.
        now: the clock that is read, in seconds.
    """

    def __init__(
        self,
        *,
        started: float | None = None,
        spent: float = 0.0,
        free: str | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._now = now
        self._last = now() if started is None else started
        self._laps: dict[str, deque[float]] = {}
        self._free = free
        self.spent = spent

    def lap(self, kind: str) -> float:
        """End a lap of a kind; return the seconds that it counts for."""
        now = self._now()
        seconds, self._last = now - self._last, now
        if kind == self._free:
            return 0.0
        laps = self._laps.setdefault(kind, deque(maxlen=REMEMBERED))
        longest = LONGEST * statistics.median(laps) if len(laps) >= ENOUGH else 0.0
        if longest:  # it is 0, too, where the clock is too coarse for such short laps
            seconds = min(seconds, longest)
        laps.append(seconds)
        self.spent += seconds
        return seconds

    def typical(self, kind: str) -> float | None:
        """Return the median seconds of a kind of lap; None before the first one."""
        laps = self._laps.get(kind)
        return statistics.median(laps) if laps else None
