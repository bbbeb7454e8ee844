"""Which command to type next: to repeat, resume or lengthen a run, or to mend one."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chargen.config import FIXED
from chargen.errors import CheckpointError, DamagedError
from chargen.options import format_value, option

if TYPE_CHECKING:
    from chargen.job import Job

LEAST_SECONDS = 60.0  # of a run that is recommended: to start takes ten of them


@contextlib.contextmanager
def advice(command: Callable[[str], str]) -> Iterator[None]:
    """Where a run is damaged, name the command that uses its newest sound checkpoint.

    Args:
        command: what chargen is to be told, from the checkpoint's path, quoted.
    """
    try:
        yield
    except DamagedError as error:
        if error.sound is None:
            raise
        mended = f"{invoked_as()} {command(shlex.quote(str(error.sound)))}"
        raise CheckpointError(f"{error}. To use it:\n  {mended}") from error


def invoked_as() -> str:
    """How the command was typed: `chargen`, or its path where it is not on the PATH."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return shlex.join([sys.executable, "-m", "chargen"])
    if shutil.which(script.name):
        return shlex.quote(script.name)
    return shlex.quote(str(script))


def train_command(job: Job) -> str:
    """What chargen is to be told to repeat this run, every setting written out."""
    words = ["train", job.corpus_name]
    values = job.settings.to_dict()
    if values.get("seconds") and values.get("steps"):  # the default length
        del values["seconds"], values["steps"]
    if job.settings.windows == "streams":
        del values["stride"]
    values.update(job.files)
    if values.pop("stock"):
        words.append("--stock")
    if job.init_from is not None:
        words += ["--init-from", job.init_from]
        words += ["--drop-unused"] * job.drop_unused
        values = {name: value for name, value in values.items() if name not in FIXED}
    for name, value in values.items():
        words += [option(name), format_value(name, value)]
    return shlex.join(words)


def resume_command(job: Job) -> str:
    """What chargen is to be told to go on with this run."""
    words = ["train", job.corpus_name, "--resume"]
    words += ["--out", str(job.run.folder)]
    for part, name in job.files.items():
        words += [option(part), name]
    return shlex.join(words)


def longer_command(job: Job) -> str:
    """What chargen is to be told to train this run for twice its length, or a minute."""
    settings = job.settings
    seconds = settings.seconds
    name = "seconds" if seconds else "epochs" if settings.epochs else "steps"
    longer = 2 * getattr(settings, name)
    if seconds:
        longer = max(LEAST_SECONDS, longer)
    twice = format_value(name, longer)
    return f"{resume_command(job)} {option(name)} {twice}"
