"""What a user may choose in sampling: one record, which checks itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from chargen.checks import (
    Choice,
    Flag,
    Name,
    Names,
    Numbers,
    Real,
    Whole,
    check_options,
    documented,
    option,
)

UNKNOWN = ("error", "skip", "nearest")
"""What may become of characters of a seed text that a model never saw."""

GROUPS = ("control", "shape", "seed text", "many", "copies", "models", "output")
"""The headings of the options for sampling."""


@documented
@dataclass(frozen=True)
class Sampling:
    """How a text is drawn.

    Raises:
        ValueError: a value is out of its range, or two contradict each other.
    """

    length: int | None = option(
        None,
        Whole(0),
        "How many new characters, at most.",
        group="shape",
        default="500, or 10,000 where something else ends the text",
        common=True,
    )
    temperature: float = option(
        0.8,
        Real(0),
        "Lower is safer, higher is bolder; 0 always takes the likeliest.",
        group="control",
        common=True,
    )
    top_k: int | None = option(
        None,
        Whole(1),
        "Draw from the so many likeliest characters.",
        group="control",
        default="all",
    )
    top_p: float | None = option(
        None,
        Real(0, 1, low_open=True),
        "Draw from the likeliest characters that together have this probability.",
        group="control",
        default="1",
    )
    min_p: float | None = option(
        None,
        Real(0, 1),
        "Leave out characters less likely than this share of the likeliest one.",
        group="control",
        default="0",
    )
    typical_p: float | None = option(
        None,
        Real(0, 1, low_open=True),
        "Draw from the characters of the most typical information content that together "
        "have this probability.",
        group="control",
        default="1",
    )
    dry: int | None = option(
        None,
        Whole(1),
        "Against loops: make a character less likely that would continue a repetition of "
        "so many characters or more.",
        group="control",
        default="off; 12 is a good value",
    )
    forbid: str = option(
        "",
        Name(),
        "Characters that are not to be written.",
        group="control",
        default="none",
    )
    bias: Mapping[str, float] | None = option(
        None,
        Numbers(),
        "Add a number to the logit of a character, as in e=-2; can be repeated.",
        group="control",
        default="none",
    )
    stop: str | tuple[str, ...] = option(
        (),
        Names(),
        "End the text before this string; can be repeated.",
        group="shape",
        default="none",
    )
    keep_stop: bool = option(
        False, Flag(), "Write the string that ended the text, too.", group="shape"
    )
    lines: int | None = option(
        None,
        Whole(1),
        "End the text after so many lines.",
        group="shape",
        default="no bound",
    )
    pattern: str | None = option(
        None,
        Name(),
        "A regular expression that the text as a whole matches.",
        group="shape",
        default="none",
    )
    acrostic: str | None = option(
        None,
        Name(),
        "A word whose letters begin the lines of the text, one each.",
        group="shape",
        default="none",
    )
    unknown: str = option(
        "error",
        Choice(UNKNOWN),
        "What becomes of characters of a seed text that the model never saw: an error, "
        "nothing, or the nearest one that it knows.",
        group="seed text",
    )
    seed: int | None = option(
        None,
        Whole(0),
        "Random seed: the same one gives the same text.",
        group="many",
        default="drawn at random, and printed",
        common=True,
    )

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            object.__setattr__(self, "stop", (self.stop,))
        check_options(self)
        shapes = ("acrostic", "pattern", "lines")
        given = [name for name in shapes if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` exclude each other")
        if self.acrostic is not None and not self.acrostic.strip():
            raise ValueError("`acrostic` must have a letter; it is blank")


class SamplingOptions(TypedDict, total=False):
    """The fields of `Sampling` as keyword arguments, for type checkers and editors."""

    length: int | None
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical_p: float | None
    dry: int | None
    forbid: str
    bias: Mapping[str, float] | None
    stop: str | tuple[str, ...]
    keep_stop: bool
    lines: int | None
    pattern: str | None
    acrostic: str | None
    unknown: str
    seed: int | None
