"""When a training evaluates, saves and stops: counters, and pure functions of them.

Nothing here imports TensorFlow, reads a clock or changes what it is given, so every
decision can be tried out with plain numbers.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chargen.runs.tensors import Arrays
from chargen.text.scored import WARM_UP
from chargen.training.events import Progress
from chargen.training.schedule import (
    FINISHED,
    Length,
    learning_rate,
    total_steps,
    useful_steps,
)
from chargen.training.settings import LENGTHS, Settings

FIRST_SAVE = 45.0  # seconds of a run before its first checkpoint, at most
EVALUATIONS = 20  # in a run, unless `eval_every` is given
LEAST_EVAL_EVERY = 10
EVALUATION_SHARE = 0.05  # of the time, for all evaluations together
EVALUATION_WINDOW = 64  # characters per call: a stop is obeyed between two calls
MOST_ROLLBACKS = 2


class Reading(Protocol):
    """What a clock says; see `system.clock.Clock`."""

    @property
    def spent(self) -> float:
        """Seconds that the run has taken."""
        ...

    def typical(self, kind: str) -> float | None:
        """Return the median seconds of a kind of lap; None before the first."""
        ...


@dataclass
class Counters:
    """What a run counts; every checkpoint saves each of these as a number of its own.

    Attributes:
        step: updates done.
        seconds: seconds spent when this was saved.
        rate: the learning rate of the last update.
        share: the share of the schedule that is over.
        schedule_step: the update that the schedule begins with: 0, or the one at which the
            run was finished when it was given more time.
        origin: seconds spent when the schedule's first update was done.
        loss_sum, loss_weight: the smoothed training loss is their quotient.
        best: the lowest validation loss so far; before the first one, higher than any.
        stale: evaluations since the best one.
        evaluated_step: the step of the last evaluation; 0 before the first one.
        evaluated_seconds: the seconds spent at that time.
        rollbacks: how often a loss was not finite; each halves the learning rate.
        validation_length: how many characters of each validation stream are used; 0 before
            that is settled.
    """

    step: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    share: float = 0.0
    schedule_step: int = 0
    origin: float = 0.0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    best: float = sys.float_info.max
    stale: int = 0
    evaluated_step: int = 0
    evaluated_seconds: float = 0.0
    rollbacks: int = 0
    validation_length: int = 0

    def to_arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the counters as float64 scalars, by name."""
        values = dataclasses.asdict(self).items()
        return {f"counter.{name}": np.array(value, np.float64) for name, value in values}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Counters:
        """Read back what `to_arrays` returned.

        Raises:
            ValueError: a value is missing, or is one that no run can have counted.
        """
        counted: dict[str, float] = {}
        for field in dataclasses.fields(cls):
            array = arrays.get(f"counter.{field.name}")
            if array is None or array.shape != () or array.dtype != np.float64:
                raise ValueError(f"{field.name} is not a number")
            value = float(array.item())
            whole = isinstance(field.default, int)
            most = MOST.get(field.name, 2.0**53 if whole else sys.float_info.max)
            if not 0 <= value <= most or (whole and not value.is_integer()):
                raise ValueError(f"{field.name} cannot be {value:g}")
            counted[field.name] = int(value) if whole else value
        return cls(**counted)  # type: ignore[arg-type]  # each of its own kind


MOST = {"share": 1.0, "loss_weight": 1.0, "loss_sum": 1e6, "rollbacks": MOST_ROLLBACKS}
"""The largest values that some of the counters can have."""


def is_impatient(settings: Settings, counters: Counters) -> bool:
    """Whether as many evaluations as `patience` grants brought nothing better."""
    return settings.patience is not None and counters.stale >= settings.patience


@dataclass(frozen=True)
class Cadence:
    """When things are due in a run.

    Attributes:
        settings: the run's settings, resolved.
        steps_per_epoch: updates in a pass over the training text.
        window_size: characters that an update trains.
        evaluation_windows: calls that one evaluation takes; 0 if there is nothing to
            validate on.
    """

    settings: Settings
    steps_per_epoch: int
    window_size: int
    evaluation_windows: int = 0

    @property
    def length(self) -> Length:
        """The end of the run."""
        return Length(
            self.settings.seconds, total_steps(self.settings, self.steps_per_epoch)
        )

    def impatient(self, counters: Counters) -> bool:
        """Whether as many evaluations as `patience` grants have brought nothing better."""
        return is_impatient(self.settings, counters)

    def gave_up(self, counters: Counters) -> str | None:
        """Say what ended the run, if that is not its length."""
        if not self.impatient(counters):
            return None
        return f"stopped by `patience`: {self.settings.patience} evaluations were no better"

    def over(self, counters: Counters, clock: Reading) -> bool:
        """Whether the run has reached its end."""
        if self.impatient(counters):
            return True
        steps, seconds = self.length.steps, self.length.seconds
        if steps is not None and counters.step >= steps:
            return True
        if seconds is None or counters.step == 0:
            return False
        # One more update has to leave room for the last evaluation and its checkpoint.
        update = clock.typical("step") or 0.0
        return clock.spent + update + self.evaluation_time(clock) >= seconds

    def evaluation_time(self, clock: Reading) -> float:
        """Return the seconds that an evaluation and its checkpoint take."""
        seconds = clock.typical("publish") or 0.0
        if self.evaluation_windows:
            seconds += self.evaluation_windows * (clock.typical("evaluation") or 0.0)
        return seconds

    def evaluation_due(self, counters: Counters, clock: Reading) -> bool:
        """Whether it is time for an evaluation."""
        settings, steps = self.settings, self.length.steps
        if counters.step == counters.evaluated_step:
            return False
        every = settings.eval_every
        if every is None and settings.seconds is None and steps:
            every = max(LEAST_EVAL_EVERY, steps // EVALUATIONS)
        if every is not None:
            return counters.step % every == 0
        # Under a time budget: evenly over the time, which `steps` may cut short.
        seconds = settings.seconds or 0.0
        if steps is not None:
            update = clock.typical("step") or 0.0
            seconds = min(seconds, counters.origin + steps * update)
        fitting = EVALUATION_SHARE * seconds / max(self.evaluation_time(clock), 1e-9)
        count = min(EVALUATIONS, max(1, int(fitting)))
        interval = seconds / count
        if clock.spent > seconds - interval / 2:
            return False  # the last one is near
        return clock.spent >= counters.evaluated_seconds + interval

    def save_due(self, clock: Reading, *, saved: float, published: bool) -> bool:
        """Whether it is time for a checkpoint.

        Args:
            clock: the run's clock.
            saved: seconds spent when the last checkpoint was published.
            published: whether there is one.
        """
        every = self.settings.save_every
        if not published:
            every = min(every, FIRST_SAVE)
        return clock.spent - saved >= every

    def schedule(self, counters: Counters, clock: Reading) -> tuple[float, float]:
        """Return the share of the schedule that is over, and the next update's rate."""
        spent, first = clock.spent, counters.schedule_step
        origin = counters.origin if counters.step > first else spent
        share = self.length.progress(counters.step, spent, origin, first)
        rate = learning_rate(
            share,
            peak=self.peak_rate(counters.rollbacks),
            warmup=self.settings.warmup,
        )
        return share, rate

    def enough(self, counters: Counters) -> str | None:
        """Say, once, that more passes over a text of this size rarely help."""
        useful = useful_steps(self.steps_per_epoch)
        if self.settings.steps is not None or counters.step != useful:
            return None
        passes = counters.step / self.steps_per_epoch
        return (
            f"{passes:.0f} passes over the text are done; a text of this size rarely gains "
            "from more"
        )

    def peak_rate(self, rollbacks: int) -> float:
        """Return the peak of the learning rate: each rollback halves it."""
        return self.settings.learning_rate * 0.5**rollbacks

    def validation_length(self, length: int, window_seconds: float | None) -> int:
        """Return the characters of each validation stream that are worth their time.

        Under a time budget, one evaluation takes no more than a twentieth of the time.

        Args:
            length: the length of a stream.
            window_seconds: the seconds that a call takes; None if time is not measured.
        """
        if window_seconds is None or self.settings.seconds is None:
            return length
        budget = EVALUATION_SHARE * self.settings.seconds
        fitting = int(budget / max(window_seconds, 1e-9)) * EVALUATION_WINDOW
        return min(length, max(least_validation_length(length), fitting))

    def extended(
        self, counters: Counters, before: Mapping[str, Any], clock: Reading
    ) -> Counters:
        """Return the counters of a run that is given another length than it had before.

        Whatever ended the run begins anew: patience is counted from here, and a finished
        run gets a new schedule.
        """
        if all(before.get(name) == getattr(self.settings, name) for name in LENGTHS):
            return counters
        if self.impatient(counters):
            counters = dataclasses.replace(counters, stale=0)
        if counters.share >= FINISHED and not self.over(counters, clock):
            counters = dataclasses.replace(counters, schedule_step=counters.step)
        return counters

    def progress(self, counters: Counters, clock: Reading) -> Progress:
        """Return where the run stands."""
        typical, spent, length = clock.typical("step"), clock.spent, self.length
        left = []
        if length.seconds is not None:
            left.append(length.seconds - spent)
        if length.steps is not None:
            left.append((length.steps - counters.step) * (typical or 0.0))
        weight = counters.loss_weight
        return Progress(
            step=counters.step,
            epoch=counters.step / self.steps_per_epoch,
            seconds=spent,
            train=counters.loss_sum / weight if weight else None,
            learning_rate=counters.rate,
            characters_per_second=self.window_size / typical if typical else 0.0,
            share=length.progress(counters.step - 1, spent, 0.0),
            remaining=max(0.0, min(left)),
        )


def least_validation_length(length: int) -> int:
    """Return the fewest characters of a validation stream that say anything."""
    return min(length, WARM_UP + EVALUATION_WINDOW)
