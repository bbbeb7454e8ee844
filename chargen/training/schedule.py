"""How long a run lasts, and how its learning rate moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chargen.training.settings import Settings

FINAL_RATE = 0.1
"""The rate at the end of the run, as a share of the peak."""

USEFUL_PASSES = 100
LEAST_USEFUL_STEPS = 500

FINISHED = 0.9
"""Share of a schedule from which its rate counts as fallen: more time lets it rise anew."""


def total_steps(settings: Settings, steps_per_epoch: int) -> int | None:
    """Return the number of updates after which the settings end a run; None if none do."""
    bounds = [] if settings.steps is None else [settings.steps]
    if settings.epochs is not None:
        bounds.append(settings.epochs * steps_per_epoch)
    return min(bounds, default=None)


def useful_steps(steps_per_epoch: int) -> int:
    """Return the updates beyond which a text is not learned better, only by heart."""
    return max(LEAST_USEFUL_STEPS, USEFUL_PASSES * steps_per_epoch)


@dataclass(frozen=True)
class Length:
    """The end of a run: whichever of two bounds is reached first.

    Attributes:
        seconds: seconds spent; None for no bound.
        steps: updates done; None for no bound. At least one of the two is set.
    """

    seconds: float | None
    steps: int | None

    def progress(self, step: int, spent: float, origin: float, first: int = 0) -> float:
        """Return the share of the run in [0, 1] that is over once `step` ends.

        Args:
            step: the update, counted from 0.
            spent: seconds spent.
            origin: seconds spent when the first update was done: imports and tracing
                are part of the run's time, but not of the schedule.
            first: the update that the schedule begins with.
        """
        shares = [0.0]
        if self.steps is not None:
            shares.append((step + 1 - first) / max(1, self.steps - first))
        if self.seconds is not None:
            left = max(1e-9, self.seconds - origin)
            shares.append((spent - origin) / left)
        return min(1.0, max(shares))


def learning_rate(progress: float, *, peak: float, warmup: float) -> float:
    """Return the rate at `progress` in [0, 1]: a linear rise, times a cosine fall.

    The rise takes the share `warmup` of the run; the fall covers the whole run, down to
    `FINAL_RATE` of the peak (Loshchilov & Hutter 2017, without restarts).
    """
    rise = min(1.0, progress / warmup) if warmup else 1.0
    fall = 0.5 * (1 + math.cos(math.pi * progress))
    return peak * rise * (FINAL_RATE + (1 - FINAL_RATE) * fall)
