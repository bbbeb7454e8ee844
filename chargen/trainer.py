"""The training loop: truncated backpropagation through time on a Keras model.

One of the modules that import TensorFlow. It writes no file and prints nothing: what
happens leaves as events (see `events`), and a stop is asked for through a callable.
The compiled update takes and returns all its state. Nothing random has to be saved: the
batch of a step is a pure function of (seed, step), and so are the dropout masks, whose
generators are set from (seed, place, step) before every update.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from chargen.average import newest_share
from chargen.checkpoint import Checkpoint
from chargen.clock import Clock
from chargen.config import LENGTHS, STATES, Plan, Settings
from chargen.corpus import WARM_UP, Batches, Corpus, ScoredStreams, scored_streams
from chargen.errors import Interrupted, TrainingError
from chargen.events import (
    CheckpointDue,
    Event,
    Listener,
    Note,
    Progress,
    RolledBack,
    Stepped,
)
from chargen.model import build_model
from chargen.schedule import (
    FINISHED,
    Length,
    learning_rate,
    total_steps,
    useful_steps,
)
from chargen.tensors import Arrays
from chargen.update import Update

SMOOTHING = 0.98  # of the training loss that is shown and logged
FIRST_SAVE = 45.0  # seconds of a run before its first checkpoint, at the most
EVALUATIONS = 20  # in a run, unless `eval_every` is given
LEAST_EVAL_EVERY = 10
EVALUATION_SHARE = 0.05  # of the time, for all evaluations together
EVALUATION_WINDOW = 64  # characters a call: a stop is obeyed between two calls
MOST_ROLLBACKS = 2


@dataclass
class Counters:
    """What a run counts; saved with every checkpoint as numbers of one name each.

    Attributes:
        step: updates done.
        seconds: spent when this was saved.
        rate: the learning rate of the last update.
        share: of the schedule that is over.
        schedule_step: the update that the schedule begins with: 0, or where the run was
            finished when it was given more time.
        origin: seconds spent when the schedule's first update was done.
        loss_sum, loss_weight: of the smoothed training loss.
        best: lowest validation loss so far; before the first, higher than any.
        stale: evaluations since then.
        evaluated_step: the step of the last evaluation, 0 before the first.
        evaluated_seconds: the seconds spent at that time.
        rollbacks: how often a loss was not finite; each halves the learning rate.
        validation_length: characters of each validation stream that are used; 0 before
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

    def to_arrays(self) -> dict[str, npt.NDArray]:
        """Return name → float64 scalar."""
        values = dataclasses.asdict(self).items()
        return {f"counter.{name}": np.array(value, np.float64) for name, value in values}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Counters:
        """Read back what `to_arrays` returned.

        Raises:
            ValueError: a value can have been counted by no run.
        """
        counted: dict[str, float] = {}
        for field in dataclasses.fields(cls):
            value = float(arrays[f"counter.{field.name}"].item())
            whole = isinstance(field.default, int)
            most = MOST.get(field.name, 2.0**53 if whole else sys.float_info.max)
            if not 0 <= value <= most or (whole and not value.is_integer()):
                raise ValueError(f"{field.name} cannot be {value:g}")
            counted[field.name] = int(value) if whole else value
        return cls(**counted)  # type: ignore[arg-type]  # each of its own kind


MOST = {"share": 1.0, "loss_weight": 1.0, "loss_sum": 1e6, "rollbacks": MOST_ROLLBACKS}
"""The largest value of some counters."""


class _Stop(Exception):
    """A signal asked training to stop."""


class _NotFinite(Exception):
    """A loss or a weight is not finite."""


class Trainer:
    """Trains one model on one corpus.

    Args:
        settings: the run's settings, resolved: a length is set, batch and window fit.
        corpus: what it learns from.
        batches: the corpus's training part, cut as the settings say.
        listeners: called with every event, in this order.
        clock: counts the run's time.
        stop: returns the number of a signal that asked for a stop, or None.
        plan: how a step is computed.
        resume: the checkpoint to go on from, read with its resume part.
        initial: weights to start from, by name; None: random ones.
    """

    def __init__(
        self,
        settings: Settings,
        corpus: Corpus,
        batches: Batches,
        *,
        listeners: Sequence[Listener],
        clock: Clock,
        stop: Callable[[], int | None] = lambda: None,
        plan: Plan,
        resume: Checkpoint | None = None,
        initial: Arrays | None = None,
    ) -> None:
        self._settings = settings
        self._batches = batches
        self._listeners = listeners
        self._clock = clock
        self._stop = stop
        self._length = Length(
            settings.seconds, total_steps(settings, batches.steps_per_epoch)
        )
        self._counters = Counters()
        self._starting = True  # the first update is compiled: no other takes so long
        self._published: int | None = None  # the step of the last checkpoint
        self._saved_seconds = 0.0

        config = settings.model
        self._config = config
        self._names = list(config.weight_shapes(len(corpus.vocabulary)))
        model = build_model(
            config, len(corpus.vocabulary), seed=settings.seed, stock=plan.stock
        )
        self._update = Update(model, settings, plan)
        self._states = self._zero_states(batches.batch_size)
        self._validation: ScoredStreams | None = None
        if corpus.validation.size:
            self._validation = scored_streams(corpus.validation, corpus.context)
        self._initial = initial is not None and resume is None
        if resume is not None:
            self._restore(resume.weights, resume.resume)
            self._published = self._counters.step
            if self._counters.step != resume.step:
                raise TrainingError(
                    "the checkpoint's resume part is of another step than its weights"
                )
            self._extend(resume)
        elif initial is not None:  # what is published first is the model as it came
            self._update.start_from([initial[name] for name in self._names])
        self._good = self._snapshot(evaluated=False, validation=None, best=False)
        self._clock.lap("start")
        self._saved_seconds = self._clock.spent if self._published else 0.0

    @property
    def counters(self) -> Counters:
        """What the run has counted so far."""
        return self._counters

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self._progress()

    def nothing_left(self) -> bool:
        """Whether the run is over already, so that `run` will do nothing."""
        return self._over() and self._counters.evaluated_step == self._counters.step

    def run(self) -> None:
        """Train until the run's length is reached.

        Raises:
            Interrupted: a signal asked for a stop; a checkpoint has been published.
            TrainingError: the loss was not finite, more often than can be mended.
            ChargenError: whatever a listener raises.
        """
        try:
            self._fit_validation()
            while True:
                self._check_stop()
                try:
                    if self._initial:
                        self._initial = False
                        self._evaluate()
                    elif not self._over():
                        self._advance()
                    elif self._counters.evaluated_step != self._counters.step:
                        self._evaluate()
                    else:
                        self._say_why()
                        return
                except _NotFinite:
                    self._roll_back()
        except _Stop:
            if self._counters.step > (self._published or 0):
                # Weights that are not finite are not worth saving.
                with contextlib.suppress(_NotFinite):
                    self._publish(evaluated=False, validation=None, best=False)
            raise Interrupted(
                self._stop() or 0, saved=self._published is not None
            ) from None

    def _say_why(self) -> None:
        """Say what ended the run, where that is not its length."""
        if self._impatient():
            count = self._settings.patience
            self._emit(Note(f"stopped by --patience: {count} evaluations were no better"))

    def _impatient(self) -> bool:
        """Whether as many evaluations as were granted brought nothing better."""
        patience = self._settings.patience
        return patience is not None and self._counters.stale >= patience

    def _advance(self) -> None:
        """Update, unless an interruption put off an evaluation; then do what is due."""
        if not self._evaluation_due():
            self._step()
        if self._evaluation_due():
            self._evaluate()
        elif self._save_due():
            self._publish(evaluated=False, validation=None, best=False)

    def _step(self) -> None:
        counters, settings = self._counters, self._settings
        spent = self._clock.spent
        first = counters.schedule_step
        origin = counters.origin if counters.step > first else spent
        counters.share = self._length.progress(counters.step, spent, origin, first)
        counters.rate = learning_rate(
            counters.share,
            peak=settings.learning_rate * 0.5**counters.rollbacks,
            warmup=settings.warmup,
        )
        inputs, targets, fresh = self._batches.batch(counters.step)
        states = self._zero_states(len(inputs)) if fresh else self._states
        key = tf.constant([settings.seed % 2**31, counters.step % 2**31], tf.int32)
        rate, newest = (
            tf.constant(x, tf.float32)
            for x in (counters.rate, newest_share(counters.step + 1))
        )
        loss_tensor, self._states = self._update.train(
            inputs, targets, states, rate, key, newest
        )
        loss = float(loss_tensor)
        self._clock.lap("start" if self._starting else "step")
        self._starting = False
        if not math.isfinite(loss):
            raise _NotFinite
        counters.loss_sum = SMOOTHING * counters.loss_sum + (1 - SMOOTHING) * loss
        counters.loss_weight = SMOOTHING * counters.loss_weight + (1 - SMOOTHING)
        counters.step += 1
        if counters.step == first + 1:
            counters.origin = counters.evaluated_seconds = self._clock.spent
        if settings.steps is None and counters.step == useful_steps(
            self._batches.steps_per_epoch
        ):
            self._emit(
                Note(
                    f"{self._progress().epoch:.0f} passes over the text are done; a text "
                    "of this size rarely gains from more"
                )
            )
        self._emit(Stepped(self._progress()))

    def _validation_loss(self, streams: ScoredStreams, *, lap: str = "evaluation") -> float:
        """Return the mean loss over the scored targets, state carried."""
        states = self._zero_states(len(streams.inputs))
        total = 0.0
        length = streams.inputs.shape[1]
        window = min(EVALUATION_WINDOW, length)
        for start in range(0, length, window):
            self._check_stop()
            part = np.s_[:, start : start + window]
            # All windows have one length: another one would be compiled anew.
            missing = max(0, start + window - length)
            inputs, targets, scored = (
                np.pad(x[part], ((0, 0), (0, missing)))
                for x in (streams.inputs, streams.targets, streams.scored)
            )
            losses, states = self._update.score(inputs, targets, states)
            total += float(losses.numpy()[scored].sum(dtype=np.float64))
            self._clock.lap(lap)
        return total / max(1, streams.characters)

    def _fit_validation(self) -> None:
        """Under a time budget, validate on no more than a twentieth of the time can score.

        The part stays the same when the run is resumed: losses are comparable.
        """
        streams, seconds = self._validation, self._settings.seconds
        if streams is None:
            return
        counters, length = self._counters, streams.inputs.shape[1]
        first = streams.beginning(EVALUATION_WINDOW)
        if seconds is not None:
            self._validation_loss(first, lap="start")  # compiles the function
        if not counters.validation_length:
            counters.validation_length = length
            if seconds is not None:
                self._validation_loss(first)
                each = self._clock.typical("evaluation") or 0.0
                fitting = int(EVALUATION_SHARE * seconds / max(each, 1e-9))
                least = WARM_UP + EVALUATION_WINDOW
                fitting = max(least, fitting * EVALUATION_WINDOW)
                counters.validation_length = min(length, fitting)
        least = min(length, WARM_UP + EVALUATION_WINDOW)
        if not least <= counters.validation_length <= length:
            raise TrainingError(
                "the checkpoint's resume part is damaged: it validates on nothing"
            )
        if counters.validation_length < length:
            self._validation = streams.beginning(counters.validation_length)
            self._emit(
                Note(
                    f"validating on {self._validation.characters:,} of "
                    f"{streams.characters:,} characters (the beginnings of "
                    f"{len(streams.inputs)} parts): all of them would take more than a "
                    "twentieth of the time"
                )
            )

    def _evaluate(self) -> None:
        """Measure the validation loss and publish a checkpoint."""
        counters = self._counters
        validation = None
        best = True
        if self._validation is not None:
            validation = self._validation_loss(self._validation)
            if not math.isfinite(validation):
                raise _NotFinite
            best = validation < counters.best
            counters.stale = 0 if best else counters.stale + 1
            counters.best = min(counters.best, validation)
        counters.evaluated_step = counters.step
        counters.evaluated_seconds = self._clock.spent
        self._publish(evaluated=True, validation=validation, best=best)

    def _publish(self, *, evaluated: bool, validation: float | None, best: bool) -> None:
        """Hand a checkpoint to the listeners; it is the one that trouble goes back to."""
        snapshot = self._snapshot(
            evaluated=evaluated,
            validation=validation,
            best=best or self._validation is None,
        )
        # The average takes some updates in late: the latest weights tell first.
        arrays = (*snapshot.weights.values(), *snapshot.resume.values())
        if not all(np.isfinite(array).all() for array in arrays):
            raise _NotFinite
        self._emit(snapshot)
        self._good = snapshot
        self._published = self._counters.step
        self._clock.lap("publish")
        self._saved_seconds = self._clock.spent

    def _snapshot(
        self, *, evaluated: bool, validation: float | None, best: bool
    ) -> CheckpointDue:
        self._counters.seconds = self._clock.spent
        resume = self._counters.to_arrays()
        for name, variable in self._update.private.items():
            resume[name] = _copy(variable)
        for i, state in enumerate(self._states):
            resume[f"state.{i}"] = _copy(state)
        return CheckpointDue(
            progress=self._progress(),
            evaluated=evaluated,
            validation=validation,
            best=best,
            validation_characters=self._validation.characters if self._validation else 0,
            weights={
                name: _copy(variable)
                for name, variable in zip(self._names, self._update.averaged, strict=True)
            },
            resume=resume,
        )

    def _restore(self, weights: Arrays, resume: Arrays) -> None:
        """Take up what `_snapshot` put down.

        Raises:
            TrainingError: it belongs to a model or an optimizer of another shape.
        """
        expected = {
            **{k: (v.shape, v.dtype) for k, v in Counters().to_arrays().items()},
            **{k: (tuple(v.shape), _dtype(v)) for k, v in self._update.private.items()},
            **{
                f"state.{i}": (tuple(s.shape), _dtype(s))
                for i, s in enumerate(self._states)
            },
        }
        if {name: (array.shape, array.dtype) for name, array in resume.items()} != expected:
            raise TrainingError(
                "the checkpoint's resume part does not fit the model: was it written by "
                "another version of chargen or Keras? Its weights can still be sampled "
                "from"
            )
        for name, averaged in zip(self._names, self._update.averaged, strict=True):
            averaged.assign(weights[name])
        for name, variable in self._update.private.items():
            variable.assign(resume[name])
        self._states = [tf.constant(resume[f"state.{i}"]) for i in range(len(self._states))]
        try:
            self._counters = Counters.from_arrays(resume)
        except ValueError as error:
            raise TrainingError(
                f"the checkpoint's resume part is damaged: {error}"
            ) from error

    def _extend(self, resume: Checkpoint) -> None:
        """Begin anew what ended a run that is given another length.

        Patience is counted from here, and a finished run gets a new schedule.
        """
        now, counters = self._settings, self._counters
        if all(resume.training.get(x) == getattr(now, x) for x in LENGTHS):
            return
        if self._impatient():
            counters.stale = 0
        if counters.share >= FINISHED and not self._over():
            counters.schedule_step = counters.step

    def _roll_back(self) -> None:
        failed, rollbacks = self._counters.step + 1, self._counters.rollbacks + 1
        if rollbacks > MOST_ROLLBACKS:
            raise TrainingError(
                f"the loss is not a finite number at step {failed}, for the third "
                f"time: halving the learning rate did not help. Try a "
                "lower --learning-rate or a lower --clip-norm"
                + (
                    "; the checkpoints published so far are sound"
                    if self._published is not None
                    else ""
                )
            )
        self._restore(self._good.weights, self._good.resume)
        self._counters.rollbacks = rollbacks
        rate = self._settings.learning_rate * 0.5**rollbacks
        self._emit(RolledBack(failed, self._counters.step, rate))

    def _over(self) -> bool:
        counters = self._counters
        if self._impatient():
            return True
        steps, seconds = self._length.steps, self._length.seconds
        if steps is not None and counters.step >= steps:
            return True
        if seconds is None or counters.step == 0:
            return False
        # One more update has to leave room for the last evaluation and its checkpoint.
        update = self._clock.typical("step") or 0.0
        return self._clock.spent + update + self._evaluation_time() >= seconds

    def _evaluation_time(self) -> float:
        """Return the seconds that an evaluation and its checkpoint take."""
        seconds = self._clock.typical("publish") or 0.0
        if self._validation is not None:
            windows = math.ceil(self._validation.inputs.shape[1] / EVALUATION_WINDOW)
            seconds += windows * (self._clock.typical("evaluation") or 0.0)
        return seconds

    def _evaluation_due(self) -> bool:
        counters, settings = self._counters, self._settings
        if counters.step == counters.evaluated_step:
            return False
        every = settings.eval_every
        if every is None and settings.seconds is None and self._length.steps:
            every = max(LEAST_EVAL_EVERY, self._length.steps // EVALUATIONS)
        if every is not None:
            return counters.step % every == 0
        # Under a time budget: evenly over the time, which `steps` may cut short.
        seconds = settings.seconds or 0.0
        if self._length.steps is not None:
            update = self._clock.typical("step") or 0.0
            seconds = min(seconds, counters.origin + self._length.steps * update)
        fitting = EVALUATION_SHARE * seconds / max(self._evaluation_time(), 1e-9)
        count = min(EVALUATIONS, max(1, int(fitting)))
        interval = seconds / count
        if self._clock.spent > seconds - interval / 2:
            return False  # the last one is near
        return self._clock.spent >= counters.evaluated_seconds + interval

    def _save_due(self) -> bool:
        every = self._settings.save_every
        if not self._published:
            every = min(every, FIRST_SAVE)
        return self._clock.spent - self._saved_seconds >= every

    def _progress(self) -> Progress:
        counters, batches = self._counters, self._batches
        typical = self._clock.typical("step")
        size = batches.batch_size * batches.seq_length
        spent, length = self._clock.spent, self._length
        left = []
        if length.seconds is not None:
            left.append(length.seconds - spent)
        if length.steps is not None:
            left.append((length.steps - counters.step) * (typical or 0.0))
        weight = counters.loss_weight
        return Progress(
            step=counters.step,
            epoch=counters.step / batches.steps_per_epoch,
            seconds=spent,
            train=counters.loss_sum / weight if weight else None,
            learning_rate=self._counters.rate,
            characters_per_second=size / typical if typical else 0.0,
            share=length.progress(counters.step - 1, spent, 0.0),
            remaining=max(0.0, min(left)),
        )

    def _zero_states(self, batch_size: int) -> list[tf.Tensor]:
        zeros = tf.zeros((batch_size, self._config.units))
        return [zeros] * (STATES[self._config.cell] * self._config.layers)

    def _check_stop(self) -> None:
        if self._stop() is not None:
            raise _Stop

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def _dtype(variable: tf.Variable | tf.Tensor) -> np.dtype:
    return np.dtype(tf.as_dtype(variable.dtype).as_numpy_dtype)


def _copy(variable: tf.Variable | tf.Tensor) -> npt.NDArray:
    return np.array(variable.numpy())  # may share memory that the next update writes
