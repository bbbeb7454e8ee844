"""`chargen verify`: read every checkpoint of a run again, and say what is damaged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from chargen.cli.command import Command
from chargen.display import printable
from chargen.errors import CheckpointError
from chargen.runs.checkpoint import RESUME, read_manifest
from chargen.runs.find import find_checkpoint, runs_in
from chargen.runs.items import ITEMS, has_items, read_items
from chargen.runs.log import LOG_FILE
from chargen.runs.run import POINTERS, RUN_FILE, Run, is_step, read_step


@click.command(cls=Command, short_help="Read all checkpoints of runs again.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Write everything, as a JSON list.")
@click.pass_context
def verify(ctx: click.Context, /, runs: tuple[str, ...], as_json: bool) -> None:
    """Read every checkpoint of RUNS, with its hashes, and say what is damaged.

    Each is the folder of a run or of one of its steps, or a run's name. Nothing is changed.
    The exit code is 1 if anything is damaged.

    \b
    chargen verify novel
    chargen verify checkpoints/*/
    chargen verify novel --json
    """
    reports = [_verify(find_checkpoint(name), silent=as_json) for name in runs]
    if as_json:
        click.echo(json.dumps([report.to_dict() for report in reports], indent=2))
    if not all(report.sound for report in reports):
        ctx.exit(1)


class _Report:
    """What was found in a folder; it is printed as it is found, which may take a while."""

    def __init__(self, folder: Path, *, silent: bool) -> None:
        self.folder = folder
        self.silent = silent
        self.checks: list[dict[str, Any]] = []
        self.newest_sound: str | None = None

    @property
    def sound(self) -> bool:
        return all(check["sound"] for check in self.checks)

    def say(self, line: str) -> None:
        if not self.silent:
            click.echo(printable(line))

    def check(
        self,
        what: str,
        look: Callable[[], str],
        *,
        indent: str = "  ",
        gone: Callable[[], bool] | None = None,
    ) -> bool:
        """Look at something and note the outcome; return whether it is sound.

        Nothing is noted if `gone` says that the thing is not there any more.
        """
        try:
            found, sound = look(), True
        except CheckpointError as error:
            if gone is not None and gone():
                return False
            found, sound = str(error), False
        self.checks.append({"what": what, "sound": sound, "note": found})
        more = f"{', ' if sound else ': '}{found}" if found else ""
        self.say(f"{indent}{what}: {'sound' if sound else 'damaged'}{more}")
        return sound

    def to_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "sound": self.sound,
            "newest_sound": self.newest_sound,
            "checks": self.checks,
        }


def _verify(folder: Path, *, silent: bool) -> _Report:
    """Look at a run, or at one of its steps."""
    report = _Report(folder, silent=silent)
    if is_step(folder):
        if report.check(str(folder), partial(_read, folder), indent=""):
            report.newest_sound = folder.name
        return report
    run = Run(folder)
    steps = run.steps() if folder.is_dir() else []
    if not (steps or run.exists()):
        shown = printable(str(folder))
        below = f"; it holds runs: {shown}/*/" if runs_in([folder]) else ""
        raise CheckpointError(f"{shown} is not a run{below}")
    report.say(f"{folder}:")
    report.check(RUN_FILE, partial(_describe, run))
    report.check(LOG_FILE, partial(_read_log, run))
    if has_items(run.folder):
        report.check(ITEMS, partial(_read_items, run))
    if not steps and not any(run.has(pointer) for pointer in POINTERS):
        report.say("  no checkpoint yet")
        return report
    for step in steps:
        # A training that runs at the same time may remove a step while it is looked at.
        if report.check(step.name, partial(_read, step), gone=partial(_is_gone, step)):
            report.newest_sound = step.name
    for pointer in POINTERS:
        report.check(pointer, partial(_follow, run, pointer))
    report.say(f"  the newest sound checkpoint is {report.newest_sound or 'none'}")
    if report.newest_sound and not report.sound:
        sound = shlex.quote(str(folder / report.newest_sound))
        report.say(f"  to sample from it: chargen sample {sound}")
        report.say(f"  to go back to it: chargen train CORPUS --resume --out {sound}")
    return report


def _is_gone(step: Path) -> bool:
    return not step.exists()


def _describe(run: Run) -> str:
    if not run.exists():
        raise CheckpointError("it is missing: the run can be sampled from, and not resumed")
    run.description()
    return ""


def _read_log(run: Run) -> str:
    damaged = run.log.damaged()
    return f"but for {damaged:,} lines that cannot be read" if damaged else ""


def _read_items(run: Run) -> str:
    return f"{len(read_items(run.folder)):,} items"


def _read(step: Path) -> str:
    resume = RESUME in read_manifest(step).files
    read_step(step, resume=resume)
    return "" if resume else "for sampling only"


def _follow(run: Run, pointer: str) -> str:
    step = run.step_folder(pointer)
    if not is_step(step):
        raise CheckpointError(f"it names {step.name}, which is not there")
    return f"names {step.name}"
