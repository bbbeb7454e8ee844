"""A run: the folder of one training. Imports layers 0–1 and `checkpoint`.

    <run>/
      run.json       what was asked
      log.jsonl      losses by step
      best  latest   pointer files: one line, the name of a step directory
      step-00002000/ a checkpoint

A checkpoint is written under a temporary name in the run's own folder, flushed, renamed,
and only then pointed to: a crash at any instant leaves the one before readable. A name is
never used twice; a second checkpoint of a step (an interrupted evaluation, say) is
`step-00002000-2`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chargen.checkpoint import MANIFEST, Checkpoint, read, write
from chargen.errors import CheckpointError, printable
from chargen.files import (
    dump_json,
    parse_json,
    read_file,
    read_json,
    sync_folder,
    write_file,
)

RUN_FILE = "run.json"
LOG_FILE = "log.jsonl"
POINTERS = ("best", "latest")
KEPT = 3
"""How many of the newest checkpoints stay besides what the pointers name."""

STEP_NAME = re.compile(r"step-([0-9]{8,18})(?:-([0-9]{1,6}))?", re.ASCII)
TEMPORARY = ".tmp-"
MAX_POINTER = 100
MAX_LOG = 2**30


class Run:
    """One run's folder.

    Args:
        folder: the run's folder; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether the folder is a run's."""
        return (self.folder / RUN_FILE).is_file()

    def has(self, pointer: str) -> bool:
        """Whether a pointer, "best" or "latest", is there."""
        return (self.folder / pointer).is_file()

    def step_folder(self, pointer: str = "best") -> Path:
        """Return the step directory that a pointer names.

        Raises:
            CheckpointError: the run has no checkpoint yet, or the pointer is damaged.
        """
        path = self.folder / pointer
        if not path.is_file():
            raise CheckpointError(
                f"{printable(str(self.folder))} holds no checkpoint yet: its training "
                "was stopped before the first one"
            )
        name = read_file(path, MAX_POINTER).decode("ascii", "replace").strip()
        if not STEP_NAME.fullmatch(name):
            raise CheckpointError(
                f"{printable(str(path))} is damaged: it names no step directory"
            )
        return self.folder / name

    def read(self, pointer: str = "best", *, resume: bool = False) -> Checkpoint:
        """Read the checkpoint that a pointer names.

        Raises:
            CheckpointError: there is none, or it is damaged; no other is read instead.
        """
        step = self.step_folder(pointer)
        try:
            return read(step, resume=resume)
        except CheckpointError:
            # A training beside us may have moved the pointer and removed the step.
            moved = self.step_folder(pointer)
            if moved == step:
                raise
            return read(moved, resume=resume)

    def steps(self) -> list[Path]:
        """Return the step directories, oldest first."""
        found = []
        for path in self.folder.iterdir():
            match = STEP_NAME.fullmatch(path.name)
            if match and path.is_dir():
                found.append((int(match[1]), int(match[2] or 1), path))
        return [path for *_, path in sorted(found)]

    def publish(self, checkpoint: Checkpoint, *, best: bool) -> Path:
        """Write a checkpoint and move `latest` to it, and `best` if it is that.

        Then all but the newest checkpoints and what a pointer names are removed. A run's
        first checkpoint is its best until a better one comes.

        Returns:
            The new step directory.

        Raises:
            CheckpointError: the disk or the file system refuses; the checkpoints
                published before are as they were.
        """
        temporary = self.folder / f"{TEMPORARY}step-{os.getpid()}"
        try:
            name = self._free_name(checkpoint.step)
            write(temporary, checkpoint)
            os.rename(temporary, self.folder / name)
            sync_folder(self.folder)
            # `best` first: a run whose `latest` exists can be sampled from. A crash
            # between the two is mended by `repair`.
            if best or not self.has("best"):
                self._point("best", name)
            self._point("latest", name)
        except OSError as error:
            raise CheckpointError(
                f"cannot write a checkpoint to {printable(str(self.folder))}: "
                f"{error.strerror}; those published before can be read"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # there after a failure only
        self._rotate()
        return self.folder / name

    def repair(self) -> None:
        """Undo what a crash left half done, before training goes on.

        A `best` newer than `latest` means a crash between the two moves: `latest` moves
        up. What is newer than `latest` was never published, and goes, as does what has a
        temporary name.
        """
        with self._writing("latest"):
            for path in self.folder.glob(f"{TEMPORARY}*"):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            order = self.steps()
            pointed = {p: self.step_folder(p) for p in POINTERS if self.has(p)}
            if not set(pointed.values()) <= set(order):
                return  # a pointed step is gone: that is damage, and reading will say so
            newest = max(pointed.values(), key=order.index, default=None)
            if newest is not None and pointed.get("latest") != newest:
                self._point("latest", newest.name)
            for step in order[order.index(newest) + 1 if newest else 0 :]:
                self._remove(step)

    def describe(self, settings: dict[str, Any]) -> None:
        """Write run.json."""
        with self._writing(RUN_FILE):
            self._replace(RUN_FILE, dump_json(settings))

    def description(self) -> dict[str, Any]:
        """Return what run.json holds."""
        found = read_json(self.folder / RUN_FILE)
        if not isinstance(found, dict):
            raise CheckpointError(
                f"{printable(str(self.folder / RUN_FILE))} is no JSON object"
            )
        return found

    def append(self, line: dict[str, Any]) -> None:
        """Add a line to log.jsonl."""
        with self._writing(LOG_FILE), (self.folder / LOG_FILE).open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a line that a crash cut off
                    file.write(b"\n")
            file.write(dump_json(line, indent=None))

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of log.jsonl; a line cut off by a crash is left out."""
        path = self.folder / LOG_FILE
        if not path.exists():
            return []
        lines = []
        for line in read_file(path, MAX_LOG).splitlines():
            try:
                found = parse_json(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                lines.append(found)
        return lines

    def cut_log(self, keep: Callable[[dict[str, Any]], bool]) -> None:
        """Rewrite log.jsonl with the lines that `keep` returns true for."""
        if (self.folder / LOG_FILE).exists():
            kept = [dump_json(line, indent=None) for line in self.log() if keep(line)]
            with self._writing(LOG_FILE):
                self._replace(LOG_FILE, b"".join(kept))

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Turn what the disk refuses into a CheckpointError."""
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"cannot write {printable(str(self.folder / name))}: {error.strerror}"
            ) from error

    def _free_name(self, step: int) -> str:
        name = f"step-{step:08}"
        taken = [path.name for path in self.steps() if path.name.startswith(name)]
        if not taken:
            return name
        # The newest is never rotated away, so that a later name was never used.
        match = STEP_NAME.fullmatch(taken[-1])
        return f"{name}-{int(match[2] or 1) + 1 if match else 2}"

    def _point(self, pointer: str, name: str) -> None:
        self._replace(pointer, f"{name}\n".encode("ascii"))

    def _replace(self, name: str, data: bytes) -> None:
        """Put `data` in the place of a file at once: readers see the old or the new."""
        temporary = self.folder / f"{TEMPORARY}{name}-{os.getpid()}"
        try:
            write_file(temporary, data)
            os.replace(temporary, self.folder / name)
        finally:
            temporary.unlink(missing_ok=True)  # there after a failure only
        sync_folder(self.folder)

    def _rotate(self) -> None:
        steps = self.steps()
        pointed = {self.step_folder(p) for p in POINTERS if self.has(p)}
        for step in steps[:-KEPT]:
            if step not in pointed:
                self._remove(step)

    def _remove(self, step: Path) -> None:
        """Remove a step directory, never leaving half of one under its name."""
        doomed = self.folder / f"{TEMPORARY}removed-{step.name}-{os.getpid()}"
        try:
            os.rename(step, doomed)
        except OSError:  # a reader on Windows holds it open: the next rotation retries
            return
        shutil.rmtree(doomed, ignore_errors=True)


def is_step(folder: Path) -> bool:
    """Whether a folder is a step directory."""
    return (folder / MANIFEST).is_file()
