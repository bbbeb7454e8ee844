"""The training loop: truncated backpropagation through time.

It writes no file and prints nothing: what happens leaves as events (see `events`), and a
stop is asked for through a callable. `cadence` says when something is due; what is learned
belongs to `learner`. No random state has to be saved: the batch of a step is a pure
function of (seed, step), and so are the dropout masks.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence

import numpy as np

from chargen.errors import Interrupted, TrainingError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.tensors import Arrays
from chargen.system.clock import Clock
from chargen.text.batches import Batches
from chargen.text.corpus import Corpus
from chargen.training.cadence import MOST_ROLLBACKS, Cadence, Counters
from chargen.training.events import (
    CheckpointDue,
    Event,
    Listener,
    Note,
    Progress,
    RolledBack,
    Stepped,
)
from chargen.training.plan import Plan
from chargen.training.settings import Settings
from chargen.training.tf.learner import Learner
from chargen.training.tf.validation import UNMEASURED, Losses, calls, validation_of


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
        recall: returns the best checkpoint that was published, with its resume part.
        plan: how a step is computed.
        checkpoint: what to go on from, read with its resume part; None for a new run.
        initial: weights to start from, by name; None for random ones.

    Raises:
        TrainingError: the checkpoint's resume part does not fit the model or the step.
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
        recall: Callable[[], Checkpoint],
        plan: Plan,
        checkpoint: Checkpoint | None = None,
        initial: Arrays | None = None,
    ) -> None:
        self._settings = settings
        self._batches = batches
        self._listeners = listeners
        self._clock = clock
        self._stop = stop
        self._recall = recall
        self._counters = Counters()
        self._starting = True  # the first update is compiled: no other takes so long
        self._published: int | None = None  # the step of the last checkpoint
        self._saved_seconds = 0.0
        size, end = len(corpus.vocabulary), corpus.vocabulary.end
        self._learner = Learner(
            settings, size, batch_size=batches.batch_size, plan=plan, end=end
        )
        self._validation = validation_of(
            corpus, settings, self._learner, clock, self._check_stop
        )
        self._cadence = Cadence(
            settings,
            batches.steps_per_epoch,
            batches.batch_size * batches.seq_length,
            calls(self._validation.sample) if self._validation else 0,
            calls(self._validation.whole) if self._validation else 0,
        )
        self._initial = initial is not None and checkpoint is None
        if checkpoint is not None:
            found = _restore(self._learner, checkpoint.weights, checkpoint.resume)
            if found.step != checkpoint.step:
                raise TrainingError(
                    "the checkpoint's resume part is of another step than its weights"
                )
            self._published = found.step
            self._counters = self._cadence.extended(found, checkpoint.training, clock)
        elif initial is not None:  # what is published first is the model as it came
            self._learner.start_from(initial)
        self._good = self._snapshot()
        self._clock.lap("start")
        self._saved_seconds = self._clock.spent if self._published else 0.0

    @property
    def counters(self) -> Counters:
        """What the run has counted so far."""
        return self._counters

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self._cadence.progress(self._counters, self._clock)

    def nothing_left(self) -> bool:
        """Whether the run is over already, so that `run` will do nothing."""
        return self._over() and self._counters.evaluated_step == self._counters.step

    def run(self) -> None:
        """Train until the run's length is reached.

        Raises:
            Interrupted: a signal asked for a stop; what there was to save has been
                published.
            TrainingError: the loss was not finite more often than can be put right.
            ChargenError: whatever a listener raises.
        """
        try:
            if self._validation is not None and self._settings.seconds is not None:
                self._validation.measure()
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
                        if (note := self._cadence.gave_up(self._counters)) is not None:
                            self._emit(Note(note))
                        return
                except _NotFinite:
                    self._roll_back()
        except _Stop:
            if self._counters.step > (self._published or 0):
                # Weights that are not finite are not worth saving.
                with contextlib.suppress(_NotFinite):
                    self._publish()
            raise Interrupted(
                self._stop() or 0, saved=self._published is not None
            ) from None

    def _over(self) -> bool:
        return self._cadence.over(self._counters, self._clock)

    def _advance(self) -> None:
        """Update, unless an interruption put off an evaluation; then do what is due."""
        cadence, counters, clock = self._cadence, self._counters, self._clock
        if cadence.worsens(counters):
            self._cut_rate()
        if not cadence.evaluation_due(counters, clock):
            self._step()
        if cadence.evaluation_due(counters, clock):
            self._evaluate()
        elif cadence.save_due(
            clock, saved=self._saved_seconds, published=bool(self._published)
        ):
            self._publish()

    def _step(self) -> None:
        counters = self._counters
        counters.share, counters.rate = self._cadence.schedule(counters, self._clock)
        inputs, targets, fresh = self._batches.batch(counters.step)
        loss = self._learner.train(
            inputs, targets, fresh=fresh, step=counters.step, rate=counters.rate
        )
        self._clock.lap("start" if self._starting else "step")
        self._starting = False
        if not math.isfinite(loss):
            raise _NotFinite
        counters.trained(loss)
        if counters.step == counters.schedule_step + 1:
            counters.origin = counters.evaluated_seconds = self._clock.spent
        if (note := self._cadence.enough(counters)) is not None:
            self._emit(Note(note))
        self._emit(Stepped(self.progress))

    def _evaluate(self) -> None:
        """Measure the validation loss and publish a checkpoint.

        At the end of the run, the whole part is scored, if that does not take too long.
        """
        counters = self._counters
        losses, best = UNMEASURED, True
        if self._validation is not None:
            whole = self._over() and self._cadence.scores_whole(self._clock)
            losses = self._validation.losses(whole=whole)
            if not math.isfinite(losses.sample + (losses.whole or 0.0)):
                raise _NotFinite
            best = counters.heard(losses.sample)
        counters.evaluated_step = counters.step
        counters.evaluated_seconds = self._clock.spent
        self._publish(evaluated=True, losses=losses, best=best)

    def judge(self, weights: Arrays) -> tuple[float, int] | None:
        """Score other weights once the run is over, as `Validation.judge` does.

        Returns None if the run does not score its whole validation part.
        """
        if self._validation is None or not self._cadence.scores_whole(self._clock):
            return None
        with contextlib.suppress(_Stop):
            return self._validation.judge(weights)
        return None

    def _publish(
        self, *, evaluated: bool = False, losses: Losses = UNMEASURED, best: bool = False
    ) -> None:
        """Hand a checkpoint to the listeners; in trouble, training goes back to it."""
        best = best or self._validation is None
        snapshot = self._snapshot(evaluated=evaluated, losses=losses, best=best)
        # The average takes in some updates late: the latest weights show trouble first.
        arrays = (*snapshot.weights.values(), *snapshot.resume.values())
        if not all(np.isfinite(array).all() for array in arrays):
            raise _NotFinite
        self._emit(snapshot)
        self._good = snapshot
        self._published = self._counters.step
        self._clock.lap("publish")
        self._saved_seconds = self._clock.spent

    def _snapshot(
        self, *, evaluated: bool = False, losses: Losses = UNMEASURED, best: bool = False
    ) -> CheckpointDue:
        self._counters.seconds = self._clock.spent
        parts = self._validation
        return CheckpointDue(
            progress=self.progress,
            evaluated=evaluated,
            validation=losses.sample if evaluated and parts else None,
            sample_characters=parts.sample.characters if parts else 0,
            whole=losses.whole,
            whole_characters=parts.whole.characters if parts else 0,
            best=best,
            weights=self._learner.weights(),
            resume={**self._counters.to_arrays(), **self._learner.memory()},
        )

    def _cut_rate(self) -> None:
        """Go on from the best weights with a smaller learning rate.

        What the run has counted stays: its length, its schedule, and its batches.
        """
        best, counters = self._recall(), self._counters
        _take_up(self._learner, best.weights, best.resume)
        self._learner.start_from(best.weights)  # their average, which is better
        self._clock.lap("start")
        counters.cuts, counters.progress_share = counters.cuts + 1, counters.share
        rate = self._cadence.peak_rate(counters)
        back = f"worse since step {best.step:,}: back to the model of that step"
        self._emit(Note(f"{back}, with a peak rate of {rate:.2g}"))

    def _roll_back(self) -> None:
        failed, rollbacks = self._counters.step + 1, self._counters.rollbacks + 1
        if rollbacks > MOST_ROLLBACKS:
            raise _hopeless(failed, saved=self._published is not None)
        good = self._good
        self._counters = _restore(self._learner, good.weights, good.resume)
        self._counters.rollbacks = rollbacks
        rate = self._cadence.peak_rate(self._counters)
        self._emit(RolledBack(failed, self._counters.step, rate))

    def _check_stop(self) -> None:
        if self._stop() is not None:
            raise _Stop

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def _take_up(learner: Learner, weights: Arrays, resume: Arrays) -> None:
    """Have a learner take up what a checkpoint holds.

    Raises:
        TrainingError: it belongs to a model or an optimizer of another shape.
    """
    counted = Counters().to_arrays()
    learner.restore(weights, {name: x for name, x in resume.items() if name not in counted})


def _restore(learner: Learner, weights: Arrays, resume: Arrays) -> Counters:
    """Do so, and return what had been counted.

    Raises:
        TrainingError: it is of another shape, or damaged.
    """
    _take_up(learner, weights, resume)
    try:
        return Counters.from_arrays(resume)
    except ValueError as error:
        raise TrainingError(f"the checkpoint's resume part is damaged: {error}") from error


def _hopeless(failed: int, *, saved: bool) -> TrainingError:
    sound = "; the checkpoints published so far are sound" if saved else ""
    return TrainingError(
        f"the loss is not a finite number at step {failed}, for the third time: halving "
        "the learning rate did not help. Try a lower `learning_rate` or a lower "
        f"`clip_norm`{sound}"
    )
