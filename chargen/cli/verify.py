"""`chargen verify`: read every checkpoint of a run again, and say what is damaged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from chargen.checkpoint import RESUME, read_manifest
from chargen.cli.command import Command
from chargen.errors import CheckpointError, printable
from chargen.library import find_checkpoint
from chargen.run import LOG_FILE, POINTERS, RUN_FILE, Run, is_step, read_step


@click.command(cls=Command, short_help="Read all checkpoints of runs again.")
@click.argument("runs", nargs=-1, required=True)
@click.pass_context
def verify(ctx: click.Context, /, runs: tuple[str, ...]) -> None:
    """Read every checkpoint of RUNS, with its hashes, and say what is damaged.

    Each is the folder of a run or of one of its steps, or a run's name. Nothing is changed.
    The exit code is 1 if anything is damaged.

    \b
    chargen verify novel
    chargen verify checkpoints/*/
    """
    sound = True
    for name in runs:
        path = find_checkpoint(name)
        if is_step(path):
            sound = _check(str(path), partial(_read, path)) and sound
        else:
            sound = _verify(Run(path)) and sound
    if not sound:
        ctx.exit(1)


def _verify(run: Run) -> bool:
    """Print what is wrong with a run; return whether nothing is."""
    steps = run.steps() if run.folder.is_dir() else []
    if not (steps or run.exists()):
        raise CheckpointError(f"{printable(str(run.folder))} is no run")
    click.echo(printable(f"{run.folder}:"))
    sound = True
    if run.exists():
        sound &= _check(f"  {RUN_FILE}", run.description)
    sound &= _check(f"  {LOG_FILE}", lambda: sum(1 for _ in run.log()))
    if not steps and not any(run.has(pointer) for pointer in POINTERS):
        click.echo("  no checkpoint yet")
        return sound
    newest = None
    for step in steps:
        if _check(f"  {step.name}", partial(_read, step)):
            newest = step.name
        else:
            sound = False
    for pointer in POINTERS:
        sound &= _check(f"  {pointer}", partial(_follow, run, pointer))
    click.echo(f"  the newest sound checkpoint is {newest or 'none'}")
    return sound


def _read(step: Path) -> str:
    resume = RESUME in read_manifest(step).files
    read_step(step, resume=resume)
    return "" if resume else ", for sampling only"


def _follow(run: Run, pointer: str) -> str:
    step = run.step_folder(pointer)
    if not is_step(step):
        raise CheckpointError(f"it names {step.name}, which is not there")
    return f", names {step.name}"


def _check(what: str, look: Callable[[], object]) -> bool:
    """Print what comes of a look at something; return whether it is sound."""
    try:
        found = look()
    except CheckpointError as error:
        click.echo(printable(f"{what}: damaged: {error}"))
        return False
    click.echo(printable(f"{what}: sound{found if isinstance(found, str) else ''}"))
    return True
