"""`chargen write`: an editor in the terminal, in which a model writes along."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chargen.checks import options_of
from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.cli.options import as_options, own, setting, together
from chargen.display import printable
from chargen.runs.find import open_checkpoint
from chargen.sampling.companion import Companion
from chargen.sampling.engine import Engine
from chargen.sampling.method import Method, random_seed
from chargen.sampling.options import Sampling
from chargen.system.signals import exit_code

if TYPE_CHECKING:
    from chargen.cli.editor import Editor

F = TypeVar("F", bound=Callable[..., Any])

DIFFERENT: dict[str, dict[str, Any]] = {
    "unknown": {
        "type": click.Choice(["nearest", "skip"]),
        "default": "nearest",
        "help": "What the model reads for a character that it never saw: the nearest one, "
        "if there is one, or nothing. The text stays as it is typed.",
    },
    "seed": {
        "help": "Random seed of the first continuation; the next one has the next seed.",
        "show_default": "drawn at random",
    },
}


SAMPLING_OPTIONS = [
    setting(name, value, described, **DIFFERENT.get(name, {}))
    for name, value, described in options_of(Sampling)
    if described.group == "control" or name in DIFFERENT
]
"""Those of `Sampling` that say how to draw, and not for how long."""


@click.command(
    cls=Command,
    short_help="Write a text together with a trained model.",
    extra="Give the file to write with --out.",
    groups=("output", "control", "seed text", "many"),
)
@click.argument("checkpoint")
@together(*SAMPLING_OPTIONS)
@own(
    "--label",
    group="control",
    metavar="TEXT",
    help="The label of the items, for a model that learned from items with labels.",
)
@own(
    "--out",
    group="output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to write, as UTF-8; it is opened if it is there.  [default: asked for]",
)
def write(checkpoint: str, out: Path | None, label: str | None, **values: Any) -> None:
    """Write a text in the terminal while CHECKPOINT says, in grey, how it would go on.

    Tab takes the next word of it, and End, at the end of a line, the rest; Ctrl-N shows
    another continuation. The other keys stand at the bottom. The model reads what is
    before the cursor; one that learned from items reads the item that you are in.

    CHECKPOINT is what `chargen sample` takes: a run, a step or a name.

    \b
    chargen write harbour-plays --out scene.txt
    chargen write sishi-jueju --temperature 0.6
    """
    _require_terminal()
    with advice(checkpoint):
        found = open_checkpoint(checkpoint)
    model = Engine.from_checkpoint(found)
    if values["seed"] is None:
        values["seed"] = random_seed()
    try:
        sampling = Sampling(**values)
        Method(model, replace(sampling, length=0))  # refuses what the model cannot write
        companion = Companion(model, label=label)
    except ValueError as error:
        raise click.UsageError(as_options(str(error))) from error
    from chargen.cli.editor import Editor  # loads prompt_toolkit
    from chargen.cli.manuscript import Manuscript

    editor = Editor(companion, Manuscript(out), sampling)
    try:
        stopped = editor.run()
    except (EOFError, OSError):  # the terminal is gone
        stopped = int(signal.SIGTERM)
    finally:
        with contextlib.suppress(OSError):  # as above
            _say_where(editor)
    if stopped is not None:
        click.get_current_context().exit(exit_code(stopped))


def _say_where(editor: Editor) -> None:
    """Say on stderr where to find what was not saved."""
    path = editor.manuscript.rescued
    if editor.lost:
        click.echo(printable(editor.lost), err=True)
    elif path is not None:
        click.echo(printable(f"what was not saved is in {path}"), err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _require_terminal() -> None:
    if not _is_terminal():
        raise click.UsageError(
            "chargen write is an editor and needs a terminal; where there is none, use "
            "chargen sample"
        )
    if os.environ.get("TERM") == "dumb":
        raise click.UsageError(
            "chargen write is an editor, and this terminal cannot place its cursor "
            "(TERM=dumb); use chargen sample"
        )
