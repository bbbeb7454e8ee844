"""The time that a run has spent, on a clock that the test moves."""

from __future__ import annotations

import math

import pytest

from chargen.system.clock import ENOUGH, LONGEST, REMEMBERED, Clock

EIGHT_HOURS = 8 * 3600.0


class FakeNow:
    """A clock that stands still until it is moved."""

    def __init__(self, time=1000.0):
        self.time = time

    def __call__(self):
        return self.time


@pytest.fixture
def now():
    return FakeNow()


def laps(clock, now, *seconds, kind="train"):
    """End a lap after each of `seconds`; return what they count for."""
    counted = []
    for each in seconds:
        now.time += each
        counted.append(clock.lap(kind))
    return counted


def test_a_new_clock_has_spent_nothing(now):
    clock = Clock(now=now)
    now.time += 5
    assert clock.spent == 0


def test_laps_add_up(now):
    clock = Clock(now=now)
    assert laps(clock, now, 1.0, 2.5, 0.5) == [1.0, 2.5, 0.5]
    assert clock.spent == 4.0


def test_laps_of_several_kinds_add_up(now):
    clock = Clock(now=now)
    laps(clock, now, 1.0, kind="train")
    laps(clock, now, 10.0, kind="evaluation")
    laps(clock, now, 1.5, kind="train")
    assert clock.spent == 12.5


def test_counting_begins_when_the_clock_is_made(now):
    clock = Clock(now=now)
    assert laps(clock, now, 3.0) == [3.0]


def test_the_time_since_started_is_counted(now):
    clock = Clock(started=now.time - 7.0, now=now)
    assert laps(clock, now, 3.0) == [10.0]
    assert clock.spent == 10.0


def test_started_may_be_zero():
    clock = Clock(started=0.0, now=FakeNow(4.0))
    assert clock.lap("imports") == 4.0


def test_what_was_spent_before_is_kept(now):
    clock = Clock(spent=100.0, now=now)
    laps(clock, now, 2.0)
    assert clock.spent == 102.0


def test_a_night_with_the_lid_closed_counts_as_ten_medians(now):
    clock = Clock(now=now)
    laps(clock, now, 1.0, 2.0, 3.0, 4.0, 40.0)
    assert laps(clock, now, EIGHT_HOURS) == [30.0]
    assert clock.spent == 80.0


def test_the_time_after_the_jump_is_counted_as_before(now):
    clock = Clock(now=now)
    laps(clock, now, *[2.0] * 5, EIGHT_HOURS)
    assert laps(clock, now, 2.0, 2.5) == [2.0, 2.5]
    assert clock.spent == 34.5


def test_no_lap_is_cut_before_five_of_its_kind(now):
    clock = Clock(now=now)
    laps(clock, now, *[1.0] * (ENOUGH - 1))
    assert laps(clock, now, EIGHT_HOURS) == [EIGHT_HOURS]


def test_laps_of_another_kind_do_not_cut(now):
    clock = Clock(now=now)
    laps(clock, now, *[1.0] * 20, kind="train")
    assert laps(clock, now, 500.0, kind="evaluation") == [500.0]


def test_a_jump_is_measured_by_its_own_kind(now):
    clock = Clock(now=now)
    for _ in range(6):
        laps(clock, now, 1.0, kind="train")
        laps(clock, now, 20.0, kind="evaluation")
    assert laps(clock, now, EIGHT_HOURS, kind="evaluation") == [200.0]
    assert laps(clock, now, EIGHT_HOURS, kind="train") == [10.0]


def test_a_lap_up_to_ten_medians_counts_in_full(now):
    clock = Clock(now=now)
    laps(clock, now, *[2.0] * 6)
    assert laps(clock, now, 2.0 * LONGEST, 19.5) == [20.0, 19.5]


def test_one_jump_hardly_moves_what_is_typical(now):
    clock = Clock(now=now)
    laps(clock, now, *[1.0] * 9, EIGHT_HOURS)
    assert clock.typical("train") == 1.0


def test_what_is_typical_is_the_median_of_a_kind(now):
    clock = Clock(now=now)
    laps(clock, now, 1.0, 2.0, 9.0, kind="train")
    laps(clock, now, 50.0, kind="evaluation")
    assert clock.typical("train") == 2.0
    assert clock.typical("evaluation") == 50.0


def test_nothing_is_typical_before_the_first_lap(now):
    assert Clock(now=now).typical("train") is None


def test_what_is_typical_follows_the_last_laps(now):
    clock = Clock(now=now)
    laps(clock, now, *[1.0] * 500, *[3.0] * REMEMBERED)
    assert clock.typical("train") == 3.0


def test_a_lasting_slowdown_is_counted_in_full_after_a_while(now):
    clock = Clock(now=now)
    laps(clock, now, *[1.0] * 20)
    counted = laps(clock, now, *[9.0] * 60, *[50.0] * 5)
    assert counted == [9.0] * 60 + [50.0] * 5
    assert math.isclose(clock.spent, 20 + 540 + 250)


def test_a_coarse_clock_does_not_stand_still(now):
    clock = Clock(now=now)
    laps(clock, now, *[0.0] * 20)  # laps shorter than the clock's tick
    assert laps(clock, now, 0.1, 0.1) == pytest.approx([0.1, 0.1])


def test_a_free_kind_of_lap_costs_nothing_and_is_not_remembered(now):
    clock = Clock(now=now, spent=30.0, free="start")
    assert laps(clock, now, 20.0, 5.0, kind="start") == [0.0, 0.0]
    assert clock.typical("start") is None
    assert laps(clock, now, 2.0) == [2.0]
    assert clock.spent == 32.0
