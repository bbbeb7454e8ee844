"""`chargen eval --items` and `--lines`: reports on what a model writes, and on lines."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress

from chargen.checks import options_of
from chargen.cli.known import HOW, known_items
from chargen.cli.lines import report_lines
from chargen.cli.options import WholeType, as_options, option, setting, together
from chargen.display import one_line, printable
from chargen.errors import TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import find_checkpoint
from chargen.sampling.engine import Engine
from chargen.sampling.items import ReportCard, TrainingItems, report_card
from chargen.sampling.method import LONGEST
from chargen.sampling.options import Sampling
from chargen.sampling.texts import generate_texts
from chargen.text.ingest import files_of
from chargen.text.sources import find_inputs

CHECK_SECONDS = 10
"""How long a user's command may take over one item."""

REPORTS = {"items": ("count", "corpus", "check", "temperature", "seed"), "lines": ("sort",)}
"""The reports, by their options, and the options that are for each alone."""

(TEMPERATURE,) = (each for each in options_of(Sampling) if each[0] == "temperature")

report_options = together(
    click.option(
        "--items",
        is_flag=True,
        help="Report on items that CHECKPOINT writes: the share that is new, unique, of "
        "plausible length, complete, and accepted by --check.",
    ),
    click.option(
        "--count",
        type=WholeType(min=1),
        default=1000,
        show_default=True,
        help="With --items: how many items are written.",
    ),
    click.option(
        "--corpus",
        multiple=True,
        metavar="FILE",
        help="With --items: a file or folder of the training text, to tell new items from "
        "copied ones; can be repeated.",
    ),
    click.option(
        "--check",
        metavar="COMMAND",
        help="With --items: the command that accepts an item, which it gets on standard "
        "input, by exiting with 0 within 10 seconds. It is run without a shell.",
    ),
    setting(*TEMPERATURE, help="With --items: lower is safer, higher is bolder."),
    click.option(
        "--seed",
        type=WholeType(min=0),
        default=0,
        show_default=True,
        help="With --items: random seed.",
    ),
    click.option(
        "--lines",
        is_flag=True,
        help="Print what each line of one FILE costs: nats, nats a character, the line's "
        "number, the line.",
    ),
    click.option(
        "--sort",
        is_flag=True,
        help="With --lines: most nats a character first.",
    ),
)


def report(found: Checkpoint) -> bool:
    """Print the report that the current command asks for.

    Args:
        found: what the command's argument `checkpoint` means.

    Returns:
        Whether it asks for one.
    """
    context = click.get_current_context()
    given = context.params
    _require_fitting(context)
    if given["items"]:
        try:
            sampling = Sampling(temperature=given["temperature"], seed=given["seed"])
        except ValueError as error:  # a temperature that is not a number
            raise click.UsageError(as_options(str(error))) from error
        _report_items(found, sampling, given)
    elif given["lines"]:
        which = {name: given[name] for name in ("encoding", "sort", "as_json")}
        report_lines(found, _one_file(given["files"]), **which)
    return bool(given["items"] or given["lines"])


def _require_fitting(context: click.Context) -> None:
    """Refuse options that are not for what is asked for."""
    given = context.params
    for mode, names in REPORTS.items():
        for name in names:
            source = context.get_parameter_source(name)
            if source is ParameterSource.COMMANDLINE and not given[mode]:
                raise click.UsageError(f"{option(name)} is for --{mode}")
    if given["items"] and given["lines"]:
        raise click.UsageError("--items and --lines are two reports: ask for one")
    if given["items"] and (given["files"] or given["encoding"] or given["part"]):
        raise click.UsageError(
            "--items scores no text: what CHECKPOINT learned from is named by --corpus FILE"
        )
    if given["lines"] and given["part"]:
        raise click.UsageError("--lines scores one FILE, whole: leave out --part")


def _one_file(names: Sequence[str]) -> Path:
    """Return the file that is named."""
    files = files_of(find_inputs(names))
    if len(files) != 1:
        raise click.UsageError(f"--lines scores one FILE; these are {len(files):,}")
    return files[0]


def _report_items(found: Checkpoint, sampling: Sampling, given: dict[str, Any]) -> None:
    """Print what items that a model writes are like."""
    if found.vocabulary.end is None:
        raise click.UsageError(
            "--items is for models of items, and this one learned from running text: train "
            "one with --documents lines, on a text with an item a line"
        )
    name, check = given["checkpoint"], given["check"]
    words = _words(check)
    training = known_items(name, found, given["corpus"])
    card = _card(found, sampling, given["count"], words, training)
    if given["as_json"]:
        about = {"checkpoint": str(find_checkpoint(name)), "step": found.step}
        how = {"temperature": sampling.temperature, "seed": sampling.seed, "check": check}
        click.echo(json.dumps({**about, **how, "items": asdict(card)}, indent=2))
        return
    temperature = f"--temperature {sampling.temperature:g}"
    click.echo(f"{card.count:,} items at {temperature}, --seed {sampling.seed}")
    for line in _lines(card, check):
        click.echo(printable(line))


def _card(
    found: Checkpoint,
    sampling: Sampling,
    count: int,
    words: list[str],
    training: TrainingItems | None,
) -> ReportCard:
    """Write items and look at them, with a bar on a terminal."""
    drawn = generate_texts(Engine.from_checkpoint(found), sampling, count=count)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        samples = list(bar.track(drawn, total=count, description="writing items"))
        checked = bar.add_task("checking them", total=count, visible=bool(words))

        def accept(text: str) -> bool:
            bar.advance(checked)
            return _accepts(words, text)

        labelled, check = found.text.label, accept if words else None
        return report_card(samples, labelled=labelled, training=training, check=check)


def _words(check: str | None) -> list[str]:
    """Return the words of a command, none if there is none; no shell reads them."""
    if check is None:
        return []
    try:
        words = shlex.split(check)
    except ValueError as error:  # a quotation mark that is not closed
        raise click.UsageError(f"--check {check!r} is not a command: {error}") from error
    if not words or shutil.which(words[0]) is None:
        missing = words[0] if words else ""
        raise click.UsageError(f"--check: there is no command {missing!r}")
    return words


def _accepts(words: list[str], text: str) -> bool:
    """Whether a command that is given a text and a newline exits with 0, and in time."""
    try:
        done = subprocess.run(
            words,
            input=f"{text}\n".encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError as error:
        raise TextError(f"cannot run {words[0]}: {error.strerror or error}") from error
    return done.returncode == 0


def _lines(card: ReportCard, check: str | None) -> Iterator[str]:
    """Describe a report card in words."""
    length = f"less than {LONGEST:,} characters; --corpus FILE says more"
    if card.lengths is not None:
        least, most = card.lengths
        length = f"{least:,} to {most:,} characters, as 98 of 100 training items have"
    rows: list[tuple[str, float | None, str]] = [
        ("new", card.new, "not in the training text" if card.new is not None else HOW),
        ("unique", card.unique, "different ones"),
        ("of plausible length", card.plausible, length),
        ("ended", card.ended, "by themselves"),
        ("accepted", card.accepted, f"by {check}" if check else "give --check COMMAND"),
    ]
    for name, share, what in rows:
        value = "not measured" if share is None else f"{share:.1%}"
        yield f"  {name:<20}{value:>12}   {what}"
    for what, examples in (("copied", card.copied), ("not accepted", card.rejected)):
        for text in examples:
            yield f"  {what}: {one_line(text)}"
