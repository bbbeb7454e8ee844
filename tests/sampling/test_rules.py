"""What changes the odds of the next character, and the extremes of it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.sampling import rules
from chargen.sampling.options import Sampling
from chargen.sampling.rules import apply_rules, log_softmax, shifted, temperature

LOGITS = st.lists(
    st.floats(-1e30, 1e30) | st.floats(-50, 50) | st.sampled_from([3e38, -3e38, 0.0]),
    min_size=1,
    max_size=8,
).map(lambda values: np.array([values], np.float32))
TEMPERATURES = st.floats(1e-9, 1e6) | st.sampled_from([5e-324, 1e-9, 0.8, 1.0, 1e6])
wild = settings(max_examples=60, deadline=None, derandomize=True)


def applied(logits, value):
    """What the next character of one text is drawn by."""
    return apply_rules(np.array([logits], np.float32), [[]], Sampling(temperature=value))[0]


# --- what comes before the rules ----------------------------------------------------------


def test_logits_are_shifted_so_that_the_largest_of_each_text_is_zero():
    found = shifted(np.array([[1, 3, 2], [-4, -4, -9]], np.float32))
    assert found.dtype == np.float64
    assert found.tolist() == [[-2, 0, -1], [0, 0, -5]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_function_changes_its_argument(dtype):
    logits = np.array([[1.0, 3.0, 2.0]], dtype)
    shifted(logits)
    log_softmax(logits)
    temperature(logits, [[]], 0.5)
    temperature(logits, [[]], 0)
    apply_rules(logits, [[]], Sampling())
    assert logits.tolist() == [[1.0, 3.0, 2.0]]


def test_log_softmax_is_the_logarithm_of_the_softmax():
    logits = np.array([[0.5, -1.0, 3.0], [1000.0, 999.0, -1000.0]], np.float32)
    for found, row in zip(log_softmax(logits), logits.tolist(), strict=True):
        total = math.fsum(math.exp(a - max(row)) for a in row)
        expected = [a - max(row) - math.log(total) for a in row]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        assert found.dtype == np.float64


# --- temperature --------------------------------------------------------------------------


def test_temperature_divides():
    assert applied([1.0, 3.0, 2.0], 0.5).tolist() == [-4.0, 0.0, -2.0]


@wild
@given(LOGITS, TEMPERATURES)
def test_temperature_keeps_every_logit_finite_and_at_most_zero(logits, value):
    found = apply_rules(logits, [[]], Sampling(temperature=value))
    assert np.isfinite(found).all()
    assert found.max() == 0
    assert (found[logits == logits.max()] == 0).all()


@wild
@given(LOGITS)
def test_temperature_zero_leaves_the_lowest_of_the_likeliest(logits):
    found = apply_rules(logits, [[]], Sampling(temperature=0))
    assert not np.isnan(found).any()
    assert found.dtype == np.float64
    assert np.flatnonzero(found[0] == 0).tolist() == [logits[0].argmax()]
    assert np.isneginf(found).sum() == logits.size - 1


@pytest.mark.parametrize(
    ("logits", "likeliest"), [([0, 2, 1], 1), ([0, 2, 2, 2], 1), ([2, 2, 0], 0), ([5], 0)]
)
@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_temperature_zero_is_greedy(logits, likeliest, zero):
    assert np.exp(applied(logits, zero)).argmax() == likeliest
    assert np.exp(applied(logits, zero)).sum() == 1


@pytest.mark.parametrize("value", [0, 0.5, 1e-9])
def test_texts_side_by_side_are_changed_as_each_alone(value):
    logits = np.random.default_rng(0).normal(0, 3, (4, 6)).astype(np.float32)
    together = apply_rules(logits, [[]] * 4, Sampling(temperature=value))
    assert together.shape == (4, 6)
    for row, alone in zip(together, logits, strict=True):
        np.testing.assert_array_equal(row, applied(alone, value))


# --- rules in general ---------------------------------------------------------------------


def test_a_rule_is_switched_on_by_its_field(monkeypatch):
    told = []

    def forbid(log_probabilities, history, value):
        told.append((history, value))
        found = log_probabilities.copy()
        found[:, value] = -np.inf
        return found

    two = (("forbidden", forbid), ("temperature", temperature))
    monkeypatch.setattr(rules, "RULES", two)
    logits, history = np.array([[1.0, 3.0, 2.0]], np.float32), [[7, 8]]
    off = SimpleNamespace(forbidden=None, temperature=0.5)
    assert apply_rules(logits, history, off).tolist() == [[-4.0, 0.0, -2.0]]
    assert told == []
    on = SimpleNamespace(forbidden=1, temperature=0)
    # In the order of the list: greedy takes the likeliest of what is allowed.
    assert apply_rules(logits, history, on).tolist() == [[-np.inf, -np.inf, 0.0]]
    assert told == [(history, 1)]


@pytest.mark.parametrize("value", [0, 1e-200, 0.5, 1e6])
@pytest.mark.parametrize("never", [0, 2])
def test_what_is_never_drawn_has_no_odds_and_no_say_in_those_of_others(never, value):
    logits = np.array([[5.0, 1.0, 9.0, 2.0]], np.float32)
    found = apply_rules(logits, [[]], Sampling(temperature=value), never)
    assert np.isneginf(found[0, never])
    others = [i for i in range(4) if i != never]
    np.testing.assert_array_equal(found[0, others], applied(logits[0, others], value))
    assert logits.tolist() == [[5.0, 1.0, 9.0, 2.0]]


def test_every_rule_has_a_field():
    for name, _ in rules.RULES:
        assert hasattr(Sampling(), name)
