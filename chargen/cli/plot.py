"""`chargen plot`: the learning curves of runs, as a picture or in the terminal."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from chargen.cli.command import Command
from chargen.display import printable
from chargen.errors import CheckpointError
from chargen.runs.curves import AXES, PICTURES, draw, read_curve, sketch
from chargen.runs.find import find_checkpoint
from chargen.runs.run import Run


@click.command(cls=Command, short_help="Draw learning curves.")
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write a picture, .png or .svg, with matplotlib.  [default: draw in the terminal]",
)
@click.option(
    "--by",
    type=click.Choice(list(AXES)),
    default="seconds",
    show_default=True,
    help="What to plot the losses against.",
)
def plot(runs: tuple[str, ...], out: Path | None, by: str) -> None:
    """Draw the losses of RUNS as they fell, in nats a character.

    The terminal gets one curve a run: of the validation losses or, where there are fewer
    than two, of those of training. A picture has both.

    \b
    chargen plot novel
    chargen plot novel novel-2 --out curves.png --by steps
    """
    if out is not None and out.suffix.lower() not in PICTURES:
        raise click.UsageError(f"--out has to end in {' or '.join(PICTURES)}")
    curves = [read_curve(_run(name), name, by) for name in runs]
    if out is not None:
        if not draw(curves, out, by):
            click.echo(
                "no font here has all the characters: install one, or write .svg",
                err=True,
            )
        click.echo(printable(f"wrote {out}"), err=True)
        return
    columns, rows = shutil.get_terminal_size()
    width, height = max(20, min(100, columns - 10)), max(8, min(20, rows - 6))
    for line in sketch(curves, by, width=width, height=height):
        click.echo(line)


def _run(name: str) -> Run:
    """Return the run that a name means, not one of its steps."""
    folder = find_checkpoint(name)
    if not Run(folder).exists():
        raise CheckpointError(f"{printable(str(folder))} is not a run: it has no run.json")
    return Run(folder)
