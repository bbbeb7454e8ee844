"""The command line. Each command has its own file and only parses, calls and prints.

A command's file is imported when the command is used, so that `sample` does not wait for
what only `train` needs. Text goes to stdout, everything else to stderr. Exit codes: 0 done,
1 a `ChargenError`, 2 usage, 130 interrupted (Ctrl-C), 143 terminated.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()  # `--for` counts from here: before NumPy is imported

from typing import Any  # noqa: E402

import click  # noqa: E402

import chargen  # noqa: E402
from chargen.errors import ChargenError, Interrupted, printable  # noqa: E402


def _corpora() -> click.Command:
    from chargen.cli.corpora import corpora

    return corpora


def _info() -> click.Command:
    from chargen.cli.info import info

    return info


def _sample() -> click.Command:
    from chargen.cli.sample import sample

    return sample


def _train() -> click.Command:
    from chargen.cli.train import train

    return train


def _verify() -> click.Command:
    from chargen.cli.verify import verify

    return verify


COMMANDS = {
    "corpora": _corpora,
    "info": _info,
    "sample": _sample,
    "train": _train,
    "verify": _verify,
}


class Commands(click.Group):
    """A group that imports a command when it is used and maps errors to exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None."""
        return COMMANDS[cmd_name]() if cmd_name in COMMANDS else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            from chargen.signals import exit_code

            ctx.exit(exit_code(error.signal_number))
        except ChargenError as error:
            raise click.ClickException(printable(str(error))) from error
        except MemoryError as error:
            raise click.ClickException("there is not enough memory for this") from error
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(chargen.__version__, "--version", prog_name="chargen")
def cli() -> None:
    """Train a character-level text generator on a text file, and sample from it.

    \b
    chargen train novel.txt --for 10m
    chargen sample novel --seed-text "It was" --length 300
    """


def main() -> None:
    """Run the command line."""
    cli()
