"""A run: the folder of one training.

    <run>/
      run.json       what was asked
      log.jsonl      losses by step
      best  latest   pointer files: one line, the name of a step directory
      items.u64      on request, hashes of what was learned; see `items`
      step-00002000/ a checkpoint

A checkpoint is written under a temporary name in the run's own folder, flushed, renamed,
and only then pointed to: a crash at any instant leaves the previous one readable. A name
is never used twice; a second checkpoint of a step (after an interrupted evaluation, say)
is `step-00002000-2`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from chargen.errors import CheckpointError, DamagedError
from chargen.runs.checkpoint import MANIFEST, Checkpoint, read, write
from chargen.runs.log import LOG_FILE, Log
from chargen.system.files import (
    TEMPORARY,
    dump_json,
    read_file,
    read_json,
    replace_file,
    sync_folder,
    writing,
)
from chargen.text.sources import Source, recorded_sources

RUN_FILE = "run.json"
POINTERS = ("best", "latest")
LOCK_FILE = ".lock"
TENSORBOARD = "tensorboard"
EVENTS = "events.out.tfevents."
"""How the names of TensorBoard's files begin."""

STEP_NAME = re.compile(r"step-([0-9]{8,18})(?:-([0-9]{1,6}))?", re.ASCII)
MAX_POINTER = 100

TRIED = 3
"""How many checkpoints are tried in search of a sound one: as many as are usually kept."""


class Run:
    """One run's folder.

    Args:
        folder: the run's folder; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = Log(folder / LOG_FILE)

    def exists(self) -> bool:
        """Whether the folder is a run's."""
        return os.path.isfile(self.folder / RUN_FILE)  # False where it may not be looked at

    def has(self, pointer: str) -> bool:
        """Whether a pointer, "best" or "latest", is there."""
        return os.path.isfile(self.folder / pointer)

    def latest_step(self) -> int | None:
        """Return the number of the step that `latest` names; None if there is none yet."""
        if not self.has("latest"):
            return None
        match = STEP_NAME.fullmatch(self.step_folder("latest").name)
        return int(match[1]) if match else None

    def step_folder(self, pointer: str = "best") -> Path:
        """Return the step directory that a pointer names.

        Raises:
            DamagedError: the pointer is damaged, or missing where there are checkpoints.
            CheckpointError: the run has no checkpoint yet, or the step is a link.
        """
        path = self.folder / pointer
        if not self.has(pointer):
            if self.steps():
                raise self.damaged(f"{path} is missing")
            raise CheckpointError(
                f"{self.folder} holds no checkpoint yet: its training has "
                "not come to the first one, or was stopped before it"
            )
        name = read_file(path, MAX_POINTER).decode("ascii", "replace").strip()
        if not STEP_NAME.fullmatch(name):
            raise self.damaged(f"{path} is damaged: it names no step directory")
        step = self.folder / name
        if os.path.islink(step):
            raise CheckpointError(
                f"{step} is a link, which may lead anywhere: put the folder itself there"
            )
        return step

    def read(self, pointer: str = "best", *, resume: bool = False) -> Checkpoint:
        """Read the checkpoint that a pointer names.

        Raises:
            DamagedError: it is damaged; no other is read instead.
            CheckpointError: there is none.
        """
        step = self.step_folder(pointer)
        message = ""
        try:
            return read_step(step, resume=resume)
        except CheckpointError as error:
            message = str(error)  # and let go of what had been read
        # A training that runs at the same time may have moved the pointer and removed the
        # step.
        moved = self.step_folder(pointer)
        if moved == step:
            raise self.damaged(message, step, resume=resume)
        return read_step(moved, resume=resume)

    def steps(self) -> list[Path]:
        """Return the step directories, oldest first."""
        found = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    match = STEP_NAME.fullmatch(entry.name)
                    if match and entry.is_dir(follow_symlinks=False):
                        path = self.folder / entry.name
                        found.append((int(match[1]), int(match[2] or 1), path))
        except OSError as error:
            raise CheckpointError(
                f"cannot look into {self.folder}: {error.strerror}"
            ) from error
        return [path for *_, path in sorted(found)]

    def publish(
        self, checkpoint: Checkpoint, *, best: bool, keep: int, latest: bool = True
    ) -> Path:
        """Write a checkpoint, and move `latest` to it, and `best` if it is the best.

        A run's first checkpoint is its best until a better one comes.

        Args:
            checkpoint: what to write.
            best: whether it has the lowest validation loss so far.
            keep: how many of the newest checkpoints stay; once the pointers have moved, all
                others are removed, except those that the pointers name.
            latest: whether it is the newest.

        Returns:
            The new step directory.

        Raises:
            CheckpointError: the disk or the file system refuses; the checkpoints
                published before are as they were.
        """
        temporary = self.folder / f"{TEMPORARY}step-{os.getpid()}"
        try:
            shutil.rmtree(temporary, ignore_errors=True)  # of a dead process of our number
            name = self._free_name(checkpoint.step)
            write(temporary, checkpoint)
            os.rename(temporary, self.folder / name)
            sync_folder(self.folder)
            # `best` first: a run whose `latest` exists can be sampled from. A crash
            # between the two is put right by `repair`.
            if best or not self.has("best"):
                self.point("best", name)
            if latest:
                self.point("latest", name)
        except OSError as error:
            raise CheckpointError(
                f"cannot write a checkpoint to {self.folder}: "
                f"{error.strerror}; those published before can be read, and `resume=True` "
                "goes on with them once that is mended"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # only there after a failure
        self._rotate(keep)
        return self.folder / name

    def newest_sound(
        self, *, resume: bool = False, besides: Path | None = None
    ) -> Path | None:
        """Return the newest step directory that can be read, among the newest few.

        Args:
            resume: whether training has to be able to go on from it.
            besides: a step directory that is known to be damaged.
        """
        others = [step for step in reversed(self.steps()) if step != besides]
        for step in others[:TRIED]:
            with contextlib.suppress(CheckpointError):
                read_step(step, resume=resume)
                return step
        return None

    def damaged(
        self, message: str, step: Path | None = None, *, resume: bool = False
    ) -> DamagedError:
        """Return the error for damage; it names the newest sound step other than `step`."""
        sound = self.newest_sound(resume=resume, besides=step)
        return DamagedError(message, sound=sound)

    def write_description(self, settings: dict[str, Any]) -> None:
        """Write run.json."""
        with writing(self.folder / RUN_FILE):
            replace_file(self.folder / RUN_FILE, dump_json(settings))

    def description(self) -> dict[str, Any]:
        """Return what run.json holds."""
        found = read_json(self.folder / RUN_FILE)
        kinds = {"settings": dict, "given": dict, "corpus": list}
        if not (
            isinstance(found, dict)
            and all(isinstance(found.get(k, kinds[k]()), kinds[k]) for k in kinds)
            and all(isinstance(source, dict) for source in found.get("corpus", []))
        ):
            raise CheckpointError(f"{self.folder / RUN_FILE} does not describe a run")
        return found

    def sources(self) -> tuple[Source, ...]:
        """Return the files that the run learns from, as run.json has them."""
        description = self.description()
        entries, settings = description.get("corpus", []), description.get("settings", {})
        return recorded_sources(entries, settings)

    def _free_name(self, step: int) -> str:
        name = f"step-{step:08}"
        taken = [path.name for path in self.steps() if path.name.startswith(name)]
        if not taken:
            return name
        # The newest step is never rotated away, so no later name has been used before.
        match = STEP_NAME.fullmatch(taken[-1])
        free = f"{name}-{int(match[2] or 1) + 1 if match else 2}"
        if not STEP_NAME.fullmatch(free):
            raise CheckpointError(f"{self.folder} has no name for a step")
        return free

    def point(self, pointer: str, name: str) -> None:
        """Make a pointer name a step directory."""
        replace_file(self.folder / pointer, f"{name}\n".encode("ascii"))

    def _rotate(self, keep: int) -> None:
        steps = self.steps()
        pointed = {self.step_folder(p) for p in POINTERS if self.has(p)}
        for step in steps[:-keep]:
            if step not in pointed:
                self.remove(step)

    def remove(self, step: Path) -> None:
        """Remove a step directory, never leaving half of one under its name."""
        doomed = self.folder / f"{TEMPORARY}removed-{step.name}-{os.getpid()}"
        try:
            os.rename(step, doomed)
        except OSError:  # a reader on Windows holds it open: the next rotation retries
            return
        shutil.rmtree(doomed, ignore_errors=True)


def read_step(step: Path, *, resume: bool = False) -> Checkpoint:
    """Read a step directory of a run, whose name says which step it is.

    Raises:
        CheckpointError: it is damaged, or of another step than its name says.
    """
    checkpoint = read(step, resume=resume)
    match = STEP_NAME.fullmatch(step.name)
    if match and int(match[1]) != checkpoint.step:
        raise CheckpointError(f"{step} is damaged: it holds step {checkpoint.step:,}")
    return checkpoint


def is_step(folder: Path) -> bool:
    """Whether a folder is a step directory."""
    return os.path.isfile(folder / MANIFEST)
