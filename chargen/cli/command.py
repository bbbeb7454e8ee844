"""What all commands share: environment variables, grouped help, answers to old habits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from chargen.cli.options import sections
from chargen.display import printable

DASHES = "–—―"  # what word processors make of hyphens

TYPED = "chargen.typed"
"""The key under which a context keeps the words of the command as they were typed."""

ALIKE = 0.75
"""How alike two names have to be for one to be taken for the other."""

# Options that remove or change an existing run are given by hand, or not at all.
NOT_FROM_ENVIRONMENT = ("overwrite", "resume")


class Command(click.Command):
    """A command whose options can also be set by `CHARGEN_<COMMAND>_<OPTION>`.

    Args:
        name: the command's name.
        extra: what to say when there is an argument too many.
        groups: the headings of its options in the help, in order.
        attributes: the attributes of a `click.Command`.
    """

    def __init__(
        self,
        name: str | None,
        *,
        extra: str = "",
        groups: Sequence[str] = (),
        **attributes: Any,
    ) -> None:
        super().__init__(name, **attributes)
        self._extra = extra
        self.groups = groups
        self.context_settings["help_option_names"] = ["-h", "--help"]
        prefix = f"CHARGEN_{name}_".upper()
        for parameter in self.params:
            if isinstance(parameter, click.Option):
                long = max(parameter.opts, key=len).lstrip("-")
                if long not in NOT_FROM_ENVIRONMENT:
                    parameter.envvar = prefix + long.replace("-", "_").upper()
        if any(isinstance(parameter, click.Option) for parameter in self.params):
            self.epilog = f"Options can be set in the environment, too: {prefix}<OPTION>."

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error answers another tool's option with ours."""
        typed = list(args)
        ctx.meta[TYPED] = [self.name, *typed]
        self._warn_of_variables()
        try:
            rest = super().parse_args(ctx, args)
            self._refuse_dashes(ctx)
            return rest
        except click.NoSuchOption as error:
            message = self._answer(_as_typed(error.option_name, typed))
            if message is None:
                near = self._near(error.option_name)
                raise click.NoSuchOption(
                    error.option_name, possibilities=near, ctx=ctx
                ) from error
            raise click.NoSuchOption(error.option_name, message, ctx=ctx) from error
        except click.BadParameter as error:
            parameter = error.param
            if parameter is not None and parameter.name is not None:
                source = ctx.get_parameter_source(parameter.name)
                if source == ParameterSource.ENVIRONMENT:
                    message = f"{error.message} It is set by {parameter.envvar}."
                    raise click.BadParameter(message, ctx=ctx, param=parameter) from error
            raise
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            dashed = [argument for argument in typed if argument[:1] in DASHES]
            advice = _hyphens(dashed[0]) if dashed else self._extra
            raise click.UsageError(f"{error.message}. {advice}".strip(), ctx) from error

    def _refuse_dashes(self, ctx: click.Context) -> None:
        """Refuse an option whose hyphens became a dash, where files may follow."""
        for parameter in self.params:
            if isinstance(parameter, click.Argument) and parameter.nargs == -1:
                for word in ctx.params.get(parameter.name or "") or ():
                    if str(word)[:1] in DASHES and not os.path.exists(word):
                        raise click.UsageError(_hyphens(word), ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        for heading, options in sections(self.get_params(ctx), self.groups):
            records = (option.get_help_record(ctx) for option in options)
            with formatter.section(heading):
                formatter.write_dl([record for record in records if record is not None])

    def _warn_of_variables(self) -> None:
        """Name the environment variables that are set but belong to no option."""
        prefix = f"CHARGEN_{self.name}_".upper()
        known = {parameter.envvar for parameter in self.params}
        for variable in sorted(os.environ):
            if variable.startswith(prefix) and variable not in known:
                why = "there is no option of that name"
                if variable.removeprefix(prefix).lower() in NOT_FROM_ENVIRONMENT:
                    why = "is not read from the environment"
                click.echo(f"note: {printable(variable)} is set, but {why}", err=True)

    def _near(self, option: str) -> list[str]:
        """Return our options that closely resemble an unknown one, hyphens aside."""
        from difflib import get_close_matches  # only errors need it

        names = {name.lstrip("-"): name for p in self.params for name in p.opts}
        near = get_close_matches(option.lstrip("-"), names, cutoff=ALIKE)
        return [names[name] for name in near]

    def _answer(self, option: str) -> str | None:
        """Return what to say about an unknown option, if more can be said than that."""
        from chargen.cli.aliases import find, plain  # only errors need it

        shown = option.split("=")[0]
        ours = f"--{plain(option)}"
        if any(ours in parameter.opts for parameter in self.params):
            return f"No such option {shown!r}. It is written {ours}."
        habit = find(self.name or "", option)
        if habit is None:
            return None
        if habit.ours:
            return f"No such option {shown!r}. In chargen it is {habit.answer}."
        return f"No such option {shown!r}. chargen has nothing like it: {habit.answer}."


def _hyphens(word: str) -> str:
    """Say how an option is typed that begins with a dash."""
    hyphens = f"--{word.lstrip(DASHES)}"
    return f"{word} begins with a dash, not with hyphens: {hyphens}"


def _as_typed(option: str, arguments: list[str]) -> str:
    """Return the whole word of an unknown option: click takes `-primetext` for `-p`."""
    for argument in arguments:
        if argument.startswith(option):
            return argument
    return option
