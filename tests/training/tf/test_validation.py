"""How much of the validation part is scored, under a time budget and without one."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.errors import TrainingError
from chargen.system.clock import Clock
from chargen.text.parts import Plain
from chargen.text.scored import lay_out
from chargen.training.cadence import (
    EVALUATION_WINDOW,
    Cadence,
    Counters,
    least_validation_length,
)
from chargen.training.settings import Settings

# 16 streams of 20 windows.
IDS = np.arange(16 * (20 * EVALUATION_WINDOW - 200) + 200, dtype=np.int32)
STREAMS = lay_out(Plain(IDS), np.zeros(1, np.int32))
LENGTH = STREAMS.length


class Scored:
    """A learner that only takes time: each call some seconds, the first one more."""

    def __init__(self, seconds: float, *, first: float = 100.0) -> None:
        self.now, self.seconds, self.first = 0.0, seconds, first
        self.streams = []

    def score(self, streams, before, after):
        self.streams.append(streams)
        for _ in range(0, streams.length, EVALUATION_WINDOW):
            before()
            self.now += self.seconds + self.first
            self.first = 0.0
            after()
        return 1.25


def fitted(learner, *, counters=None, **settings):
    """The validation part of a run, how much of it is used, and what is said of it."""
    from chargen.training.tf.validation import Validation

    counters = counters or Counters()
    clock = Clock(now=lambda: learner.now)
    found = Validation(STREAMS, learner, clock, lambda: None)
    cadence = Cadence(Settings(**settings), 7, 64, found.windows)
    said = found.fit(counters, cadence)
    return found, counters.validation_length, said, clock


def test_the_streams_are_what_these_tests_mean():
    assert (len(STREAMS.starts), LENGTH) == (16, 20 * EVALUATION_WINDOW)


def test_without_a_time_budget_all_of_it_is_scored_and_nothing_is_measured():
    learner = Scored(1e6)
    found, length, said, clock = fitted(learner, steps=10)
    assert (length, said) == (LENGTH, None)
    assert learner.streams == [] and clock.spent == 0
    assert (found.characters, found.windows) == (STREAMS.characters, 20)
    assert found.loss() == 1.25
    assert learner.streams == [STREAMS]


def test_what_fits_into_a_twentieth_of_the_time_is_scored_whole():
    learner = Scored(0.25)
    found, length, said, clock = fitted(learner, seconds=100.0)  # 20 calls fit
    assert (length, said) == (LENGTH, None)
    assert (found.characters, found.windows) == (STREAMS.characters, 20)
    # The first call compiles, which is part of the start.
    assert clock.typical("start") == 100.25
    assert clock.typical("evaluation") == 0.25


def test_what_would_take_longer_is_cut_and_said():
    learner = Scored(0.5)
    found, length, said, _ = fitted(learner, seconds=100.0)  # 10 calls fit
    assert (length, found.windows) == (10 * EVALUATION_WINDOW, 10)
    part = STREAMS.beginning(length)
    assert found.characters == part.characters < STREAMS.characters
    assert said == (
        f"validating on {part.characters:,} of {STREAMS.characters:,} characters (the "
        "beginnings of 16 parts): all of them would take more than a twentieth of the time"
    )
    assert found.loss() == 1.25
    assert learner.streams[-1] == part


@pytest.mark.parametrize("settings", [{"seconds": 1e6}, {"steps": 10}])
def test_a_resumed_run_compares_its_losses_on_the_same_part(settings):
    kept = Counters(validation_length=7 * EVALUATION_WINDOW)
    found, length, said, _ = fitted(Scored(1e-3), counters=kept, **settings)
    assert (length, found.windows) == (7 * EVALUATION_WINDOW, 7)
    assert said is not None
    all_of_it = Counters(validation_length=LENGTH)
    found, length, said, _ = fitted(Scored(1e3), counters=all_of_it, **settings)
    assert (length, found.windows, said) == (LENGTH, 20, None)


@pytest.mark.parametrize("length", [1, least_validation_length(LENGTH) - 1, LENGTH + 1])
def test_a_length_that_no_run_has_kept_is_refused(length):
    with pytest.raises(TrainingError, match="validates on nothing"):
        fitted(Scored(1.0), counters=Counters(validation_length=length), steps=10)


def test_the_least_that_says_anything_is_not_refused():
    least = least_validation_length(LENGTH)
    found, length, _, _ = fitted(Scored(1e3), seconds=100.0)
    assert length == least
    kept = Counters(validation_length=least)
    assert fitted(Scored(1e3), counters=kept, steps=10)[1] == least
    assert found.characters == STREAMS.beginning(least).characters > 0
