"""Taking the folder of a run, and giving it back.

While a training holds a claim, no other process trains its run. A training that ends before
its first checkpoint leaves nothing behind, and no run is lost by replacing it: until the
first checkpoint of the new run is safe, the old one is put aside as NAME.replaced-TIME. It
comes back if the training ends before that or, if the process was killed, as soon as
another training is asked for in that folder (`bring_back`).
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from chargen.errors import CheckpointError, SettingsError
from chargen.runs.find import REPLACED, RUNS, set_aside
from chargen.runs.items import ITEMS
from chargen.runs.lock import LOCK_FILE, locked
from chargen.runs.log import LOG_FILE
from chargen.runs.run import EVENTS, POINTERS, RUN_FILE, STEP_NAME, TENSORBOARD, Run
from chargen.system.files import MAX_MESSAGE, TEMPORARY


class Claim:
    """A run's folder that no other process trains.

    Attributes:
        run: the run.
        created: whether the folder is new, and was made for this claim.
        replaced: where the run that it replaces is kept; None if there is none (any more).
        notes: what the user should know.
    """

    def __init__(self, run: Run, *, replaced: Path | None = None) -> None:
        self.run = run
        self.created = False
        self.replaced = replaced
        self.notes: tuple[str, ...] = ()

    def published(self) -> None:
        """Remove the run that is replaced: a checkpoint of the new one is safe."""
        if self.replaced is not None:
            shutil.rmtree(self.replaced, ignore_errors=True)
            self.replaced = None


@contextlib.contextmanager
def claim_new(name: str, out: Path | None, *, overwrite: bool) -> Iterator[Claim]:
    """Take a folder for a new run; remove it at the end unless it holds a checkpoint.

    Args:
        name: what a run without `out` is called in `checkpoints/`: name, name-2, name-3 …
        out: the folder.
        overwrite: whether to replace the run in `out`.

    Raises:
        SettingsError: there is a run in `out` already, or something else.
        CheckpointError: another process is training the run in `out`.
    """
    if out is None and overwrite:
        raise SettingsError("`overwrite` needs `out`, the run that it replaces")
    with contextlib.ExitStack() as undo:
        replaced = None
        if out is None:
            folder = _first_free(name)
        else:
            folder = out
            try:
                if os.path.islink(out):  # the folder itself is what is replaced
                    folder = out.resolve()
                replaced = _put_aside(folder, overwrite)
                if replaced is not None:
                    undo.callback(_put_back, replaced, folder)
                folder.mkdir(parents=True, exist_ok=True)
            except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
                raise _no_folder(folder, error) from error
        claim = Claim(Run(folder), replaced=replaced)
        undo.callback(_remove, claim)
        with locked(folder) as note:
            claim.created = True  # another process that made it would hold the lock
            claim.notes = (note,) if note else ()
            try:
                yield claim
            finally:
                if any(claim.run.has(pointer) for pointer in POINTERS):
                    undo.pop_all()


@contextlib.contextmanager
def claim_old(run: Run, latest: int | None) -> Iterator[Claim]:
    """Take the folder of a run that is to be resumed.

    Args:
        run: the run.
        latest: the number of its latest step when it was read.

    Raises:
        CheckpointError: another process trains it, or has done so since.
    """
    claim = Claim(run)
    with locked(run.folder) as note:
        claim.notes = (note,) if note else ()
        if run.latest_step() != latest:
            raise CheckpointError(
                f"{run.folder} has been trained on since this job was prepared: start it "
                "anew"
            )
        yield claim


def bring_back(folder: Path) -> str | None:
    """Bring back a run that a killed process was about to replace.

    Returns:
        A note for the user; None if there was no such run.

    Raises:
        CheckpointError: another process is training its replacement.
        SettingsError: it cannot be told whether one is, or the folder holds other things.
    """
    try:
        if os.path.islink(folder):
            folder = folder.resolve()
        aside = set_aside(folder)
        if aside is None:
            return None
        if folder.exists() and _require_replaceable(Run(folder)):
            raise SettingsError(
                f"a training that is to replace the run in {folder} has no checkpoint yet. "
                "The file system has no locks, so it cannot be told whether it still runs. "
                f"If it does not: move {folder} away and {aside} into its place"
            )
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(aside, folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        raise _no_folder(folder, error) from error
    return f"{folder} is back: what was to replace it ended before its first checkpoint"


def _first_free(name: str) -> Path:
    """Make the folder of a new run: checkpoints/name, or name-2, name-3 …"""
    folder = RUNS
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        for count in itertools.count(1):
            folder = RUNS / (name if count == 1 else f"{name}-{count}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                break
    except OSError as error:  # a link to nowhere, say
        raise _no_folder(folder, error) from error
    return folder


def _put_aside(out: Path, overwrite: bool) -> Path | None:
    """Put aside a run that is to be replaced; return where it is now, if there was one."""
    run = Run(out)
    if run.exists():
        if not overwrite:
            raise SettingsError(
                f"{out} holds a run already: go on with it with `resume=True`, or replace "
                "it with `overwrite=True`"
            )
        _require_replaceable(run)
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        aside = out.with_name(f"{out.name}{REPLACED}{stamp}")
        os.rename(out, aside)
        return aside
    if out.exists() and not (out.is_dir() and is_nothing(out)):
        lost = run.steps() if out.is_dir() else []
        what = "has checkpoints, but its run.json is missing" if lost else "is not a run"
        raise SettingsError(
            f"{out} is there and {what}: chargen does not write into it. Choose another "
            "`out`"
        )
    return None


def _require_replaceable(run: Run) -> str | None:
    """Refuse to replace what is more than a run, and what another process trains.

    Returns:
        A note if it cannot be told whether another process trains the run; otherwise None.
    """
    if not (is_nothing(run.folder) or is_only_a_run(run)):
        raise SettingsError(
            f"{run.folder} holds more than a run: chargen does not replace it. Choose "
            "another `out`"
        )
    with locked(run.folder) as note:
        return note


def is_nothing(folder: Path) -> bool:
    """Whether a folder holds nothing but what a training that ended early leaves."""
    return all(
        path.name == LOCK_FILE or path.name.startswith(TEMPORARY)
        for path in folder.iterdir()
    )


def is_only_a_run(run: Run) -> bool:
    """Whether a folder is a run's and holds nothing but what a run holds."""
    own = {RUN_FILE, LOG_FILE, LOCK_FILE, ITEMS, *POINTERS}
    return (
        run.exists()
        and "settings" in run.description()
        and all(
            path.name in own
            or path.name.startswith(TEMPORARY)
            or STEP_NAME.fullmatch(path.name)
            or (path.name == TENSORBOARD and _only_events(path))
            for path in run.folder.iterdir()
        )
    )


def _only_events(folder: Path) -> bool:
    """Whether a folder holds nothing but what is written for TensorBoard."""
    return folder.is_dir() and all(p.name.startswith(EVENTS) for p in folder.iterdir())


def _remove(claim: Claim) -> None:
    """Remove a new folder, and `checkpoints/` as well if it was the last one in there."""
    folder = claim.run.folder
    if not claim.created:
        with contextlib.suppress(OSError):  # what is in it is somebody else's
            folder.rmdir()
        return
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent == RUNS:
        with contextlib.suppress(OSError):  # there are other runs in it
            RUNS.rmdir()


def _put_back(replaced: Path, folder: Path) -> None:
    with contextlib.suppress(OSError):  # `bring_back` will do it
        os.rename(replaced, folder)


def _no_folder(folder: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or "a link leads to itself"
    return SettingsError(f"cannot make the folder {str(folder)[:MAX_MESSAGE]}: {reason}")
