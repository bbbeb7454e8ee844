"""The documented random streams and draw: to the bit, its frequencies, and its extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.sampling.draw import Uniforms, draw
from chargen.sampling.options import Sampling
from chargen.sampling.rules import Chain
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

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
TEMPERATURES = st.floats(1e-9, 1e6) | st.sampled_from([0, 5e-324, 1e-9, 0.8, 1.0, 1e6])
UNIFORMS = st.floats(0, LARGEST) | st.sampled_from([0.0, 2.0**-53, LARGEST])
wild = settings(max_examples=60, deadline=None, derandomize=True)


def softmax(logits, temperature):
    values = [float(a) / temperature for a in logits]
    exponentials = [math.exp(a - max(values)) for a in values]
    return np.array(exponentials) / math.fsum(exponentials)


def log_probabilities(logits, temperature):
    """What the next character of one text is drawn by, (1, V)."""
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(len(logits))])
    chain = Chain(Sampling(temperature=temperature), vocabulary, TextPolicy())
    return chain.apply(np.array([logits], np.float32), [[]])


def draw_one(made, uniform):
    (found,) = draw(made, [uniform]).tolist()
    return found


def drawn(logits, temperature, uniforms, count):
    """Draw some ids one after the other."""
    made = log_probabilities(logits, temperature)
    return [draw_one(made, uniforms.next()) for _ in range(count)]


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


@pytest.mark.parametrize("seed", RAW)
@pytest.mark.parametrize("number", [0, 1, 2, 63, 2**32 + 7])
def test_the_streams_of_a_seed_are_jumps_of_pcg64(seed, number):
    uniforms, raw = Uniforms(seed, number), np.random.PCG64(seed).jumped(number)
    for _ in range(20):
        assert uniforms.next() == (raw.random_raw() >> 11) * 2.0**-53


def test_the_first_stream_is_that_of_the_seed_alone():
    assert Uniforms(5, 0).next() == Uniforms(5).next()
    assert len({Uniforms(5, number).next() for number in range(50)}) == 50


def test_a_copy_goes_on_by_itself():
    one = Uniforms(5, 3)
    one.next()
    other = one.copy()
    numbers = [one.next() for _ in range(9)]
    assert [other.next() for _ in range(9)] == numbers
    assert one.next() == other.next()


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError):
        Uniforms(-1)


@pytest.mark.parametrize(
    ("uniform", "expected"),
    [(0.0, 0), (0.24, 0), (0.25, 1), (0.74, 1), (0.75, 2), (LARGEST, 2)],
)
def test_the_id_drawn_is_the_first_whose_cumulative_probability_exceeds(uniform, expected):
    made = np.log([[0.5, 1.0, 0.5]])
    assert draw(made, [uniform]).tolist() == [expected]
    assert draw(made, [uniform]).dtype == np.int32
    assert draw(np.concatenate([made, made]), [uniform, 0.5]).tolist() == [expected, 1]
    assert draw(np.concatenate([made, made]), [uniform, 0.5]).dtype == np.int32


@pytest.mark.parametrize("temperature", [0.3, 0.8, 1.0, 3.0])
def test_even_uniforms_give_the_softmax(temperature):
    logits = np.array([0.3, -1.2, 2.0, 0.0, -4.0, 1.1], np.float32)
    count = 2_000
    made = log_probabilities(logits, temperature)
    found = [draw_one(made, (i + 0.5) / count) for i in range(count)]
    shares = np.bincount(found, minlength=6) / count
    np.testing.assert_allclose(shares, softmax(logits, temperature), atol=1.01 / count)
    assert found == sorted(found)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_have_the_frequencies_of_the_softmax(temperature):
    logits = np.array([0.3, -1.2, 2.0, 0.0, 1.1], np.float32)
    count = 5_000
    found = drawn(logits, temperature, Uniforms(12345), count)
    expected = softmax(logits, temperature) * count
    chi_square = ((np.bincount(found, minlength=5) - expected) ** 2 / expected).sum()
    assert chi_square < 23.5  # exceeded once in 10,000 seeds: 4 degrees of freedom


def test_a_draw_follows_the_documented_rule():
    logits = np.random.default_rng(3).normal(0, 2, 30).astype(np.float32)
    raw, expected = np.random.PCG64(9), []
    for _ in range(200):
        u = (raw.random_raw() >> 11) * 2.0**-53
        cumulative = np.cumsum(np.exp((logits.astype(float) - float(logits.max())) / 0.7))
        expected.append(next(i for i in range(30) if cumulative[i] > u * cumulative[-1]))
    assert drawn(logits, 0.7, Uniforms(9), 200) == expected


@wild
@given(LOGITS, UNIFORMS)
def test_temperature_zero_takes_the_lowest_of_the_likeliest_whatever_is_drawn(
    logits, uniform
):
    assert draw_one(log_probabilities(logits, 0), uniform) == logits.argmax()


def test_a_tiny_temperature_is_nearly_greedy():
    assert set(drawn([0.0, 1e-6, -3.0], 1e-9, Uniforms(5), 200)) == {1}


def test_a_tiny_temperature_draws_among_equals():
    assert set(drawn([0.0, 2.0, 2.0], 5e-324, Uniforms(5), 200)) == {1, 2}


def test_a_huge_temperature_is_nearly_even():
    found = drawn([0.0, 30.0, -30.0, 5.0], 1e6, Uniforms(5), 4000)
    assert np.bincount(found, minlength=4).min() > 850


@wild
@given(LOGITS, TEMPERATURES, UNIFORMS)
def test_a_draw_never_has_zero_probability(logits, temperature, uniform):
    made = log_probabilities(logits, temperature)
    found = draw_one(made, uniform)
    assert 0 <= found < len(logits)
    assert np.exp(made[0, found]) > 0
    assert draw(np.concatenate([made, made]), [uniform, uniform]).tolist() == [found] * 2


@pytest.mark.parametrize("impossible", [-1e30, -np.inf])
@pytest.mark.parametrize("uniform", [0.0, LARGEST])
def test_the_outermost_uniforms_pass_over_impossible_ids(uniform, impossible):
    made = np.array([[impossible, 0.0, impossible, 0.0, impossible]])
    expected = 1 if uniform == 0 else 3
    assert draw_one(made, uniform) == expected
    assert draw(np.concatenate([made, made]), [uniform] * 2).tolist() == [expected] * 2


@pytest.mark.parametrize("size", [1, 3, 5, 7, 1000])
def test_the_largest_uniform_draws_the_last_that_is_possible(size):
    # Its product with the total is not rounded to the total, whatever that is.
    made = np.concatenate([np.zeros(size), [-3e-16, -1e-16, -np.inf, -1e30]])[None]
    assert draw_one(made, LARGEST) == size + 1
    assert draw(np.repeat(made, 2, axis=0), [LARGEST] * 2).tolist() == [size + 1] * 2


def test_texts_side_by_side_are_drawn_as_each_alone():
    random = np.random.default_rng(0)
    made = np.log(random.random((200, 30)))
    made -= made.max(axis=-1, keepdims=True)
    uniforms = random.random(200).tolist()
    together = draw(made, uniforms).tolist()
    alone = [draw_one(row[None], u) for row, u in zip(made, uniforms, strict=True)]
    assert together == alone
    assert len(set(together)) == 30


@pytest.mark.parametrize("temperature", [0, 1e-9, 1.0])
@pytest.mark.parametrize("logit", [-1e30, 0.0, 1e30])
def test_a_single_character_is_always_drawn(logit, temperature):
    assert set(drawn([logit], temperature, Uniforms(0), 20)) == {0}
