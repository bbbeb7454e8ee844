"""What a user may choose in sampling: defaults and bounds."""

from __future__ import annotations

import dataclasses
import math
from typing import get_type_hints

import pytest

from chargen.sampling.options import Sampling, SamplingOptions


def refused(name, value):
    """The ValueError names the option and shows the value."""
    with pytest.raises(ValueError) as caught:
        Sampling(**{name: value})
    assert f"`{name}`" in str(caught.value)
    assert repr(value) in str(caught.value)


def test_a_text_of_the_usual_length_is_drawn_at_0_8_by_default():
    assert Sampling() == Sampling(length=None, temperature=0.8, seed=None)


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-9, 1, 2.5, 1e6])
def test_good_temperatures_pass(temperature):
    assert Sampling(temperature=temperature).temperature == temperature


@pytest.mark.parametrize(
    "temperature", [-0.1, -1e-9, math.nan, math.inf, -math.inf, "1", True, None]
)
def test_bad_temperatures_are_refused(temperature):
    refused("temperature", temperature)


@pytest.mark.parametrize("length", [-1, 1.0, "5", True])
def test_a_length_is_a_whole_number_from_zero_or_unset(length):
    refused("length", length)
    assert Sampling(length=0).length == 0
    assert Sampling(length=None).length is None


@pytest.mark.parametrize("seed", [-1, 0.0, "5", True])
def test_a_seed_is_a_whole_number_from_zero_or_unset(seed):
    refused("seed", seed)
    assert Sampling(seed=0).seed == 0
    assert Sampling(seed=2**64 + 5).seed == 2**64 + 5
    assert Sampling(seed=None).seed is None


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sampling().length = 3


def test_sampling_options_are_the_record_as_keyword_arguments():
    given = get_type_hints(SamplingOptions)
    assert list(given) == [field.name for field in dataclasses.fields(Sampling)]
    assert given == get_type_hints(Sampling)
    assert SamplingOptions.__required_keys__ == frozenset()
