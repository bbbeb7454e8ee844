"""`chargen sample`: generate text from a checkpoint, without TensorFlow."""

from __future__ import annotations

import errno
import itertools
import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.cli.options import WholeType, as_options, settings
from chargen.display import printable
from chargen.errors import UnknownCharacterError
from chargen.runs.find import find_checkpoint, hides_bundled, newer_run
from chargen.sampling.engine import load
from chargen.sampling.generate import generate, random_seed
from chargen.sampling.options import Sampling
from chargen.text.reading import normalise_newlines


class Seed(WholeType):
    """A random seed, which people may mistake for the text to start from."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        try:
            int(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a number; to give a text, use --seed-text", param, ctx
            )
        return int(super().convert(value, param, ctx))


@click.command(
    cls=Command,
    short_help="Write text as a trained model does.",
    extra="Give the text to continue with --seed-text.",
)
@click.argument("checkpoint")
@click.option(
    "--seed-text",
    default="",
    metavar="TEXT",
    help="The text to continue, of any length.  [default: none]",
)
@settings(Sampling, seed={"type": Seed(min=0)})
@click.option(
    "--raw",
    is_flag=True,
    help="Write control characters as they are, even to a terminal.",
)
def sample(checkpoint: str, seed_text: str, raw: bool, **values: Any) -> None:
    """Write text as CHECKPOINT does.

    CHECKPOINT is the folder of a run or of one of its steps, or the name of a run under
    checkpoints/, under $CHARGEN_HOME, or among those that ship with chargen. A run
    stands for its best step; RUN/latest is the last one.

    \b
    chargen sample harbour-plays --seed-text "PELL:" --temperature 0.5
    chargen sample sishi-jueju --length 100 --seed 1 > poems.txt
    """
    with advice(checkpoint):
        model = load(checkpoint)
    seed_text = seed_text.removeprefix("\ufeff")  # from a file that an editor wrote
    sampling, drawn = _sampling(values)
    try:
        characters = generate(model, seed_text, sampling)
    except UnknownCharacterError as error:
        hint = _hint(seed_text)
        if not hint:
            raise
        raise UnknownCharacterError(f"{error}\n({hint})") from error
    newer = newer_run(find_checkpoint(checkpoint))
    if newer is not None:
        note = f"note: {newer} is a newer run of the same text"
        click.echo(printable(note), err=True)
    if hides_bundled(checkpoint):
        click.echo(f"from {find_checkpoint(checkpoint)}, not the bundled one", err=True)
    if drawn and sampling.temperature > 0 and sampling.length:
        seed = sampling.seed
        click.echo(f"seed {seed} (the same text again: --seed {seed})", err=True)
    try:
        _write(itertools.chain([normalise_newlines(seed_text)], characters), raw=raw)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # The reader has what it wanted. Nothing more must be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hint(seed_text: str) -> str:
    """Say how a seed text is typed, where it looks as if that went wrong."""
    if set(seed_text[:1] + seed_text[-1:]) & set("“”‘’「」"):
        return "quotes around a text have to be straight ones on a command line"
    if "\\n" in seed_text:
        return (
            "a newline is typed $'First\\nCitizen' in bash and zsh, and "
            '"First`nCitizen" in PowerShell'
        )
    return ""


def _sampling(values: dict[str, Any]) -> tuple[Sampling, bool]:
    """Return how to sample, and whether the seed was drawn."""
    drawn = values["seed"] is None
    try:
        sampling = Sampling(
            **{**values, "seed": random_seed() if drawn else values["seed"]}
        )
    except ValueError as error:  # a temperature that is not a number, say
        raise click.UsageError(as_options(str(error))) from error
    return sampling, drawn


def _write(texts: Iterable[str], *, raw: bool) -> None:
    """Write texts to stdout as they come, and a newline if they do not end in one.

    Unless `raw`, a terminal gets an escape for anything that it must not obey.
    """
    console = sys.stdout.isatty()
    last = ""
    for text in texts:
        sys.stdout.write(printable(text) if console and not raw else text)
        sys.stdout.flush()
        last = text or last
    if not last.endswith("\n"):
        sys.stdout.write("\n")
        sys.stdout.flush()
