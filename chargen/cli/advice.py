"""Which command to type next: to repeat, resume or lengthen a run, or to mend one."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chargen.cli.command import TYPED
from chargen.cli.options import flag, format_value, option
from chargen.errors import CheckpointError, DamagedError, TextError
from chargen.text.sources import STANDARD_INPUT
from chargen.training.settings import FIXED, of_default_length

if TYPE_CHECKING:
    from chargen.training.job import Job
    from chargen.training.resolve import Resolved
    from chargen.training.settings import Settings

LEAST_SECONDS = 60.0  # of a run that is recommended: starting alone takes ten


@contextlib.contextmanager
def advice(damaged: str) -> Iterator[None]:
    """Where a run is damaged, name the command that uses its newest sound checkpoint.

    The command is the one that was typed, with another checkpoint in it.

    Args:
        damaged: the word that the checkpoint replaces, or the option that is to name it.
    """
    try:
        yield
    except DamagedError as error:
        if error.sound is None:
            raise
        words = with_checkpoint(
            click.get_current_context().meta[TYPED], damaged, str(error.sound)
        )
        mended = f"{invoked_as()} {shlex.join(words)}"
        raise CheckpointError(f"{error}. To use it:\n  {mended}") from error
    except CheckpointError as error:
        name = click.get_current_context().params.get("init_from") or damaged
        if not _is_text(Path(name)):
            raise
        command = f"{invoked_as()} train {shlex.quote(name)}"
        raise CheckpointError(f"{error}. To learn from it:\n  {command}") from error


def _is_text(path: Path) -> bool:
    """Whether a path leads to a file that can be learned from."""
    if not os.path.isfile(path):
        return False
    from chargen.text.reading import read_text  # hardly ever needed, and slow to load

    try:
        return bool(read_text(path).characters)
    except TextError:
        return False


def with_checkpoint(typed: Sequence[str], damaged: str, sound: str) -> list[str]:
    """Return the words of a command with another checkpoint.

    Args:
        typed: the words.
        damaged: the word to replace or, if it begins with `--`, the option to set.
        sound: the checkpoint.
    """
    words, kept = iter(typed), []
    if not damaged.startswith("--"):
        return [sound if word == damaged else word for word in words]
    for word in words:
        if word == damaged:
            next(words, None)  # its value
        elif not word.startswith(f"{damaged}="):
            kept.append(word)
    return [*kept, damaged, sound]


def invoked_as() -> str:
    """Return how the command was typed: `chargen`, or its path if it is not on the PATH."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return shlex.join([sys.executable, "-m", "chargen"])
    if shutil.which(script.name):
        return shlex.quote(script.name)
    return shlex.quote(str(script))


def train_command(resolved: Resolved, settings: Settings) -> str:
    """Return the arguments of chargen that repeat a run, with every setting written out."""
    request = resolved.read.request
    words = ["train", *_typed(request.names)]
    values = settings.to_dict()
    for name in of_default_length(values):
        del values[name]
    if settings.windows == "streams":
        del values["stride"]
    for part, names in resolved.read.held_out.files.items():
        del values[part]
        words += [word for name in names for word in (option(part), name)]
    if request.cache is not None:
        words += ["--cache", str(request.cache)]
    words += ["--no-cache"] * request.no_cache
    if values.get("documents") == "column":
        del values["documents"]
    if values.get("encoding") == "utf-8":  # a large text is kept as it was asked for
        del values["encoding"]
    flags = {
        name: values.pop(name)
        for name, value in [*values.items()]
        if value is False or value is True
    }
    if request.init_from is not None:
        words += ["--init-from", request.init_from]
        words += ["--drop-unused"] * request.drop_unused
        values = {name: value for name, value in values.items() if name not in FIXED}
        flags = {name: wanted for name, wanted in flags.items() if name not in FIXED}
    words += filter(None, itertools.starmap(flag, flags.items()))
    for name, value in values.items():
        words += [option(name), format_value(name, value)]
    return shlex.join(words)


def _typed(names: Sequence[str]) -> list[str]:
    """Return the names of texts as they are typed: none is taken for an option."""
    return [
        os.path.join(".", name) if name.startswith("-") and name != STANDARD_INPUT else name
        for name in names
    ]


def resume_command(job: Job) -> str:
    """Return the arguments of chargen that go on with this run."""
    words = ["train", *_typed(job.resolved.read.request.names), "--resume"]
    words += ["--out", str(job.run.folder)]
    for part, names in job.resolved.read.held_out.files.items():
        words += [word for name in names for word in (option(part), name)]
    return shlex.join(words)


def longer_command(job: Job) -> str:
    """Return the arguments that train this run for twice as long, and at least a minute."""
    settings, done = job.settings, job.checkpoint
    if settings.patience is not None and ended_by_patience(job):
        return f"{resume_command(job)} --patience {2 * settings.patience}"
    if settings.seconds:
        name, had = "seconds", done.seconds if done else 0.0
    elif settings.epochs:
        name, had = "epochs", math.ceil(done.epoch) if done else 0
    else:
        name, had = "steps", done.step if done else 0
    longer = 2 * max(getattr(settings, name), had)
    if settings.seconds:
        longer = max(LEAST_SECONDS, float(math.ceil(longer)))
    twice = format_value(name, longer)
    return f"{resume_command(job)} {option(name)} {twice}"


def ended_by_patience(job: Job) -> bool:
    """Whether a run that is over was ended by --patience."""
    if job.settings.patience is None or not job.run.has("latest"):
        return False
    from chargen.training.cadence import Counters, is_impatient  # only `train` needs it

    resume = job.run.read("latest", resume=True).resume
    return is_impatient(job.settings, Counters(stale=int(resume["counter.stale"])))
