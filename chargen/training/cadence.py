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
FIRST_EVALUATION = 10.0  # seconds after the first update, at most
FIRST_STEPS = 20  # after so many updates, and after twice as many, and so on
EVALUATION_SHARE = 0.05  # of the time, for all evaluations together
WHOLE_SHARE = 0.1  # of the time, for scoring the whole validation part at the end
EVALUATION_WINDOW = 64  # characters per call: a stop is obeyed between two calls
MOST_ROLLBACKS = 2
SMOOTHING = 0.98  # of the training loss that is shown and logged
# The rate is cut where a text is learned by heart: where at least two evaluations and a
# tenth of the schedule have brought no progress, and the loss is higher by 0.02 nats.
WORSE_EVALUATIONS, WORSE_SHARE, WORSE = 2, 0.1, 0.02
CUT = 0.3


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
        validation: the last validation loss; 0 before the first one.
        stale: evaluations since the best one.
        evaluated_step: the step of the last evaluation; 0 before the first one.
        evaluated_seconds: the seconds spent at that time.
        rollbacks: how often a loss was not finite; each halves the learning rate.
        cuts: how often the run became worse; each makes the learning rate smaller.
        progress_share: the share of the schedule that was over at the last progress, or at
            the last cut.
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
    validation: float = 0.0
    stale: int = 0
    evaluated_step: int = 0
    evaluated_seconds: float = 0.0
    rollbacks: int = 0
    cuts: int = 0
    progress_share: float = 0.0

    def trained(self, loss: float) -> None:
        """Count an update, whose loss was this before it."""
        self.loss_sum = SMOOTHING * self.loss_sum + (1 - SMOOTHING) * loss
        self.loss_weight = SMOOTHING * self.loss_weight + (1 - SMOOTHING)
        self.step += 1

    def heard(self, validation: float) -> bool:
        """Count an evaluation; return whether its loss is the lowest so far."""
        better, self.validation = validation < self.best, validation
        self.stale = 0 if better else self.stale + 1
        if better:
            self.best, self.progress_share = validation, self.share
        return better

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


MOST = {
    "share": 1.0,
    "loss_weight": 1.0,
    "loss_sum": 1e6,
    "rollbacks": MOST_ROLLBACKS,
    "cuts": 1_000,
    "progress_share": 1.0,
}
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
        sample_calls: calls that one evaluation takes; 0 if there is nothing to validate on.
        whole_calls: calls that it takes to score the whole validation part at the end.
    """

    settings: Settings
    steps_per_epoch: int
    window_size: int
    sample_calls: int = 0
    whole_calls: int = 0

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
        return clock.spent + update + self._last_time(counters, clock) >= seconds

    def evaluation_time(self, clock: Reading) -> float:
        """Return the seconds that an evaluation and its checkpoint take."""
        return self._time(self.sample_calls, clock)

    def _last_time(self, counters: Counters, clock: Reading) -> float:
        """Return the seconds that the last evaluation takes."""
        if not self.scores_whole(clock):
            return self.evaluation_time(clock)
        # If the best checkpoint is an earlier one, it is scored, too.
        return self._time(self.whole_calls * (2 if counters.stale else 1), clock)

    def _time(self, calls: int, clock: Reading) -> float:
        seconds = calls * (clock.typical("evaluation") or 0.0)
        return seconds + (clock.typical("publish") or 0.0)

    def scores_whole(self, clock: Reading) -> bool:
        """Whether the whole validation part is scored at the end of the run.

        It is, if it is more than the sample, and if there is time for it.
        """
        if self.whole_calls <= self.sample_calls:
            return False
        seconds = self.settings.seconds
        if seconds is None:
            return True
        return self._time(self.whole_calls, clock) <= WHOLE_SHARE * seconds

    def evaluation_due(self, counters: Counters, clock: Reading) -> bool:
        """Whether it is time for an evaluation."""
        settings, steps = self.settings, self.length.steps
        if counters.step == counters.evaluated_step:
            return False
        every = settings.eval_every
        if every is None and settings.seconds is None and steps:
            every = max(LEAST_EVAL_EVERY, steps // EVALUATIONS)
        if every is not None:
            early = settings.eval_every is None and _doubled(counters.step, every)
            return early or counters.step % every == 0
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
        if counters.evaluated_step <= counters.schedule_step and fitting >= 0.5:
            interval = min(interval, FIRST_EVALUATION)
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
            peak=self.peak_rate(counters),
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

    def peak_rate(self, counters: Counters) -> float:
        """Return the peak of the learning rate: each rollback halves it."""
        rate = self.settings.learning_rate * 0.5**counters.rollbacks
        return rate * CUT**counters.cuts

    def worsens(self, counters: Counters) -> bool:
        """Whether the last evaluation, just now, shows that the run has become worse."""
        return (
            counters.evaluated_step == counters.step
            and counters.stale >= WORSE_EVALUATIONS
            and counters.share - counters.progress_share >= WORSE_SHARE
            and counters.validation - counters.best > WORSE
        )

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
            counters = dataclasses.replace(
                counters, schedule_step=counters.step, progress_share=0.0
            )
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


def _doubled(step: int, below: int) -> bool:
    """Whether a step is one of 20, 40, 80 … and smaller than another."""
    times, rest = divmod(step, FIRST_STEPS)
    return 0 < step < below and rest == 0 and times & (times - 1) == 0
