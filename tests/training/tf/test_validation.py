"""What of the validation part is scored: a sample again and again, all of it at the end."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.system.clock import Clock
from chargen.text.parts import Plain
from chargen.text.scored import lay_out
from chargen.training.cadence import EVALUATION_WINDOW

IDS = np.arange(60_000, dtype=np.int32)
WHOLE = lay_out(Plain(IDS), np.zeros(1, np.int32))


class Scored:
    """A learner that takes a second a call, and scores each character with its place."""

    def __init__(self) -> None:
        self.now = 0.0
        self.scored: list[tuple[int, int]] = []

    def score(self, layout, before, after, *, beginning):
        self.scored.append((layout.length, beginning))
        for _ in range(0, layout.length, EVALUATION_WINDOW):
            before()
            self.now += 1.0
            after()
        return 1.25, 1.5


def validation(learner: Scored, whole=WHOLE):
    from chargen.training.tf.validation import Validation

    clock = Clock(now=lambda: learner.now)
    return Validation(whole, learner, clock, lambda: None), clock


def test_progress_is_measured_on_evenly_spaced_spans_of_some_twenty_thousand_characters():
    learner = Scored()
    found, clock = validation(learner)
    assert 20_000 <= found.sample.characters < 21_000
    assert found.sample.starts == WHOLE.starts
    assert found.losses(whole=False) == (1.25, None)
    assert learner.scored == [(found.sample.length, found.sample.length)]
    assert clock.typical("evaluation") == 1.0


def test_both_losses_come_from_one_reading_of_the_whole_part():
    learner = Scored()
    found, _ = validation(learner)
    assert found.losses(whole=True) == (1.25, 1.5)
    assert learner.scored == [(WHOLE.length, found.sample.length)]


def test_the_sample_of_a_small_part_is_all_of_it():
    small = lay_out(Plain(IDS[:9_000]), np.zeros(1, np.int32))
    found, _ = validation(Scored(), small)
    assert found.sample == small


def test_the_first_call_is_a_part_of_the_start_and_the_second_one_is_timed():
    learner = Scored()
    found, clock = validation(learner)
    found.measure()
    assert [length for length, _ in learner.scored] == [EVALUATION_WINDOW] * 2
    assert (clock.typical("start"), clock.typical("evaluation")) == (1.0, 1.0)


@pytest.mark.parametrize(("length", "count"), [(64, 1), (65, 2), (640, 10)])
def test_a_call_scores_a_window(length, count):
    from chargen.training.tf.validation import calls

    assert calls(WHOLE.beginning(length)) == count
