"""The command line. Each command has its own file and only parses, calls and prints.

Text goes to stdout, everything else to stderr. Exit codes: 0 done, 1 a `ChargenError`,
2 usage, 130 interrupted (Ctrl-C), 143 terminated.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()  # `--for` counts from here: before NumPy is imported

from typing import Any  # noqa: E402

import click  # noqa: E402

import chargen  # noqa: E402
from chargen.errors import ChargenError, Interrupted  # noqa: E402
from chargen.signals import exit_code  # noqa: E402


class Commands(click.Group):
    """A group that turns chargen's errors into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            ctx.exit(exit_code(error.signal_number))
        except ChargenError as error:
            raise click.ClickException(str(error)) from error
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


from chargen.cli import corpora, info, sample, train  # noqa: E402

for command in (train.train, sample.sample, info.info, corpora.corpora):
    cli.add_command(command)
