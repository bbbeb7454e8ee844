"""When a run evaluates, saves and stops, and what it counts: with numbers alone."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import replace

import numpy as np
import pytest

from chargen.training.cadence import (
    EVALUATION_SHARE,
    EVALUATIONS,
    FIRST_SAVE,
    Cadence,
    Counters,
)
from chargen.training.events import Progress
from chargen.training.schedule import FINAL_RATE, Length
from chargen.training.settings import Settings


class Stopped:
    """A clock that stands still, with the median seconds of the laps that it knows."""

    def __init__(self, spent: float = 0.0, **laps: float) -> None:
        self.spent = spent
        self.laps = laps

    def typical(self, kind: str) -> float | None:
        return self.laps.get(kind)


def cadence(
    *, per_epoch: int = 7, window: int = 64, windows: int = 0, whole: int = 0, **settings
) -> Cadence:
    return Cadence(Settings(**settings), per_epoch, window, windows, whole or windows)


# --- counters ----------------------------------------------------------------------------

COUNTED = Counters(
    step=30,
    seconds=12.5,
    rate=0.004,
    share=0.25,
    schedule_step=10,
    origin=3.25,
    loss_sum=1.75,
    loss_weight=0.5,
    best=2.125,
    stale=2,
    evaluated_step=20,
    evaluated_seconds=9.5,
    rollbacks=1,
    validation=2.25,
    cuts=3,
    progress_share=0.125,
)


def test_counters_come_back_from_their_arrays():
    assert all(getattr(COUNTED, f.name) != f.default for f in dataclasses.fields(COUNTED))
    arrays = COUNTED.to_arrays()
    assert {(x.shape, x.dtype) for x in arrays.values()} == {((), np.dtype(np.float64))}
    assert set(arrays) == {f"counter.{f.name}" for f in dataclasses.fields(COUNTED)}
    again = Counters.from_arrays({**arrays, "weight.0": np.zeros(3)})
    assert again == COUNTED
    for field in dataclasses.fields(COUNTED):
        assert type(getattr(again, field.name)) is type(field.default), field.name


def test_counting_begins_at_zero_and_the_first_loss_is_better_than_none():
    counted = dataclasses.asdict(Counters())
    assert counted.pop("best") == sys.float_info.max
    assert set(counted.values()) == {0}
    assert Counters.from_arrays(Counters().to_arrays()) == Counters()


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("step", 2.0**53, True),
        ("step", 2.0**54, False),
        ("step", -1.0, False),
        ("step", 1.5, False),
        ("seconds", 0.25, True),
        ("seconds", -0.25, False),
        ("seconds", np.nan, False),
        ("best", np.inf, False),
        ("share", 1.0, True),
        ("share", 1.01, False),
        ("loss_weight", 1.0, True),
        ("loss_weight", 1.01, False),
        ("loss_sum", 1e6, True),
        ("loss_sum", 1.1e6, False),
        ("progress_share", 1.0, True),
        ("progress_share", 1.01, False),
        ("cuts", 1000.0, True),
        ("cuts", 1001.0, False),
        ("rollbacks", 2.0, True),
        ("rollbacks", 3.0, False),
    ],
)
def test_a_counter_is_what_a_run_can_have_counted(name, value, fits):
    arrays = {**COUNTED.to_arrays(), f"counter.{name}": np.array(value)}
    if fits:
        assert getattr(Counters.from_arrays(arrays), name) == value
    else:
        with pytest.raises(ValueError, match=f"^{name} cannot be "):
            Counters.from_arrays(arrays)


@pytest.mark.parametrize(
    "array", [None, np.zeros(1), np.array(3), np.array(3.0, np.float32), np.array("3")]
)
def test_a_counter_is_one_float64(array):
    arrays = COUNTED.to_arrays()
    del arrays["counter.stale"]
    if array is not None:
        arrays["counter.stale"] = array
    with pytest.raises(ValueError, match="stale is not a number"):
        Counters.from_arrays(arrays)


# --- the end -----------------------------------------------------------------------------


def test_the_length_is_that_of_the_settings_in_steps():
    assert cadence(steps=25).length == Length(None, 25)
    assert cadence(epochs=3, per_epoch=7).length == Length(None, 21)
    assert cadence(seconds=60.0).length == Length(60.0, None)
    assert cadence(seconds=60.0, steps=25).length == Length(60.0, 25)


@pytest.mark.parametrize(
    ("step", "over"), [(0, False), (20, False), (21, True), (22, True)]
)
def test_a_run_is_over_when_its_steps_are_done(step, over):
    clock = Stopped(1e9, step=1e9)
    assert cadence(steps=21).over(Counters(step=step), clock) is over
    assert cadence(epochs=3, per_epoch=7).over(Counters(step=step), clock) is over


@pytest.mark.parametrize(
    ("windows", "spent", "over"),
    [(4, 94.75, False), (4, 95.0, True), (0, 96.75, False), (0, 97.0, True)],
)
def test_one_more_update_leaves_time_for_the_last_evaluation(windows, spent, over):
    clock = Stopped(spent, step=1.0, publish=2.0, evaluation=0.5)
    timed = cadence(seconds=100.0, windows=windows)
    assert timed.over(Counters(step=5), clock) is over


def test_what_took_no_time_yet_is_not_waited_for():
    timed = cadence(seconds=100.0, windows=4)
    assert not timed.over(Counters(step=1), Stopped(99.9))
    assert timed.over(Counters(step=1), Stopped(100.0))


def test_a_run_is_not_over_before_its_first_update():
    assert not cadence(seconds=10.0).over(Counters(), Stopped(1000.0))


def test_a_run_ends_with_the_first_of_its_bounds():
    both = cadence(seconds=100.0, steps=20)
    assert both.over(Counters(step=20), Stopped(1.0))
    assert both.over(Counters(step=2), Stopped(100.0))
    assert not both.over(Counters(step=19), Stopped(99.0))


@pytest.mark.parametrize(
    ("patience", "stale", "ended"),
    [(3, 2, False), (3, 3, True), (3, 4, True), (1, 0, False), (None, 10**6, False)],
)
def test_patience_ends_a_run_and_says_so(patience, stale, ended):
    patient, counters = cadence(steps=100, patience=patience), Counters(step=9, stale=stale)
    assert patient.impatient(counters) is ended
    assert patient.over(counters, Stopped()) is ended
    said = f"stopped by `patience`: {patience} evaluations were no better"
    assert patient.gave_up(counters) == (said if ended else None)


def test_a_run_that_its_length_ended_did_not_give_up():
    patient, counters = cadence(steps=100, patience=3), Counters(step=100, stale=2)
    assert patient.over(counters, Stopped())
    assert patient.gave_up(counters) is None


# --- evaluations -------------------------------------------------------------------------


def test_an_evaluation_takes_its_calls_and_its_checkpoint():
    clock = Stopped(publish=2.0, evaluation=0.5)
    assert cadence(steps=9, windows=4).evaluation_time(clock) == 4.0
    assert cadence(steps=9, windows=0).evaluation_time(clock) == 2.0
    assert cadence(steps=9, windows=4).evaluation_time(Stopped(evaluation=0.5)) == 2.0
    assert cadence(steps=9, windows=4).evaluation_time(Stopped()) == 0.0


def due_at(by: Cadence, steps: int) -> list[int]:
    """The steps after which an evaluation is due, each of them evaluated."""
    counters, found = Counters(), []
    for counters.step in range(steps + 1):
        if by.evaluation_due(counters, Stopped(step=1.0)):
            found.append(counters.step)
            assert counters.step != counters.evaluated_step
            counters.evaluated_step = counters.step
    return found


def test_evaluations_come_every_so_many_steps():
    assert due_at(cadence(steps=25, eval_every=10), 25) == [10, 20]
    assert due_at(cadence(epochs=1, per_epoch=25, eval_every=10), 25) == [10, 20]


def test_evaluations_that_are_asked_for_are_counted_in_steps_under_a_time_budget_too():
    timed = cadence(seconds=100.0, eval_every=10, windows=4)
    for spent in (0.0, 50.0, 99.9):
        clock = Stopped(spent, evaluation=5.0)
        assert timed.evaluation_due(Counters(step=20, evaluated_step=10), clock)
        assert not timed.evaluation_due(Counters(step=25, evaluated_step=20), clock)


def test_default_is_an_evaluation_each_twentieth_and_at_least_ten_steps():
    assert due_at(cadence(steps=25), 25) == [10, 20]
    assert due_at(cadence(steps=219), 219) == [*range(10, 219, 10)]
    assert due_at(cadence(steps=1010), 1010) == [20, 40, *range(50, 1010, 50)]
    assert due_at(cadence(steps=4000), 500) == [20, 40, 80, 160, 200, 400]
    assert due_at(cadence(epochs=3, per_epoch=100), 300) == [*range(15, 301, 15)]


def test_what_was_evaluated_is_not_evaluated_again():
    by_steps, timed = cadence(steps=100, eval_every=10), cadence(seconds=100.0)
    for counters, due in (
        (Counters(), False),
        (Counters(step=30, evaluated_step=20), True),
        (Counters(step=30, evaluated_step=30), False),
    ):
        assert by_steps.evaluation_due(counters, Stopped()) is due
        assert timed.evaluation_due(counters, Stopped(60.0)) is due


@pytest.mark.parametrize(
    ("window_seconds", "interval"),
    [
        (0.0, 5.0),  # twenty at the most
        (0.0625, 5.0),  # one takes 0.25 s: twenty fit into a twentieth of the time
        (0.25, 20.0),  # five fit
        (0.4, 100 / 3),
        (0.5, 50.0),
    ],
)
def test_evaluations_are_spread_over_the_time_that_they_may_take(window_seconds, interval):
    timed, counters = cadence(seconds=100.0, windows=4), Counters(step=9, evaluated_step=5)
    counters.evaluated_seconds = 10.0
    for since, due in ((interval - 0.01, False), (interval + 0.01, True)):
        clock = Stopped(10.0 + since, evaluation=window_seconds, step=0.01)
        assert timed.evaluation_due(counters, clock) is due


def test_publishing_is_a_part_of_what_an_evaluation_takes():
    timed, counters = cadence(seconds=100.0), Counters(step=9, evaluated_step=5)
    assert timed.evaluation_due(counters, Stopped(5.0))
    assert not timed.evaluation_due(counters, Stopped(19.9, publish=1.0))
    assert timed.evaluation_due(counters, Stopped(20.0, publish=1.0))


@pytest.mark.parametrize(
    ("spent", "due"), [(80.0, True), (90.0, True), (90.1, False), (99.0, False)]
)
def test_none_comes_just_before_the_last_one(spent, due):
    timed = cadence(seconds=100.0, windows=4)  # five: one each twenty seconds
    counters = Counters(step=9, evaluated_step=5, evaluated_seconds=60.0)
    assert timed.evaluation_due(counters, Stopped(spent, evaluation=0.25)) is due


def test_the_first_comes_ten_seconds_after_the_first_update():
    timed = cadence(seconds=300.0, windows=4)
    for spent, due in ((16.9, False), (17.0, True)):
        counters = Counters(step=9, origin=7.0, evaluated_seconds=7.0)
        assert timed.evaluation_due(counters, Stopped(spent, evaluation=0.1)) is due
    # If one takes a twentieth of the time, there is a first and a last one.
    clock = Stopped(17.0, evaluation=300 / 20 / 4)
    assert timed.evaluation_due(counters, clock)
    counters = Counters(step=20, evaluated_step=9, evaluated_seconds=32.0)
    for clock.spent in range(33, 300):
        assert not timed.evaluation_due(counters, clock)


@pytest.mark.parametrize("window_seconds", [2.6, 60.0])
def test_where_evaluations_take_long_there_is_the_last_one_alone(window_seconds):
    timed = cadence(seconds=100.0, windows=4)
    for spent in range(101):
        clock = Stopped(float(spent), evaluation=window_seconds)
        assert not timed.evaluation_due(Counters(step=9), clock)


def test_steps_that_end_a_run_earlier_bring_its_evaluations_closer():
    short = cadence(seconds=100.0, steps=20)  # of 2 s: over after 5 + 40 s
    counters = Counters(step=9, origin=5.0, evaluated_seconds=5.0)
    for spent, due in ((7.2, False), (7.25, True), (43.8, True), (43.9, False)):
        assert short.evaluation_due(counters, Stopped(spent, step=2.0)) is due
    # The first update is compiled and says nothing about those to come.
    assert not short.evaluation_due(Counters(step=1, origin=5.0), Stopped(5.0))
    # But no further apart: steps that do not fit into the time change nothing.
    long = cadence(seconds=100.0, steps=2000)
    for spent, due in ((9.9, False), (10.0, True), (97.5, True), (97.6, False)):
        assert long.evaluation_due(counters, Stopped(spent, step=2.0)) is due


def ran(by: Cadence, *, start: float, **laps: float) -> tuple[list[float], float]:
    """When a run evaluates if its laps always take so long, and when it ends."""
    counters, clock, times = Counters(), Stopped(start), []
    clock.laps = laps
    while not by.over(counters, clock):
        clock.spent += laps["step"]
        counters.step += 1
        if counters.step == 1:
            counters.origin = counters.evaluated_seconds = clock.spent
        if by.evaluation_due(counters, clock):
            clock.spent += by.evaluation_time(clock)
            times.append(clock.spent)
            counters.evaluated_step, counters.evaluated_seconds = counters.step, clock.spent
    if counters.evaluated_step != counters.step:
        clock.spent += by.evaluation_time(clock)
        times.append(clock.spent)
    return times, clock.spent


@pytest.mark.parametrize("publish", [0.01, 0.3])
@pytest.mark.parametrize("evaluation", [0.0001, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("step", [0.003, 0.2, 3.0])
def test_a_budget_is_kept_and_a_twentieth_of_it_goes_into_evaluations(
    step, evaluation, publish
):
    timed, laps = cadence(seconds=60.0, windows=5), {"evaluation": evaluation}
    times, end = ran(timed, start=4.0, step=step, publish=publish, **laps)
    one = 5 * evaluation + publish
    assert 60.0 - 2 * (step + one) <= end <= 60.0
    assert times[-1] == end
    assert 1 <= len(times) <= EVALUATIONS
    assert len(times) * one <= EVALUATION_SHARE * 60.0 or len(times) <= 2
    if len(times) > 3:  # evenly, but for the first
        gaps = np.diff(times[1:])
        assert gaps[:-1].max() - gaps[:-1].min() <= step + 1e-6


# --- checkpoints -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("save_every", "published", "seconds"),
    [
        (600.0, True, 600.0),
        (600.0, False, FIRST_SAVE),
        (30.0, True, 30.0),
        (30.0, False, 30.0),
    ],
)
def test_a_checkpoint_comes_by_save_every_and_the_first_within_a_minute(
    save_every, published, seconds
):
    assert FIRST_SAVE <= 60
    by = cadence(steps=9, save_every=save_every)
    for saved in (0.0, 1000.0):
        for since, due in ((seconds - 0.5, False), (seconds, True), (seconds + 9, True)):
            clock = Stopped(saved + since)
            assert by.save_due(clock, saved=saved, published=published) is due


# --- the rate ----------------------------------------------------------------------------


def test_the_peak_is_halved_with_each_rollback():
    by = cadence(steps=9, learning_rate=0.008)
    rates = [by.peak_rate(Counters(rollbacks=n)) for n in range(3)]
    assert rates == [0.008, 0.004, 0.002]


@pytest.mark.parametrize(
    ("step", "share", "rate"),
    [(0, 0.1, 0.0978), (4, 0.5, 0.055), (9, 1.0, 0.01), (12, 1.0, 0.01)],
)
def test_a_schedule_in_steps_ends_with_the_last_one(step, share, rate):
    by, clock = cadence(steps=10, learning_rate=0.1, warmup=0.0), Stopped(1e6)
    found = by.schedule(Counters(step=step), clock)
    assert found == pytest.approx((share, rate), abs=5e-5)
    halved = by.schedule(Counters(step=step, rollbacks=1), clock)
    assert halved == pytest.approx((share, rate / 2), abs=5e-5)


def test_a_schedule_begins_with_the_warm_up():
    clock = Stopped()
    warm, cold = (
        cadence(steps=100, learning_rate=0.1, warmup=warmup) for warmup in (0.2, 0.0)
    )
    for step, factor in ((0, 0.05), (9, 0.5), (19, 1.0), (50, 1.0)):
        rates = [by.schedule(Counters(step=step), clock)[1] for by in (warm, cold)]
        assert rates[0] == pytest.approx(factor * rates[1])


def test_a_schedule_in_seconds_begins_after_the_first_update():
    timed = cadence(seconds=100.0, learning_rate=0.1, warmup=0.1)
    share, rate = timed.schedule(Counters(step=0), Stopped(20.0))
    assert share == rate == 0.0  # compiling is no part of it
    counters = Counters(step=1, origin=20.0)
    for spent, share in ((20.0, 0.0), (24.0, 0.05), (60.0, 0.5), (100.0, 1.0)):
        assert timed.schedule(counters, Stopped(spent))[0] == pytest.approx(share)
    assert timed.schedule(counters, Stopped(100.0))[1] == pytest.approx(FINAL_RATE * 0.1)


def rates(by: Cadence, counters: Counters, until: int) -> list[float]:
    """The rates of the updates up to a step, which the counters count."""
    found = []
    while counters.step < until:
        counters.share, counters.rate = by.schedule(counters, Stopped(step=1.0))
        found.append(counters.rate)
        counters.step += 1
    return found


# --- more length -------------------------------------------------------------------------


def finished(**settings) -> Counters:
    """The counters of a run of 40 steps at its end."""
    counters = Counters()
    rates(cadence(steps=40, **settings), counters, 40)
    counters.evaluated_step = 40
    assert counters.share == 1.0
    return counters


BEFORE = {"steps": 40, "units": 12}


def test_a_finished_run_that_is_given_more_rises_and_falls_anew():
    longer = cadence(steps=100, warmup=0.1)
    counters = longer.extended(finished(warmup=0.1), BEFORE, Stopped())
    assert counters.schedule_step == 40
    added = rates(longer, counters, 100)
    assert added == pytest.approx(rates(cadence(steps=60, warmup=0.1), Counters(), 60))
    assert max(added) > 5 * added[0] and max(added) > 5 * added[-1]


def test_a_finished_run_that_is_given_more_time_has_a_schedule_of_that_time():
    timed = cadence(seconds=100.0, warmup=0.1)
    before = replace(finished(), origin=3.0)
    counters = timed.extended(before, {"seconds": 50.0}, Stopped(50.0))
    assert counters.schedule_step == 40
    # Its first update is compiled anew, and is no part of it.
    assert timed.schedule(counters, Stopped(60.0))[0] == 0.0
    counters = replace(counters, step=41, origin=60.0)
    assert timed.schedule(counters, Stopped(80.0))[0] == pytest.approx(0.5)


def test_an_unfinished_run_that_is_given_more_goes_on_with_one_schedule():
    counters, longer = Counters(), cadence(steps=80)
    rates(cadence(steps=40), counters, 20)
    counters = longer.extended(counters, BEFORE, Stopped())
    assert counters.schedule_step == 0
    assert rates(longer, counters, 80) == rates(longer, Counters(step=20), 80)


@pytest.mark.parametrize(("share", "anew"), [(0.89, False), (0.9, True), (1.0, True)])
def test_a_run_is_finished_when_its_rate_has_fallen(share, anew):
    counters = Counters(step=40, share=share)
    found = cadence(steps=100).extended(counters, BEFORE, Stopped())
    assert found == replace(counters, schedule_step=40 * anew)


@pytest.mark.parametrize(
    ("settings", "before"),
    [
        ({"steps": 40}, {"steps": 40}),
        ({"epochs": 6, "per_epoch": 10}, {"epochs": 6}),
        ({"seconds": 60.0}, {"seconds": 60.0}),
        ({"seconds": 60.0, "steps": 80}, {"seconds": 60.0, "steps": 80}),
    ],
)
def test_a_run_of_the_same_length_goes_on_as_it_was(settings, before):
    counters = Counters(step=40, share=0.95, stale=3)
    by = cadence(patience=3, **settings)
    assert by.extended(counters, before, Stopped()) is counters


@pytest.mark.parametrize(
    "before",
    [{"steps": 40}, {"epochs": 6}, {"seconds": 30.0}, {"seconds": 60.0, "steps": 40}, {}],
)
def test_a_length_of_another_kind_is_another_length(before):
    counters = Counters(step=40, share=0.95)
    found = cadence(seconds=60.0).extended(counters, before, Stopped(30.0))
    assert found.schedule_step == 40


def test_a_run_that_is_given_less_has_no_new_schedule():
    counters = Counters(step=40, share=0.95)
    found = cadence(steps=30).extended(counters, BEFORE, Stopped())
    assert found.schedule_step == 0


def test_a_run_that_patience_ended_and_that_is_given_more_has_patience_again():
    ended = Counters(step=9, evaluated_step=9, share=0.02, stale=3)
    kept = dataclasses.replace(ended)
    longer = cadence(steps=800, patience=3)
    assert longer.over(ended, Stopped())
    counters = longer.extended(ended, {"steps": 400}, Stopped())
    assert ended == kept  # not changed
    assert counters == replace(ended, stale=0)
    assert not longer.over(counters, Stopped())
    assert not longer.over(replace(counters, stale=2), Stopped())
    assert longer.over(replace(counters, stale=3), Stopped())
    # Patience that has not run out is counted on.
    waiting = replace(ended, stale=2)
    assert longer.extended(waiting, {"steps": 400}, Stopped()) == waiting


def test_a_run_that_patience_ended_late_has_a_new_schedule_too():
    ended = Counters(step=39, share=0.975, stale=3)
    found = cadence(steps=80, patience=3).extended(ended, BEFORE, Stopped())
    assert found == replace(ended, stale=0, schedule_step=39)


# --- what is told ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_epoch", "useful", "passes"), [(2, 500, 250), (10, 1000, 100)]
)
def test_too_many_passes_are_said_once(per_epoch, useful, passes):
    for length in ({"seconds": 60.0}, {"epochs": 5000}):
        by = cadence(per_epoch=per_epoch, **length)
        said = by.enough(Counters(step=useful))
        assert said is not None
        assert said.startswith(f"{passes} passes over the text are done; a text of this")
        for step in (0, useful - 1, useful + 1, 2 * useful):
            assert by.enough(Counters(step=step)) is None


def test_nothing_is_said_of_passes_where_steps_were_asked_for():
    by = cadence(per_epoch=10, steps=5000)
    assert by.enough(Counters(step=1000)) is None


def test_progress_says_where_a_run_stands():
    counters = Counters(step=14, rate=0.004, loss_sum=1.5, loss_weight=0.75)
    found = cadence(steps=56, window=512).progress(counters, Stopped(9.0, step=0.25))
    assert found == Progress(
        step=14,
        epoch=2.0,
        seconds=9.0,
        train=2.0,
        learning_rate=0.004,
        characters_per_second=2048.0,
        share=0.25,
        remaining=10.5,
    )


def test_progress_before_the_first_update_knows_little():
    found = cadence(steps=56).progress(Counters(), Stopped(9.0))
    assert (found.train, found.characters_per_second) == (None, 0.0)
    assert (found.step, found.share, found.remaining) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("spent", "step", "share", "remaining"),
    [(25.0, 1, 0.25, 75.0), (25.0, 49, 0.98, 2.0), (99.0, 1, 0.99, 1.0), (103.0, 1, 1, 0)],
)
def test_progress_is_that_of_the_bound_that_is_nearer(spent, step, share, remaining):
    both = cadence(seconds=100.0, steps=50)
    found = both.progress(Counters(step=step, origin=20.0), Stopped(spent, step=2.0))
    assert found.share == pytest.approx(share)
    assert found.remaining == pytest.approx(remaining)


def test_progress_under_a_time_budget_is_that_of_the_time():
    found = cadence(seconds=100.0).progress(Counters(step=9), Stopped(25.0, step=2.0))
    assert (found.share, found.remaining) == (0.25, 75.0)


# --- where a run becomes worse -----------------------------------------------------------


def test_each_cut_makes_the_rate_smaller():
    by = cadence(steps=100, learning_rate=0.01)
    rates = [by.peak_rate(Counters(cuts=n, rollbacks=1)) for n in range(3)]
    np.testing.assert_allclose(rates, [0.005, 0.0015, 0.00045])


@pytest.mark.parametrize(
    ("share", "stale", "loss", "evaluated", "worse"),
    [
        (0.4, 2, 1.53, True, True),
        (0.39, 2, 1.53, True, False),  # not for long
        (0.4, 1, 1.53, True, False),  # by chance, perhaps
        (0.4, 2, 1.51, True, False),  # by a little
        (0.4, 2, 1.53, False, False),  # nobody knows yet
    ],
)
def test_a_run_worsens_if_two_evaluations_and_a_tenth_of_it_are_clearly_worse(
    share, stale, loss, evaluated, worse
):
    counters = Counters(step=9, share=share, stale=stale, progress_share=0.3, best=1.5)
    counters.validation, counters.evaluated_step = loss, 9 if evaluated else 8
    assert cadence(steps=100).worsens(counters) is worse


# --- the whole validation part -----------------------------------------------------------


@pytest.mark.parametrize(("call", "fits"), [(0.0, True), (1.0, True), (1.01, False)])
def test_the_whole_part_is_scored_at_the_end_if_it_takes_a_tenth_of_the_time(call, fits):
    timed = cadence(seconds=100.0, windows=2, whole=8)
    assert timed.scores_whole(Stopped(publish=2.0, evaluation=call)) is fits
    assert cadence(steps=9, windows=2, whole=8).scores_whole(Stopped(evaluation=1e9))
    assert not cadence(steps=9, windows=2).scores_whole(Stopped())  # there is no more


def test_the_end_leaves_time_for_the_whole_part():
    timed, clock = cadence(seconds=100.0, windows=2, whole=8), Stopped(step=1.0)
    clock.laps |= {"publish": 1.0, "evaluation": 0.5}
    for spent, over in ((93.9, False), (94.0, True)):
        clock.spent = spent
        assert timed.over(Counters(step=5), clock) is over
    clock.spent = 90.0  # and twice, if an earlier checkpoint is the best
    assert timed.over(Counters(step=5, stale=1), clock)
    clock.laps["evaluation"] = 2.0  # the sample alone: the whole part takes too long
    for spent, over in ((93.9, False), (94.0, True)):
        clock.spent = spent
        assert timed.over(Counters(step=5, stale=1), clock) is over
