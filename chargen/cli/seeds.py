"""The options that say what texts go on from: seed texts, and words to write around."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from chargen.cli.options import own, together
from chargen.display import describe, printable
from chargen.errors import TextError, UnknownCharacterError
from chargen.sampling.method import Method
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling
from chargen.sampling.seeds import replacements
from chargen.text.sources import STANDARD_INPUT

MANY_SEEDS = 100_000
"""How many seed texts one file may hold."""

seed_options = together(
    own(
        "--seed-text",
        group="seed text",
        common=True,
        metavar="TEXT",
        help="The text to continue, of any length.  [default: none]",
    ),
    own(
        "--seed-file",
        group="seed text",
        metavar="FILE",
        help="A file that holds the text to continue; - for standard input.",
    ),
    own(
        "--seeds-from",
        group="seed text",
        metavar="FILE",
        help="A file with a text to continue in each line; - for standard input. Each gets "
        "--count texts.",
    ),
    own(
        "--containing",
        group="seed text",
        metavar="TEXT",
        help="A word that each text contains; --backward-model writes what is before it.",
    ),
    own(
        "--ending",
        group="seed text",
        metavar="TEXT",
        help="What each text ends with, for a model that was trained with --backward.",
    ),
)


def seed_texts(
    *,
    seed_text: str | None,
    seed_file: str | None,
    seeds_from: str | None,
    containing: str | None,
    ending: str | None,
) -> list[str]:
    """Return the texts that these options give; one that is empty if they give none.

    Raises:
        click.UsageError: two of them were given.
        TextError: a file cannot be read.
    """
    given = {
        "--seed-text": seed_text,
        "--seed-file": seed_file,
        "--seeds-from": seeds_from,
        "--containing": containing,
        "--ending": ending,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise click.UsageError(f"{named[0]} and {named[1]} exclude each other")
    if seeds_from is not None:
        lines = _lines(_read(seeds_from))
        if not lines or len(lines) > MANY_SEEDS:
            raise TextError(
                f"{seeds_from} has {len(lines):,} lines: 1 to {MANY_SEEDS:,} will do"
            )
        return lines
    if seed_file is not None:
        # An editor ends a file with a newline that nobody wants to start from.
        return [_read(seed_file).removesuffix("\n").removesuffix("\r")]
    text = next((value for value in given.values() if value is not None), "")
    return [text.removeprefix("\ufeff")]  # from a file that an editor wrote


def _lines(text: str) -> list[str]:
    """Return the lines of a text, as an editor counts them."""
    lines = re.split("\r\n|\r|\n", text)
    return lines[:-1] if not lines[-1] else lines


def _read(name: str) -> str:
    """Read a small text file, or standard input."""
    from chargen.text.reading import read_text  # only this needs it

    if name == STANDARD_INPUT:
        try:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise TextError(f"standard input is not UTF-8: {error.reason}") from error
    return read_text(Path(name)).characters


def say_replaced(model: Model, texts: list[str], unknown: str) -> None:
    """Say on stderr what becomes of characters that a model never saw."""
    replaced: dict[str, str] = {}
    for text in texts:
        replaced |= replacements(model.vocabulary, model.policy.prepare(text), unknown)
    for character, found in replaced.items():
        what = f"read as {found!r}" if found else "left out"
        note = f"note: the model never saw {describe(character)}: {what}"
        click.echo(printable(note), err=True)


def say_letters(model: Model, sampling: Sampling) -> None:
    """Say on stderr which letters of an acrostic a model never saw."""
    letters = Method(model, sampling).letters if sampling.acrostic else ()
    known = model.vocabulary.characters
    for letter, place in dict.fromkeys(letters):
        if letter not in known:
            read = "nothing" if place is None else repr(known[place])
            note = f"note: the model never saw {describe(letter)}: it reads {read} for it"
            click.echo(printable(note), err=True)


def with_hint(error: UnknownCharacterError, texts: Iterable[str]) -> UnknownCharacterError:
    """Return an error that also says how a text is typed, if that may have gone wrong."""
    hint = next(filter(None, map(typing_hint, texts)), "")
    return UnknownCharacterError(f"{error}\n({hint})") if hint else error


def typing_hint(text: str) -> str:
    """Say how a text is typed, where it looks as if that went wrong."""
    if set(text[:1] + text[-1:]) & set("“”‘’「」"):
        return "quotes around a text have to be straight ones on a command line"
    if "\\n" in text:
        return (
            "a newline is typed $'First\\nCitizen' in bash and zsh, and "
            '"First`nCitizen" in PowerShell'
        )
    return ""
