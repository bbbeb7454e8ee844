"""The validation part of a training: how much of it is scored, and its loss."""

from __future__ import annotations

import math
from collections.abc import Callable

from chargen.errors import TrainingError
from chargen.system.clock import Clock
from chargen.text.corpus import Corpus
from chargen.text.scored import Layout, lay_out
from chargen.training.cadence import (
    EVALUATION_WINDOW,
    Cadence,
    Counters,
    least_validation_length,
)
from chargen.training.settings import Settings
from chargen.training.tf.learner import Learner


class Validation:
    """What a training validates on.

    Args:
        layout: the streams of the validation part.
        learner: what is scored.
        clock: counts the time of each call.
        check_stop: called before each call; may raise.
    """

    def __init__(
        self,
        layout: Layout,
        learner: Learner,
        clock: Clock,
        check_stop: Callable[[], object],
    ) -> None:
        self._layout = layout
        self._learner = learner
        self._clock = clock
        self._check_stop = check_stop

    @property
    def characters(self) -> int:
        """How many characters are scored."""
        return self._layout.characters

    @property
    def windows(self) -> int:
        """How many calls it takes to score them."""
        return math.ceil(self._layout.length / EVALUATION_WINDOW)

    def loss(self) -> float:
        """Return the mean loss over them, in nats, with the state carried."""
        return self._score(self._layout, "evaluation")

    def _score(self, layout: Layout, lap: str) -> float:
        return self._learner.score(layout, self._check_stop, lambda: self._clock.lap(lap))

    def fit(self, counters: Counters, cadence: Cadence) -> str | None:
        """Under a time budget, score no more than fits into a twentieth of the time.

        The part stays the same when the run is resumed, so that losses are comparable.

        Args:
            counters: keeps the length of the part, once it is settled.
            cadence: of the run.

        Returns:
            A note, if that is not the whole part.

        Raises:
            TrainingError: the length that was kept makes no sense.
        """
        whole, timed = self._layout, cadence.settings.seconds is not None
        length, window_seconds = whole.length, None
        first = whole.beginning(EVALUATION_WINDOW)
        if timed:
            self._score(first, "start")  # compiles the function
        if not counters.validation_length:
            if timed:
                self._score(first, "evaluation")
                window_seconds = self._clock.typical("evaluation") or 0.0
            counters.validation_length = cadence.validation_length(length, window_seconds)
        if not least_validation_length(length) <= counters.validation_length <= length:
            raise TrainingError(
                "the checkpoint's resume part is damaged: it validates on nothing"
            )
        if counters.validation_length == length:
            return None
        self._layout = whole.beginning(counters.validation_length)
        return (
            f"validating on {self.characters:,} of {whole.characters:,} characters (the "
            f"beginnings of {len(whole.starts)} parts): all of them would take more than a "
            "twentieth of the time"
        )


def validation_of(
    corpus: Corpus,
    settings: Settings,
    learner: Learner,
    clock: Clock,
    check_stop: Callable[[], object],
) -> Validation | None:
    """Return what a training validates on; None if nothing is held out for that.

    Of a large part, it is the evenly spaced beginnings of its streams.
    """
    if not len(corpus.validation):
        return None
    layout = lay_out(corpus.validation, corpus.context).within(settings.validation_chars)
    return Validation(layout, learner, clock, check_stop)
