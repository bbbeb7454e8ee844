"""What a value may be: checks, and options, each described once.

An option is a field of a record (`Settings`, `Sampling`). Its name, default, kind, range
and one line of help stand there. The record's checks, the options of the command line, the
environment variables and the tables in the docs are all made from that.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar


def require(condition: bool, name: str, expected: str, received: object) -> None:
    """Raise the `ValueError` that every wrong value of a setting gets."""
    if not condition:
        raise ValueError(f"`{name}` must be {expected}; got {repr(received)[:200]}")


def is_number(value: object) -> bool:
    """Whether `value` is a finite float or an int of 64 bits (here a bool is neither)."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def is_count(value: object) -> TypeGuard[int]:
    """Whether `value` is an int from 0 to 2⁶³ - 1 (here a bool is not one)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


@dataclass(frozen=True)
class Whole:
    """A whole number in [low, high].

    Attributes:
        low: the least that is allowed.
        high: the largest that is allowed; None for no bound.
    """

    low: int
    high: int | None = None

    @property
    def expected(self) -> str:
        """What a value must be, for a message."""
        bounds = f"at least {self.low}"
        if self.high is not None:
            bounds = f"between {self.low} and {self.high}"
        return f"a whole number, {bounds}"

    def fits(self, value: object) -> bool:
        """Whether a value is such a number."""
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and value >= self.low
            and (self.high is None or value <= self.high)
        )


@dataclass(frozen=True)
class Real:
    """A finite number in a range.

    Attributes:
        low: the least that is allowed.
        high: the largest that is allowed; None for no bound.
        low_open, high_open: whether the bound itself is left out.
    """

    low: float
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def expected(self) -> str:
        """What a value must be, for a message."""
        if self.high is None:
            return f"a number{' above' if self.low_open else ', at least'} {self.low:g}"
        left, right = "[("[self.low_open], "])"[self.high_open]
        return f"a number in {left}{self.low:g}, {self.high:g}{right}"

    def fits(self, value: Any) -> bool:
        """Whether a value is such a number."""
        return (
            is_number(value)
            and (value > self.low or (value == self.low and not self.low_open))
            and (
                self.high is None
                or value < self.high
                or (value == self.high and not self.high_open)
            )
        )


@dataclass(frozen=True)
class Duration(Real):
    """A number of seconds, which the command line reads as 90s, 5m or 1h30m."""


@dataclass(frozen=True)
class Choice:
    """One of a few given words."""

    values: tuple[str, ...]

    @property
    def expected(self) -> str:
        """What a value must be, for a message."""
        return f"one of {', '.join(self.values)}"

    def fits(self, value: object) -> bool:
        """Whether a value is one of them."""
        return isinstance(value, str) and value in self.values


@dataclass(frozen=True)
class Name:
    """Any text."""

    expected = "a name"

    def fits(self, value: object) -> bool:
        """Whether a value is a text."""
        return isinstance(value, str)


@dataclass(frozen=True)
class Names:
    """A tuple of texts, none of them empty."""

    expected = "texts that are not empty"

    def fits(self, value: object) -> bool:
        """Whether a value is such a tuple."""
        return isinstance(value, tuple) and all(
            isinstance(text, str) and text for text in value
        )


@dataclass(frozen=True)
class Numbers:
    """A mapping from single characters to finite numbers."""

    expected = "numbers by single characters, such as {'e': -1.5}"

    def fits(self, value: object) -> bool:
        """Whether a value is such a mapping."""
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and len(name) == 1 and is_number(number)
            for name, number in value.items()
        )


@dataclass(frozen=True)
class Flag:
    """True or false."""

    expected = "true or false"

    def fits(self, value: object) -> bool:
        """Whether a value is one of the two."""
        return isinstance(value, bool)


@dataclass(frozen=True)
class ShareOrFiles(Real):
    """A share of a text, the name of a file or folder, or a tuple of such names."""

    @property
    def expected(self) -> str:
        """What a value must be, for a message."""
        return f"{super().expected} or files"

    def fits(self, value: object) -> bool:
        """Whether a value is one of these."""
        if isinstance(value, tuple):
            return bool(value) and all(isinstance(name, str) for name in value)
        return isinstance(value, str) or super().fits(value)


CHOSEN = "chosen for the text"
"""What is said in place of a default that the recipe replaces."""

Kind = Whole | Real | Choice | Name | Names | Numbers | Flag


@dataclass(frozen=True)
class Option:
    """What there is to know about an option besides its name and its default.

    Attributes:
        kind: what a value may be; an option whose default is None may also stay None.
        help: one line, for people.
        group: the heading under which the command line lists it.
        default: what to say about the default, where its value does not say enough.
        common: whether it comes before the other options of its group.
    """

    kind: Kind
    help: str
    group: str = ""
    default: str | None = None
    common: bool = False


def option(value: Any, kind: Kind, help: str, **more: Any) -> Any:
    """Return a field of a dataclass that is an option.

    Args:
        value: the default.
        kind, help, more: see `Option`.
    """
    return dataclasses.field(default=value, metadata={"option": Option(kind, help, **more)})


def same_option(record: type, name: str) -> Any:
    """Return a dataclass field for an option that another record has, too."""
    (field,) = (f for f in dataclasses.fields(record) if f.name == name)
    return dataclasses.field(default=field.default, metadata=field.metadata)


def options_of(record: Any) -> Iterator[tuple[str, Any, Option]]:
    """Yield (name, default, option) for each option of a record or of its class."""
    for field in dataclasses.fields(record):
        yield field.name, field.default, field.metadata["option"]


def check_options(record: Any) -> None:
    """Raise a `ValueError` for the first option of a record that has a wrong value."""
    for name, default, described in options_of(record):
        value = getattr(record, name)
        if not (value is None and default is None):
            kind = described.kind
            require(kind.fits(value), name, kind.expected, value)


Record = TypeVar("Record", bound=type)


def documented(record: Record) -> Record:
    """Add a description of its options to the docstring of a record."""
    lines = ["", "Attributes:"]
    for name, default, described in options_of(record):
        told = "; ".join(filter(None, [repr(default), described.default]))
        lines.append(f"    {name}: {described.help} Must be {described.kind.expected}.")
        lines.append(f"        Default: {told}.")
    record.__doc__ = inspect.cleandoc(record.__doc__ or "") + "\n".join(["", *lines])
    return record
