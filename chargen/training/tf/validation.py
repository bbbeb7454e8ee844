"""The validation part of a training: what of it is scored when, and its loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from chargen.runs.tensors import Arrays
from chargen.system.clock import Clock
from chargen.text.corpus import Corpus
from chargen.text.scored import Layout, lay_out
from chargen.training.cadence import EVALUATION_WINDOW
from chargen.training.settings import Settings
from chargen.training.tf.learner import Learner

SAMPLE = 20_000
"""How many characters progress is measured on, about."""


class Losses(NamedTuple):
    """Mean losses in nats, with the state carried.

    Attributes:
        sample: over the sample; NaN if it was not measured.
        whole: over the whole part; None if it was not measured.
    """

    sample: float = math.nan
    whole: float | None = None


UNMEASURED = Losses()


@dataclass(frozen=True)
class Validation:
    """What a training validates on.

    Attributes:
        whole: the streams of the validation part.
        learner: what is scored.
        clock: counts the time of each call.
        check_stop: called before each call; may raise.
    """

    whole: Layout
    learner: Learner
    clock: Clock
    check_stop: Callable[[], object]

    @property
    def sample(self) -> Layout:
        """Evenly spaced spans of it that depend on the text alone, or all of a small one.

        Losses on it can be compared between evaluations and between runs.
        """
        return self.whole.within(SAMPLE)

    def losses(self, *, whole: bool) -> Losses:
        """Score the sample or, in one reading with it, the whole part."""
        sample, every = self._score(self.whole if whole else self.sample, "evaluation")
        return Losses(sample, every if whole else None)

    def judge(self, weights: Arrays) -> tuple[float, int]:
        """Score other weights, which take the place of the learner's.

        Args:
            weights: by name.

        Returns:
            Their mean loss on the whole part, in nats, and how many characters it has.
        """
        self.learner.start_from(weights)
        return self._score(self.whole, "evaluation")[1], self.whole.characters

    def measure(self) -> None:
        """Find out how long a call takes, once; the first call compiles the function."""
        first = self.whole.beginning(EVALUATION_WINDOW)
        for lap in ("start", "evaluation"):
            self._score(first, lap)

    def _score(self, layout: Layout, lap: str) -> tuple[float, float]:
        def after() -> None:
            self.clock.lap(lap)

        return self.learner.score(
            layout, self.check_stop, after, beginning=self.sample.length
        )


def calls(layout: Layout) -> int:
    """Return how many calls it takes to score a text."""
    return math.ceil(layout.length / EVALUATION_WINDOW)


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
