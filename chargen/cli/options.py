"""Options of the command line, made from the settings that they stand for.

A setting is described where it is defined (`checks.option`); here it gets its option. The
library's messages name settings; here the options are put in their place.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from chargen.checks import (
    Choice,
    Duration,
    Flag,
    Kind,
    Names,
    Numbers,
    Option,
    Real,
    ShareOrFiles,
    Whole,
    is_number,
    options_of,
)
from chargen.display import format_seconds
from chargen.sampling.options import Sampling
from chargen.training.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

DESCRIBED = {
    name: described
    for record in (Sampling, Settings)
    for name, _, described in options_of(record)
}

KNOWN = {
    *DESCRIBED,
    *("out", "resume", "overwrite", "init_from", "drop_unused", "tensorboard", "part"),
    *("cache", "no_cache", "count", "label", "containing", "gap"),
}
"""Those names in the library's messages for which the command line has an option."""

LARGE = 10**9
"""Bounds from here on are not worth showing."""


class WholeType(click.IntRange):
    """A whole number in a range; messages call it that."""

    name = "whole number"


class RealType(click.FloatRange):
    """A number in a range; messages call it that."""

    name = "number"


_NUMBER = r"(\d+(?:\.\d+)?)\s*"
_DURATION = re.compile(
    rf"(?:{_NUMBER}h(?:ours?|rs?)?)?\s*(?:{_NUMBER}m(?:in(?:ute)?s?)?)?\s*"
    rf"(?:{_NUMBER}s(?:ec(?:ond)?s?)?)?"
)


class DurationType(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A duration such as 90s, 5m or 1h30m."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        if isinstance(value, float | int):
            return float(value)
        match = _DURATION.fullmatch(value.strip().lower())
        if not value or not match:
            self.fail(f"{value!r} is not a duration: write 90s, 5m or 1h30m", param, ctx)
        parts = zip(match.groups(), (3600.0, 60.0, 1.0), strict=True)
        seconds = sum(float(part) * unit for part, unit in parts if part)
        if seconds <= 0:
            self.fail("a duration must be above 0", param, ctx)
        return seconds


class ShareOrFilesType(click.ParamType):  # type: ignore[type-arg]
    """A fraction in [0, 1), or a file or folder."""

    name = "fraction or file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """Return the number, or the file's name."""
        if not isinstance(value, str) or os.path.exists(value):
            return value  # type: ignore[no-any-return]
        try:
            fraction = float(value)
        except ValueError:
            self.fail(f"there is no file {value!r}, and it is not a number", param, ctx)
        if not 0 <= fraction < 1:
            self.fail(f"{value} is not in the range 0<=x<1", param, ctx)
        return fraction


def _one_share_or_files(
    ctx: click.Context, param: click.Parameter, values: tuple[float | str, ...]
) -> float | str | tuple[str, ...] | None:
    """Return what an option that may be repeated says in all."""
    files = [value for value in values if isinstance(value, str)]
    if len(values) > 1 and len(files) < len(values):
        raise click.BadParameter("give one fraction, or files", ctx, param)
    if len(values) > 1:
        return tuple(files)
    return values[0] if values else None


class SettingOption(click.Option):
    """An option with a place in the help.

    Args:
        group: the heading that it stands under.
        common: whether it comes before the others under that heading.
    """

    def __init__(
        self, *names: Any, group: str = "", common: bool = False, **more: Any
    ) -> None:
        super().__init__(*names, **more)
        self.group = group
        self.common = common

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return what the help says, without click's brackets around a default in words."""
        record = super().get_help_record(ctx)
        if record is None or not isinstance(self.show_default, str):
            return record
        bracketed = f"[default: ({self.show_default})"
        return record[0], record[1].replace(bracketed, f"[default: {self.show_default}")


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds several options to a command, in their order."""

    def add(command: F) -> F:
        for each in reversed(options):
            command = each(command)
        return command

    return add


def own(*names: str, group: str, **more: Any) -> Callable[[F], F]:
    """Return a decorator that adds an option that belongs to a command alone."""
    return click.option(*names, cls=SettingOption, group=group, **more)


def _numbers(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, float] | None:
    """Return what an option of the form CHARACTER=NUMBER says, which may be repeated."""
    found = {}
    for value in values:
        name, equals, number = value[:1], value[1:2], value[2:]
        try:
            found[name] = float(number)
        except ValueError:
            equals = ""
        if equals != "=" or not is_number(found[name]):
            raise click.BadParameter(
                f"{value!r} is not a character, = and a number, as in e=-2", ctx, param
            )
    return found or None


def _type_of(kind: Kind) -> Any:
    """Return the click type that reads an option of some kind."""
    if isinstance(kind, Duration):
        return DurationType()
    if isinstance(kind, ShareOrFiles):
        return ShareOrFilesType()
    if isinstance(kind, Choice):
        return click.Choice(kind.values, case_sensitive=False)
    if isinstance(kind, Whole):
        return WholeType(kind.low, None if (kind.high or LARGE) >= LARGE else kind.high)
    if isinstance(kind, Real):
        return RealType(
            kind.low, kind.high, min_open=kind.low_open, max_open=kind.high_open
        )
    return str


def setting(name: str, value: Any, described: Option, **more: Any) -> Callable[[F], F]:
    """Return a decorator that adds the option of a setting to a command.

    Args:
        name, value, described: the setting's name, its default and what is known about
            it, as `checks.options_of` yields them.
        more: arguments of `click.Option` that are to be different.
    """
    shown: bool | str = value is not None
    if described.default is not None:
        shown = described.default
    elif isinstance(described.kind, Duration):
        shown = format_seconds(value)
    arguments: dict[str, Any] = {
        "cls": SettingOption,
        "group": described.group,
        "common": described.common,
        "help": described.help,
    }
    names = option(name)
    if isinstance(described.kind, Flag):
        arguments |= {"is_flag": True}
        if described.default is not None:  # what is chosen can be chosen otherwise
            names += f"/{_without(name)}"
            arguments |= {"default": value, "show_default": described.default}
    else:
        arguments |= {
            "type": _type_of(described.kind),
            "default": value,
            "show_default": shown,
        }
    if isinstance(described.kind, ShareOrFiles):
        first = () if value is None else (value,)
        arguments |= {
            "multiple": True,
            "default": first,
            "callback": _one_share_or_files,
        }
    if isinstance(described.kind, Names):
        arguments |= {"multiple": True, "metavar": "TEXT"}
    if isinstance(described.kind, Numbers):
        arguments |= {"multiple": True, "metavar": "CHAR=X", "callback": _numbers}
    return click.option(names, name, **{**arguments, **more})


def settings(record: Any, **different: dict[str, Any]) -> Callable[[F], F]:
    """Return a decorator that adds an option for each setting of a record to a command.

    Args:
        record: a class whose fields are options.
        different: arguments of `click.Option` that are to be different, by setting.
    """

    each = options_of(record)
    return together(*(setting(name, *of, **different.get(name, {})) for name, *of in each))


def sections(
    parameters: Iterable[click.Parameter], groups: Iterable[str]
) -> Iterable[tuple[str, list[click.Option]]]:
    """Yield the headings of a help page, each with its options, the common ones first."""
    found = [p for p in parameters if isinstance(p, click.Option)]
    for group in (*groups, ""):
        members = [p for p in found if getattr(p, "group", "") == group]
        members.sort(key=lambda p: not getattr(p, "common", False))
        if members:
            yield group.capitalize() or "Options", members


DURATIONS = {name for name, found in DESCRIBED.items() if isinstance(found.kind, Duration)}

_NAMED = re.compile(r"`([a-z_]+)(?:=([^`\n]*))?`")


def option(setting: str) -> str:
    """Return the command-line option of a setting."""
    return "--for" if setting == "seconds" else "--" + setting.replace("_", "-")


def _without(setting: str) -> str:
    return "--no-" + setting.replace("_", "-")


def flag(setting: str, wanted: bool) -> str | None:
    """Return what says on the command line that a flag is wanted, or not; None if nothing.

    Nothing says that a flag is not wanted which nobody but the user would choose.
    """
    if wanted:
        return option(setting)
    described = DESCRIBED.get(setting)
    chosen = described is not None and described.default is not None
    return _without(setting) if chosen else None


def format_value(setting: str, value: object) -> str:
    """Write a setting as the command line reads it."""
    if setting in DURATIONS:
        return format_seconds(float(str(value)))
    return repr(value) if isinstance(value, float) else str(value)


def as_options(message: str) -> str:
    """Put options in the place of the settings that a message of the library names.

    "`batch_size`" becomes "--batch-size", "`seconds=60.0`" becomes "--for 1m", and
    "`resume=True`" becomes "--resume".
    """
    return _NAMED.sub(_as_option, message)


def _as_option(match: re.Match[str]) -> str:
    name, written = match.groups()
    if name not in KNOWN:
        return match[0]
    if written is None:
        return option(name)
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return match[0]
    if isinstance(value, tuple):  # several files
        return " ".join(f"{option(name)} {shlex.quote(str(each))}" for each in value)
    if isinstance(value, bool):
        return flag(name, value) or f"no {option(name)}"
    return f"{option(name)} {shlex.quote(format_value(name, value))}"
