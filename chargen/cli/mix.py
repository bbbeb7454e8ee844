"""`--mix` and `--mix-to`: several checkpoints that write, or score, one text together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import click

from chargen.cli.advice import advice
from chargen.cli.options import own, together
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import open_checkpoint
from chargen.sampling.blend import Blend, How
from chargen.sampling.engine import Engine
from chargen.sampling.method import LENGTH
from chargen.sampling.model import Model

F = TypeVar("F", bound=Callable[..., Any])

METAVAR = "NAME[=WEIGHT]"


def mix_options(*, group: str = "", drift: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds the options of a mix to a command.

    Args:
        group: the heading that they stand under.
        drift: whether a text that is written may drift from one mix into another.
    """

    def several(name: str, help: str) -> Callable[[F], F]:
        return own(name, group=group, multiple=True, metavar=METAVAR, help=help)

    what = "write the text" if drift else "score texts"
    options = [
        several(
            "--mix",
            f"Let several checkpoints {what} together, in place of CHECKPOINT: the name of "
            "one, and how much it counts (1 if not given); can be repeated.",
        ),
        several(
            "--mix-to",
            "The mix at the end of --length characters, as --mix is the one at their "
            "beginning, or CHECKPOINT: the text drifts from one into the other.",
        ),
        own(
            "--mix-how",
            group=group,
            type=click.Choice(get_args(How)),
            help="With --mix: blend the odds by their mean, for what any checkpoint "
            "would write, or by their geometric mean, for what all of them can agree on.  "
            "[default: linear]",
        ),
    ]

    return together(*(options if drift else [options[0], options[2]]))


@dataclass(frozen=True)
class Mix:
    """Which checkpoints a user mixes, and how.

    Attributes:
        weights: how much each of them counts, by name; only the proportions matter.
        to: how much each counts at the end of the text; None where that stays the same.
        how: see `Blend`.
    """

    weights: Mapping[str, float]
    to: Mapping[str, float] | None
    how: How

    def __str__(self) -> str:
        """Describe it in a few words."""
        mixes = [self.weights] if self.to is None else [self.weights, self.to]
        described = (
            " + ".join(f"{w:.4g} {name}" for name, w in each.items() if w) for each in mixes
        )
        return f"{self.how} mix of {', drifting to '.join(described)}"

    @property
    def words(self) -> list[str]:
        """The options that ask for it, without `--mix-to`."""
        each = (["--mix", f"{name}={weight!r}"] for name, weight in self.weights.items())
        how = ["--mix-how", self.how] if self.how != "linear" else []
        return [word for words in each for word in words] + how

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON says of it."""
        to = {} if self.to is None else {"mix_to": dict(self.to)}
        return {"mix": dict(self.weights), **to, "mix_how": self.how}

    def open(self) -> dict[str, Checkpoint]:
        """Read its checkpoints, by name.

        Raises:
            CheckpointError: one is missing or damaged.
        """
        return {name: open_checkpoint(name) for name in self.weights}

    def blend(self, found: Mapping[str, Checkpoint], length: int | None = None) -> Blend:
        """Return the model that it is.

        Args:
            found: its checkpoints, as `open` returns them.
            length: how many characters are asked for; None for the default.

        Raises:
            click.UsageError: the checkpoints do not fit together.
        """
        drift: dict[str, Any] = {}
        if self.to is not None:
            over = LENGTH if length is None else max(1, length)
            drift = {"to": list(self.to.values()), "over": over}
        models = [Engine.from_checkpoint(found[name]) for name in self.weights]
        try:
            return Blend(models, list(self.weights.values()), how=self.how, **drift)
        except ValueError as error:
            raise click.UsageError(f"--mix: {error}") from error


def mix_of(
    mix: Sequence[str],
    mix_to: Sequence[str] = (),
    how: How | None = None,
    checkpoint: str | None = None,
) -> Mix | None:
    """Return what the options of a mix ask for; None if they ask for none.

    Args:
        mix, mix_to, how: the options; None or nothing for those that are not given.
        checkpoint: the checkpoint that a text drifts away from, in place of `mix`.

    Raises:
        click.UsageError: they are not well-formed, or contradict each other.
    """
    if not mix and not mix_to:
        if how is not None:
            raise click.UsageError("--mix-how is for --mix")
        return None
    if mix and checkpoint is not None:
        raise click.UsageError(
            f"--mix stands in place of CHECKPOINT: leave out {checkpoint}, or add it as "
            f"--mix {checkpoint}"
        )
    if not mix and checkpoint is None:
        raise click.UsageError("--mix-to needs a beginning: CHECKPOINT or --mix")
    start = dict(parse_mix(mix)) if checkpoint is None else {checkpoint: 1.0}
    end = dict(parse_mix(mix_to, "--mix-to"))
    names = dict.fromkeys([*start, *end])
    weights, to = ({name: each.get(name, 0.0) for name in names} for each in (start, end))
    return Mix(weights, to if end else None, how or "linear")


def open_models(
    checkpoint: str | None, mixed: Mix | None, length: int | None = None
) -> tuple[dict[str, Checkpoint], Model]:
    """Read CHECKPOINT, or what stands in its place; return checkpoints, and their model.

    Args:
        checkpoint: the command's argument.
        mixed: what `mix_of` returns.
        length: how many characters are asked for; None for the default.

    Raises:
        CheckpointError: one is missing or damaged.
        click.UsageError: neither is given, or the checkpoints do not fit together.
    """
    if mixed is not None:
        several = mixed.open()
        return several, mixed.blend(several, length)
    if checkpoint is None:
        raise click.MissingParameter(
            ctx=click.get_current_context(),
            param_hint="'CHECKPOINT'",
            param_type="argument",
        )
    with advice(checkpoint):
        found = open_checkpoint(checkpoint)
    return {checkpoint: found}, Engine.from_checkpoint(found)


def parse_mix(values: Sequence[str], option: str = "--mix") -> list[tuple[str, float]]:
    """Return the names and weights that an option's values stand for.

    What follows the last `=` of a value is the weight; without one it is 1.

    Raises:
        click.UsageError: a weight is not a number of at least 0, or a name is empty or
            occurs twice, or all weights are 0.
    """
    found: dict[str, float] = {}
    for value in values:
        name, sign, written = value.rpartition("=")
        if not sign:
            name, written = value, "1"
        try:
            weight = float(written)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight >= 0):
            raise click.UsageError(
                f"{option} {value}: {written!r} is not a number of at least 0. If = is a "
                f"part of the name, a weight must follow: {value}=1"
            )
        if not name:
            raise click.UsageError(f"{option} {value}: there is no name before the =")
        if name in found:
            raise click.UsageError(f"{option} names {name} twice")
        found[name] = weight
    if found and not any(found.values()):
        raise click.UsageError(f"{option}: one of the weights must be above 0")
    return list(found.items())
