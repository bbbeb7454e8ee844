"""What a user may choose in sampling: defaults and bounds."""

from __future__ import annotations

import dataclasses
import math
from typing import get_type_hints

import pytest

from chargen.checks import options_of
from chargen.sampling.options import GROUPS, UNKNOWN, Sampling, SamplingOptions


def refused(name, value, expected=""):
    """The ValueError names the option, says what it may be, and shows the value."""
    with pytest.raises(ValueError) as caught:
        Sampling(**{name: value})
    assert f"`{name}` must be {expected}" in str(caught.value)
    assert f"; got {value!r}" in str(caught.value)


def test_by_default_temperature_alone_shapes_the_odds_and_length_the_text():
    given = {
        name: value
        for name, value, _ in options_of(Sampling())
        if getattr(Sampling(), name) not in (None, "", (), False)
    }
    assert given == {"temperature": 0.8, "unknown": "error"}
    assert Sampling() == Sampling(length=None, temperature=0.8, seed=None)


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-9, 1, 2.5, 1e6])
def test_good_temperatures_pass(temperature):
    assert Sampling(temperature=temperature).temperature == temperature


@pytest.mark.parametrize(
    "temperature", [-0.1, -1e-9, math.nan, math.inf, -math.inf, "1", True, None]
)
def test_bad_temperatures_are_refused(temperature):
    refused("temperature", temperature, "a number, at least 0")


@pytest.mark.parametrize("name", ["top_p", "typical_p"])
def test_a_share_that_is_left_is_above_zero_and_at_most_one(name):
    for value in (5e-324, 0.5, 1, 1.0):
        assert getattr(Sampling(**{name: value}), name) == value
    for value in (0, 0.0, -0.1, math.nextafter(1, 2), math.nan, "0.5", True):
        refused(name, value, "a number in (0, 1]")


def test_min_p_is_a_share_of_the_likeliest():
    for value in (0, 0.05, 1):
        assert Sampling(min_p=value).min_p == value
    for value in (-0.1, 1.1, math.nan, "0.5", False):
        refused("min_p", value, "a number in [0, 1]")


@pytest.mark.parametrize("name", ["top_k", "dry", "lines"])
def test_counts_are_whole_numbers_from_one_or_unset(name):
    for value in (None, 1, 10**30):
        assert getattr(Sampling(**{name: value}), name) == value
    for value in (0, -1, 1.0, "5", True):
        refused(name, value, "a whole number, at least 1")


@pytest.mark.parametrize("name", ["length", "seed"])
def test_length_and_seed_are_whole_numbers_from_zero_or_unset(name):
    for value in (None, 0, 2**64 + 5):
        assert getattr(Sampling(**{name: value}), name) == value
    for value in (-1, 1.0, "5", True):
        refused(name, value, "a whole number, at least 0")


@pytest.mark.parametrize("name", ["forbid", "pattern", "acrostic"])
def test_texts_are_texts(name):
    assert getattr(Sampling(**{name: "ab中"}), name) == "ab中"
    for value in (1, b"ab", ["a"]):
        refused(name, value)


def test_a_bias_is_numbers_by_characters():
    assert Sampling(bias={"e": -2, "\n": 0.5}).bias == {"e": -2, "\n": 0.5}
    for value in ({"ab": 1}, {"": 1}, {"e": math.inf}, {"e": "1"}, "e=1", [("e", 1)]):
        refused("bias", value, "numbers by single characters")


def test_stop_strings_are_one_text_or_several():
    assert Sampling(stop="\n\n").stop == ("\n\n",)
    assert Sampling(stop=("a", "bc")).stop == ("a", "bc")
    assert Sampling(stop=()).stop == ()
    for value in (("a", ""), 1, None, ["a"], (b"a",)):
        refused("stop", value, "texts that are not empty")
    with pytest.raises(ValueError, match=r"`stop` must be texts that are not empty"):
        Sampling(stop="")


def test_unknown_characters_have_three_fates():
    assert [Sampling(unknown=value).unknown for value in UNKNOWN] == [*UNKNOWN]
    for value in ("", "Error", None, "ignore"):
        refused("unknown", value, "one of error, skip, nearest")


def test_a_flag_is_true_or_false():
    assert Sampling(keep_stop=True).keep_stop
    for value in (1, None, "yes"):
        refused("keep_stop", value, "true or false")


@pytest.mark.parametrize(
    ("one", "other"),
    [("acrostic", "pattern"), ("acrostic", "lines"), ("pattern", "lines")],
)
def test_a_text_has_one_shape(one, other):
    values = {"acrostic": "word", "pattern": "a+", "lines": 4}
    with pytest.raises(ValueError, match=f"`{one}` and `{other}` exclude each other"):
        Sampling(**{name: values[name] for name in (other, one)})


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_an_acrostic_has_a_letter(blank):
    with pytest.raises(ValueError, match="`acrostic` must have a letter"):
        Sampling(acrostic=blank)


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sampling().length = 3


def test_a_changed_copy_is_checked_too():
    sampling = dataclasses.replace(Sampling(stop="a"), top_p=0.5)
    assert (sampling.stop, sampling.top_p) == (("a",), 0.5)
    with pytest.raises(ValueError, match="`top_p`"):
        dataclasses.replace(sampling, top_p=0)


def test_every_option_stands_under_a_heading():
    assert {described.group for _, _, described in options_of(Sampling)} <= set(GROUPS)


def test_sampling_options_are_the_record_as_keyword_arguments():
    given = get_type_hints(SamplingOptions)
    assert list(given) == [field.name for field in dataclasses.fields(Sampling)]
    assert given == get_type_hints(Sampling)
    assert SamplingOptions.__required_keys__ == frozenset()
