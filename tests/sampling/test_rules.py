"""Logits to ids: the documented draw, its frequencies, and its extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.sampling import check_temperature
from chargen.sampling.draw import Uniforms, choose, draw
from chargen.sampling.rules import with_temperature

LARGEST = 1 - 2.0**-53  # the largest uniform number below 1
RAW = {  # PCG64(seed).random_raw(), which NumPy guarantees across versions
    0: (0xA30FEBCFD9C2825F, 0x4510BDF882D9D721, 0x0A7D3DA94ECDE8B8),
    1: (0x8306BDF37922E4FF, 0xF35196BBC152A866, 0x24E7A4F608EC18CD),
    2**64 + 5: (0xBE1ED79DE3D6074E, 0x64197D17923F1721, 0xAF69FCFEDB7A76BA),
}
UNIFORM = {0: 0.6369616873214543, 1: 0.5118216247002567}

LOGITS = st.lists(
    st.floats(-1e30, 1e30) | st.floats(-50, 50) | st.sampled_from([1e30, -1e30, 0.0]),
    min_size=1,
    max_size=8,
).map(lambda values: np.array(values, np.float32))
TEMPERATURES = st.floats(1e-9, 1e6) | st.sampled_from([1e-9, 0.8, 1.0, 1e6])
UNIFORMS = st.floats(0, LARGEST) | st.sampled_from([0.0, 2.0**-53, LARGEST])
wild = settings(max_examples=60, deadline=None, derandomize=True)


def softmax(logits, temperature):
    values = [float(a) / temperature for a in logits]
    exponentials = [math.exp(a - max(values)) for a in values]
    return np.array(exponentials) / math.fsum(exponentials)


@pytest.mark.parametrize("seed", RAW)
def test_uniforms_are_53_bits_of_pcg64(seed):
    uniforms = Uniforms(seed)
    expected = [(r >> 11) / 2**53 for r in RAW[seed]]
    assert [uniforms.next() for _ in range(3)] == expected


@pytest.mark.parametrize("seed", UNIFORM)
def test_the_first_uniform_of_a_seed_never_changes(seed):
    assert Uniforms(seed).next() == UNIFORM[seed]


def test_uniforms_follow_the_raw_integers_for_long():
    uniforms, raw = Uniforms(7), np.random.PCG64(7)
    for _ in range(1000):
        number = uniforms.next()
        assert number == (raw.random_raw() >> 11) * 2.0**-53
        assert 0 <= number < 1


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError):
        Uniforms(-1)


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-9, 1, 2.5, 1e6])
def test_good_temperatures_pass(temperature):
    assert check_temperature(temperature) is None


@pytest.mark.parametrize("temperature", [-0.1, -1e-9, math.nan, math.inf, -math.inf])
def test_bad_temperatures_are_refused(temperature):
    with pytest.raises(ValueError, match=r"`temperature`.*got"):
        check_temperature(temperature)


def test_temperature_divides_and_shifts_the_largest_to_zero():
    logits = np.array([1.0, 3.0, 2.0], np.float32)
    shifted = with_temperature(logits, 0.5)
    assert shifted.dtype == np.float64
    assert shifted.tolist() == [-4.0, 0.0, -2.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_temperature_leaves_its_argument_alone(dtype):
    logits = np.array([1.0, 3.0, 2.0], dtype)
    with_temperature(logits, 0.5)
    assert logits.tolist() == [1.0, 3.0, 2.0]


@wild
@given(LOGITS, TEMPERATURES)
def test_temperature_keeps_every_logit_finite_and_at_most_zero(logits, temperature):
    shifted = with_temperature(logits, temperature)
    assert np.isfinite(shifted).all()
    assert shifted.max() == 0
    assert (shifted[logits == logits.max()] == 0).all()


@pytest.mark.parametrize(
    ("uniform", "expected"),
    [(0.0, 0), (0.24, 0), (0.25, 1), (0.74, 1), (0.75, 2), (LARGEST, 2)],
)
def test_the_id_drawn_is_the_first_whose_cumulative_probability_exceeds(uniform, expected):
    logits = np.log([0.5, 1.0, 0.5])
    assert draw(logits, uniform) == expected


@pytest.mark.parametrize("temperature", [0.3, 0.8, 1.0, 3.0])
def test_even_uniforms_give_the_softmax(temperature):
    logits = np.array([0.3, -1.2, 2.0, 0.0, -4.0, 1.1], np.float32)
    count = 2_000
    shifted = with_temperature(logits, temperature)
    drawn = [draw(shifted, (i + 0.5) / count) for i in range(count)]
    shares = np.bincount(drawn, minlength=6) / count
    np.testing.assert_allclose(shares, softmax(logits, temperature), atol=1.01 / count)
    assert drawn == sorted(drawn)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_have_the_frequencies_of_the_softmax(temperature):
    logits = np.array([0.3, -1.2, 2.0, 0.0, 1.1], np.float32)
    count, uniforms = 5_000, Uniforms(12345)
    drawn = [choose(logits, temperature, uniforms) for _ in range(count)]
    expected = softmax(logits, temperature) * count
    chi_square = ((np.bincount(drawn, minlength=5) - expected) ** 2 / expected).sum()
    assert chi_square < 23.5  # exceeded once in 10,000 seeds: 4 degrees of freedom


def test_choose_follows_the_documented_rule():
    logits = np.random.default_rng(3).normal(0, 2, 30).astype(np.float32)
    uniforms, raw = Uniforms(9), np.random.PCG64(9)
    for _ in range(200):
        u = (raw.random_raw() >> 11) * 2.0**-53
        cumulative = np.cumsum(np.exp((logits.astype(float) - float(logits.max())) / 0.7))
        expected = next(i for i in range(30) if cumulative[i] > u * cumulative[-1])
        assert choose(logits, 0.7, uniforms) == expected


def test_temperature_zero_takes_the_likeliest():
    assert choose(np.array([0.0, 2.0, 1.0], np.float32), 0, Uniforms(0)) == 1


def test_temperature_zero_takes_the_lowest_of_equals():
    assert choose(np.array([0.0, 2.0, 2.0, 2.0], np.float32), 0.0, Uniforms(0)) == 1


def test_temperature_zero_takes_no_random_number():
    uniforms = Uniforms(0)
    choose(np.array([0.0, 2.0], np.float32), 0, uniforms)
    assert uniforms.next() == UNIFORM[0]


def test_any_other_temperature_takes_exactly_one_random_number():
    uniforms, expected = Uniforms(0), Uniforms(0)
    for temperature in (1e-9, 1.0):
        choose(np.array([0.0, 2.0], np.float32), temperature, uniforms)
        expected.next()
    assert uniforms.next() == expected.next()


def test_a_tiny_temperature_is_nearly_greedy():
    logits = np.array([0.0, 1e-6, -3.0], np.float32)
    uniforms = Uniforms(5)
    assert {choose(logits, 1e-9, uniforms) for _ in range(200)} == {1}


def test_a_huge_temperature_is_nearly_even():
    logits = np.array([0.0, 30.0, -30.0, 5.0], np.float32)
    uniforms = Uniforms(5)
    drawn = [choose(logits, 1e6, uniforms) for _ in range(4000)]
    assert np.bincount(drawn, minlength=4).min() > 850


@wild
@given(LOGITS, TEMPERATURES, UNIFORMS)
def test_a_draw_never_has_zero_probability(logits, temperature, uniform):
    shifted = with_temperature(logits, temperature)
    drawn = draw(shifted, uniform)
    assert 0 <= drawn < len(logits)
    assert np.exp(shifted[drawn]) > 0


@pytest.mark.parametrize("uniform", [0.0, LARGEST])
def test_the_outermost_uniforms_pass_over_impossible_ids(uniform):
    logits = np.array([-1e30, 0.0, -1e30, 0.0, -1e30], np.float32)
    assert draw(with_temperature(logits, 1e-9), uniform) == (1 if uniform == 0 else 3)


def test_a_single_character_is_always_drawn():
    uniforms = Uniforms(0)
    for logit in (-1e30, 0.0, 1e30):
        assert choose(np.array([logit], np.float32), 1e-9, uniforms) == 0
