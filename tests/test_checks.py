"""What a value may be, and options that are described once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from chargen.checks import (
    Choice,
    Duration,
    Flag,
    Name,
    Names,
    Numbers,
    Option,
    Real,
    ShareOrFiles,
    Whole,
    check_options,
    documented,
    is_count,
    is_number,
    option,
    options_of,
    require,
    same_option,
)


def test_a_wrong_value_is_named_with_what_was_expected():
    require(True, "units", "a size", "no matter what")
    with pytest.raises(ValueError) as caught:
        require(False, "units", "a size", "big")
    assert str(caught.value) == "`units` must be a size; got 'big'"


def test_a_long_value_is_not_repeated_whole():
    with pytest.raises(ValueError) as caught:
        require(False, "units", "a size", "x" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [0, -3, 2.5, 1e300])
def test_finite_ints_and_floats_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize(
    "value",
    [True, False, math.nan, math.inf, "1", None, [1], pytest.param(10**400, id="huge")],
)
def test_nothing_else_is_a_number(value):
    assert not is_number(value)


@pytest.mark.parametrize("value", [0, 7, 2**63 - 1])
def test_ints_from_zero_are_counts(value):
    assert is_count(value)


@pytest.mark.parametrize("value", [-1, 2**63, 1.0, True, "1", None])
def test_nothing_else_is_a_count(value):
    assert not is_count(value)


@pytest.mark.parametrize(
    ("kind", "fitting", "others", "expected"),
    [
        (Whole(1), [1, 10**30], [0, 1.0, True, "1", None], "a whole number, at least 1"),
        (Whole(0, 3), [0, 3], [-1, 4, False], "a whole number, between 0 and 3"),
        (Real(0), [0, 0.5, 9], [-0.1, math.nan, math.inf, True], "a number, at least 0"),
        (Real(0, low_open=True), [1e-9, 1], [0, 0.0, -1], "a number above 0"),
        (Real(0, 1), [0, 0.5, 1], [-0.1, 1.1], "a number in [0, 1]"),
        (Real(0, 1, high_open=True), [0, 0.99], [1, 1.0], "a number in [0, 1)"),
        (Duration(0, 60, low_open=True), [0.5, 60], [0, 61], "a number in (0, 60]"),
        (Choice(("a", "b")), ["a", "b"], ["A", "", "ab", None, 1], "one of a, b"),
        (Name(), ["", "any"], [None, 1, b"x"], "a name"),
        (
            Names(),
            [(), ("a",), ("a b", "\n")],
            ["a", ["a"], ("",), ("a", ""), (1,), None],
            "texts that are not empty",
        ),
        (
            Numbers(),
            [{}, {"e": -1.5, "中": 2}],
            [
                {"": 1},
                {"ab": 1},
                {1: 1},
                {"e": "1"},
                {"e": None},
                {"e": True},
                {"e": math.inf},
                {"a": 1, "e": math.nan},
                [("e", 1)],
                "e=1",
            ],
            "numbers by single characters, such as {'e': -1.5}",
        ),
        (Flag(), [True, False], [0, 1, None, "yes"], "true or false"),
        (
            ShareOrFiles(0, 1, high_open=True),
            [0, 0.5, "held.txt"],
            [1, -0.1, True, None],
            "a number in [0, 1) or files",
        ),
    ],
    ids=repr,
)
def test_a_kind_knows_what_fits_and_says_so(kind, fitting, others, expected):
    assert all(kind.fits(value) for value in fitting)
    assert not any(kind.fits(value) for value in others)
    assert kind.expected == expected


@dataclass(frozen=True)
class Oven:
    """What an oven can be told."""

    degrees: int = option(180, Whole(0, 300), "How hot.", group="heat", common=True)
    minutes: int | None = option(None, Whole(1), "How long.", default="until it is done")

    def __post_init__(self) -> None:
        check_options(self)


def test_an_option_is_a_field_with_its_default():
    assert Oven() == Oven(degrees=180, minutes=None)
    found = {name: (default, described) for name, default, described in options_of(Oven)}
    assert list(found) == ["degrees", "minutes"]
    default, described = found["degrees"]
    assert default == 180
    assert described == Option(Whole(0, 300), "How hot.", group="heat", common=True)


def test_every_option_is_checked_where_it_is_set():
    assert Oven(300, 1).minutes == 1
    with pytest.raises(ValueError, match=r"`degrees` must be .*between 0 and 300; got 301"):
        Oven(301)
    with pytest.raises(ValueError, match=r"`minutes` must be .*at least 1; got 0"):
        Oven(minutes=0)
    with pytest.raises(ValueError, match=r"`degrees` must be .*; got None"):
        Oven(None)  # only what is unset by default may be unset


def test_an_option_can_be_that_of_another_record():
    @dataclass(frozen=True)
    class Kitchen:
        degrees: int = same_option(Oven, "degrees")

    assert Kitchen().degrees == 180
    assert next(options_of(Kitchen)) == next(options_of(Oven))


def test_what_is_said_of_options_is_in_the_docstring():
    @documented
    @dataclass(frozen=True)
    class Stove:
        """What a stove can be told."""

        degrees: int = same_option(Oven, "degrees")
        minutes: int | None = same_option(Oven, "minutes")

    page = Stove.__doc__
    assert page.startswith("What a stove can be told.\n\nAttributes:\n")
    assert "degrees: How hot. Must be a whole number, between 0 and 300." in page
    assert "Default: 180." in page
    assert "Default: None; until it is done." in page
