"""The command line. Each command has its own file and only parses, calls and prints.

A command's file is imported when the command is used, so that `sample` does not wait for
what only `train` needs. What is asked for goes to stdout, everything else to stderr. Exit
codes: 0 done, 1 a `ChargenError`, 2 usage, 130 interrupted (Ctrl-C), 143 terminated.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import time

STARTED = time.perf_counter()  # `--for` counts from here: before NumPy is imported

from typing import Any  # noqa: E402

try:
    import click
except ModuleNotFoundError:
    sys.exit("the command line needs the package click: pip install click")

from chargen._version import __version__  # noqa: E402
from chargen.display import printable  # noqa: E402
from chargen.errors import ChargenError, Interrupted  # noqa: E402


def _cache() -> click.Command:
    from chargen.cli.cache import cache

    return cache


def _corpora() -> click.Command:
    from chargen.cli.corpora import corpora

    return corpora


def _eval() -> click.Command:
    from chargen.cli.eval import evaluate_command

    return evaluate_command


def _info() -> click.Command:
    from chargen.cli.info import info

    return info


def _plot() -> click.Command:
    from chargen.cli.plot import plot

    return plot


def _restore() -> click.Command:
    from chargen.cli.restore import restore_command

    return restore_command


def _runs() -> click.Command:
    from chargen.cli.runs import runs

    return runs


def _sample() -> click.Command:
    from chargen.cli.sample import sample

    return sample


def _train() -> click.Command:
    from chargen.cli.train import train

    return train


def _verify() -> click.Command:
    from chargen.cli.verify import verify

    return verify


def _write() -> click.Command:
    from chargen.cli.write import write

    return write


COMMANDS = {
    "cache": _cache,
    "corpora": _corpora,
    "eval": _eval,
    "info": _info,
    "plot": _plot,
    "restore": _restore,
    "runs": _runs,
    "sample": _sample,
    "train": _train,
    "verify": _verify,
    "write": _write,
}


class Commands(click.Group):
    """A group that imports a command when it is used and maps errors to exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None."""
        return COMMANDS[cmd_name]() if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an error answers another tool's command with ours."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            from chargen.cli.aliases import THEIR_COMMANDS

            near = get_close_matches(name, COMMANDS)
            message = f"No such command {name!r}."
            if name in THEIR_COMMANDS:
                message += f" In chargen it is {THEIR_COMMANDS[name]}."
            elif near:
                message += f" Did you mean {near[0]}?"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; what fails before a command runs is one line, too."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:  # the help may go to a disk that is full
            click.echo(f"Error: {_said(error)}", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        settle_streams()
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            from chargen.system.signals import exit_code

            ctx.exit(exit_code(error.signal_number))
        except ChargenError as error:
            from chargen.cli.options import as_options

            raise click.ClickException(as_options(str(error))) from error
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing not in NEEDED:
                raise
            raise click.ClickException(
                f"this command needs the package {missing}, which is not installed here: "
                f"pip install {missing}; to train, install chargen with its dependencies"
            ) from error
        except MemoryError as error:
            raise click.ClickException("there is not enough memory for this") from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has what it wanted
                raise
            raise click.ClickException(_said(error)) from error
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(130)


NEEDED = (
    *("numpy", "safetensors", "rich", "filelock", "platformdirs"),
    *("pooch", "requests", "charset_normalizer", "prompt_toolkit"),
)
"""What commands import while they run, besides click."""


def _said(error: OSError) -> str:
    return f"{printable(str(error.filename or 'the output'))}: {error.strerror or error}"


def settle_streams() -> None:
    """Keep output from failing on a character that a stream cannot encode.

    Pipes and files get UTF-8 with LF. A terminal and stderr get an escape for whatever
    their encoding cannot show.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream is sys.stdout and not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="\n")
            stream.reconfigure(errors="backslashreplace")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="chargen")
def cli() -> None:
    """Train a character-level text generator on a text file, and sample from it.

    \b
    chargen train novel.txt --for 10m
    chargen sample novel --seed-text "It was" --length 300
    """


def main() -> None:
    """Run the command line."""
    # The caller may have closed a stream: files that are opened must not take its number.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "r+" if number else "r", closefd=False))  # noqa: SIM115
    cli()
