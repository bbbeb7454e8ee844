"""What a user may choose in sampling: one record, which checks itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from chargen.checks import Real, Whole, check_options, documented, option


@documented
@dataclass(frozen=True)
class Sampling:
    """How a text is drawn.

    Raises:
        ValueError: a value is out of its range.
    """

    length: int | None = option(
        None,
        Whole(0),
        "How many new characters, at most.",
        default="500, or until the item ends",
    )
    temperature: float = option(
        0.8,
        Real(0),
        "Lower is safer, higher is bolder; 0 always takes the likeliest.",
    )
    seed: int | None = option(
        None,
        Whole(0),
        "Random seed: the same one gives the same text.",
        default="drawn at random, and printed",
    )

    def __post_init__(self) -> None:
        check_options(self)


class SamplingOptions(TypedDict, total=False):
    """The fields of `Sampling` as keyword arguments, for type checkers and editors."""

    length: int | None
    temperature: float
    seed: int | None
