"""How long a run lasts, and its learning rate on the way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.training.schedule import (
    FINAL_RATE,
    Length,
    learning_rate,
    total_steps,
    useful_steps,
)
from chargen.training.settings import Settings


def test_a_run_may_have_no_bound_on_its_steps():
    assert total_steps(Settings(seconds=60), 10) is None


def test_steps_bound_a_run():
    assert total_steps(Settings(steps=25), 10) == 25


def test_epochs_bound_a_run_by_their_steps():
    assert total_steps(Settings(epochs=3), 10) == 30


@pytest.mark.parametrize(("steps", "epochs", "total"), [(25, 3, 25), (31, 3, 30)])
def test_the_first_of_steps_and_epochs_bounds_a_run(steps, epochs, total):
    assert total_steps(Settings(steps=steps, epochs=epochs), 10) == total


@pytest.mark.parametrize(
    ("steps_per_epoch", "useful"), [(1, 500), (5, 500), (6, 600), (1000, 100_000)]
)
def test_a_hundred_passes_and_no_less_than_500_steps_are_useful(steps_per_epoch, useful):
    assert useful_steps(steps_per_epoch) == useful


@pytest.mark.parametrize(("step", "share"), [(0, 0.25), (1, 0.5), (3, 1.0)])
def test_progress_by_steps_counts_the_step_that_ends(step, share):
    assert Length(None, 4).progress(step, 1e6, 0.0) == share


@pytest.mark.parametrize(("spent", "share"), [(10.0, 0.0), (35.0, 0.5), (60.0, 1.0)])
def test_progress_by_seconds_begins_with_the_first_update(spent, share):
    assert Length(60.0, None).progress(1_000_000, spent, 10.0) == share


def test_progress_is_that_of_the_bound_reached_first():
    length = Length(100.0, 10)
    assert length.progress(4, 10.0, 0.0) == 0.5
    assert length.progress(4, 80.0, 0.0) == 0.8


def test_progress_ends_at_one():
    assert Length(60.0, None).progress(0, 1000.0, 0.0) == 1.0
    assert Length(None, 4).progress(40, 0.0, 0.0) == 1.0


def test_progress_is_over_where_the_imports_took_all_the_time():
    assert Length(5.0, None).progress(0, 8.1, 8.0) == 1.0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.none() | st.floats(1e-3, 1e6),
    st.none() | st.integers(1, 10**6),
    st.integers(0, 10**7),
    st.floats(0, 1e7),
    st.floats(0, 1e7),
)
def test_progress_is_a_share(seconds, steps, step, spent, origin):
    progress = Length(seconds, steps).progress(step, origin + spent, origin)
    assert 0 <= progress <= 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 10), st.floats(0, 10)), min_size=2))
def test_progress_never_goes_back(moves):
    length, step, spent, before = Length(50.0, 60), 0, 1.0, 0.0
    for steps, seconds in moves:
        step, spent = step + steps, spent + seconds
        progress = length.progress(step, spent, 1.0)
        assert progress >= before
        before = progress


def cosine(progress):
    return 0.1 + 0.9 * (1 + math.cos(math.pi * progress)) / 2


def test_the_rate_rises_from_nothing():
    assert learning_rate(0.0, peak=4e-3, warmup=0.1) == 0


@pytest.mark.parametrize("progress", [0.01, 0.025, 0.05, 0.099])
def test_the_rise_is_linear_times_the_cosine(progress):
    rate = learning_rate(progress, peak=2.0, warmup=0.1)
    assert rate == pytest.approx(2.0 * progress / 0.1 * cosine(progress), rel=1e-12)


@pytest.mark.parametrize("progress", [0.1, 0.3, 0.5, 0.75, 0.9])
def test_after_the_rise_the_rate_falls_by_the_cosine(progress):
    rate = learning_rate(progress, peak=2.0, warmup=0.1)
    assert rate == pytest.approx(2.0 * cosine(progress), rel=1e-12)


def test_half_way_the_rate_is_half_way_to_the_end():
    assert learning_rate(0.5, peak=1.0, warmup=0.05) == pytest.approx(0.55)


@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.9])
def test_the_last_rate_is_the_final_share_of_the_peak(warmup):
    assert FINAL_RATE == 0.1
    rate = learning_rate(1.0, peak=4e-3, warmup=warmup)
    assert rate == pytest.approx(0.1 * 4e-3)


def test_without_warmup_the_rate_starts_at_the_peak():
    assert learning_rate(0.0, peak=4e-3, warmup=0.0) == 4e-3


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_the_rate_stays_between_nothing_and_the_peak(progress, warmup):
    assert 0 <= learning_rate(progress, peak=0.5, warmup=warmup) <= 0.5
