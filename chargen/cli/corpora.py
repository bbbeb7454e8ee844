"""`chargen corpora`: the texts that are here, fetching more, and a look at a text."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from chargen.cli.advice import invoked_as
from chargen.cli.command import Command
from chargen.display import describe_passes, one_line
from chargen.errors import TextError
from chargen.text import fetch as public
from chargen.text.ingest import files_of
from chargen.text.inspect import HELD_OUT, TAIL, Inspection
from chargen.text.inspect import inspect as look_at
from chargen.text.oddities import KINDS, Finding
from chargen.text.policy import TextPolicy
from chargen.text.reading import TextFile, read_blocks, read_text
from chargen.text.sources import bundled_corpora, find_inputs
from chargen.text.vocabulary import RARE
from chargen.training.recipe import measured_speed, recommend
from chargen.training.settings import DEFAULT_SECONDS, Settings

COLUMNS = 80
LABEL = 14  # columns of the name of a row
EXAMPLE = 20  # characters of an example that are shown


class Corpora(Command, click.Group):
    """A command that has commands."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=Corpora, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, a list of texts.")
@click.pass_context
def corpora(ctx: click.Context, as_json: bool) -> None:
    """List the texts that `train` knows; fetch one; look at a text.

    \b
    chargen corpora
    chargen corpora fetch tiny-shakespeare
    chargen corpora inspect novel.txt
    """
    if ctx.invoked_subcommand is not None:
        if as_json and ctx.get_parameter_source("as_json") == ParameterSource.COMMANDLINE:
            raise click.UsageError("--json comes after the command", ctx)
        return
    found = [_row(path) for path in [*bundled_corpora(), *public.fetched_corpora()]]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{'name':<16}{'bytes':>10}{'characters':>12}{'vocabulary':>12}")
    for row in found:
        click.echo(
            f"{row['name']:<16}{row['bytes']:>10,}{row['characters']:>12,}"
            f"{row['vocabulary']:>12,}"
        )
    missing = [text for text in public.MANIFEST if not text.path.is_file()]
    if missing:
        click.echo("to fetch more:", err=True)
    for text in missing:
        click.echo(f"  {invoked_as()} corpora fetch {text.name}", err=True)


def _row(path: Path) -> dict[str, Any]:
    text = read_text(path)
    return {
        "name": path.stem,
        "bytes": text.size,
        "characters": len(text.characters),
        "vocabulary": len(set(text.characters)),
    }


@corpora.command(cls=Command)
@click.argument("name")
def fetch(name: str) -> None:
    """Download a public text, check its SHA-256, and print where it is.

    From then on, `train` knows it by NAME.

    \b
    chargen corpora fetch tiny-shakespeare
    chargen train tiny-shakespeare
    """
    text = public.public_text(name)
    if text is None:
        names = ", ".join(text.name for text in public.MANIFEST)
        raise TextError(f"there is no text {name} to fetch. There are: {names}")
    click.echo(f"{text.name}: {text.what}", err=True)
    click.echo(f"{text.size:,} bytes, {text.licence}, from {text.url}", err=True)
    path = public.fetch(text)
    click.echo(f"to learn from it:\n  {invoked_as()} train {text.name}", err=True)
    click.echo(path)


@corpora.command(cls=Command)
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--encoding",
    help="The encoding of FILES.  [default: UTF-8, or what a byte order mark says]",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def inspect(files: tuple[str, ...], encoding: str | None, as_json: bool) -> None:
    """Look at a text before training: what there is, and what may be wrong with it.

    FILES are files, folders, names of texts, or - for standard input, as for `train`;
    several are one text. Nothing is written and nothing is trained.

    \b
    chargen corpora inspect novel.txt
    chargen corpora inspect letters/ diary.txt --json
    """
    paths = files_of(find_inputs(files))
    found = look_at(_blocks(paths, encoding))
    if not found.characters:
        raise TextError(f"{', '.join(files)}: there is no text in it")
    settings = Settings()
    learned = found.characters - found.characters // HELD_OUT
    passes = recommend(
        settings,
        {},
        learned,
        vocabulary_size=found.kept,
        seconds=DEFAULT_SECONDS,
        speed=measured_speed(settings),
    ).passes
    words = ["train", *(["--encoding", encoding] if encoding else []), "--", *files]
    if not any(name.startswith("-") for name in files):
        words.remove("--")
    if as_json:
        more = {"files": len(paths), "passes": passes, "command": ["chargen", *words]}
        click.echo(json.dumps({**found.to_dict(), **more}, indent=2, allow_nan=False))
        return
    for line in _report(found, len(paths), passes):
        click.echo(line)
    click.echo(f"to learn from it:\n  {invoked_as()} {shlex.join(words)}")


def _blocks(paths: Sequence[Path], encoding: str | None) -> Iterator[str]:
    """Yield the text of files, line ends and all, each beginning on a line of its own."""
    last = "\n"
    for path in paths:
        if last not in "\r\n":
            yield "\n"
        unchanged = TextPolicy(newlines="keep")
        for block in read_blocks(TextFile(path), encoding=encoding, policy=unchanged):
            last = block[-1:] or last
            yield block


def _report(found: Inspection, files: int, passes: float) -> Iterator[str]:
    """Yield what a person should know of a text, the most useful first."""
    yield from _rows(_summary(found, passes))
    if found.findings:
        yield "to look into:"
    for finding in found.findings:
        yield from _wrapped(_described(finding), f"{finding.count:>12,}  ")
    yield from _rows(_details(found, files))


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in rows:
        yield from _wrapped(value, f"{name:<{LABEL}}")


def _wrapped(text: str, first: str) -> list[str]:
    rest = " " * len(first)
    return textwrap.wrap(
        text, COLUMNS, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _summary(found: Inspection, passes: float) -> Iterator[tuple[str, str]]:
    yield "text", f"{found.characters:,} characters, {found.distinct:,} different ones"
    yield "kind", "a list of items, one a line" if found.is_list else "running text"
    if found.small:
        better = f"{found.enough:,} characters or more are better"
        yield "size", f"small: a model soon knows it by heart; {better}"
    yield "in 5 minutes", f"about {describe_passes(passes)} over the text, on this machine"
    if found.counted_loss is not None:
        part = "every tenth line" if found.is_list else "the last tenth"
        if found.characters > TAIL:
            part += f" of the last {TAIL:,} characters"
        loss = f"{found.counted_loss:.4f} nats a character on {part}"
        yield "plain counts", f"{loss}: a model should do better"


def _described(finding: Finding) -> str:
    shown = ", ".join(_shown(example) for example in finding.examples)
    return f"{KINDS[finding.kind]}: {shown}"


def _shown(example: str) -> str:
    """Show an example; a character that cannot be seen by its number."""
    if len(example) == 1 and (not example.isprintable() or example.isspace()):
        return f"U+{ord(example):04X}"
    cut = example if len(example) <= EXAMPLE else f"{example[:EXAMPLE]}…"
    return one_line(cut)


def _details(found: Inspection, files: int) -> Iterator[tuple[str, str]]:
    most, nearly_all, all_of_it = found.coverage.values()
    yield (
        "coverage",
        (
            f"{most:,} characters make 99 % of the text, {nearly_all:,} make 99.9 %, "
            f"{all_of_it:,} all of it"
        ),
    )
    if found.rare:
        share = 100 * found.rare_characters / found.characters
        seen = f"{found.rare:,} different ones, each seen fewer than {RARE} times"
        yield "rare", f"{seen}: {share:{'.1f' if share >= 0.1 else '.1g'}} % of the text"
    yield "lines", f"{found.lines:,}; the longest has {found.longest_line:,} characters"
    yield (
        "items",
        (
            f"--documents lines {found.lines:,}, blank-lines {found.paragraphs:,}, "
            f"files {files:,}"
        ),
    )
    if found.repeated_lines:
        first = "the first " if found.compared_lines < found.lines else ""
        of = f"{found.repeated_lines:,} of {first}{found.compared_lines:,} lines"
        yield "repeated", f"{of} are the same as an earlier one"
