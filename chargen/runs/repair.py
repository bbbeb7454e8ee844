"""Putting a run in order: after a crash, and when it goes back to an older step."""

from __future__ import annotations

import shutil
from pathlib import Path

from chargen.errors import CheckpointError
from chargen.runs.run import POINTERS, Run, read_step
from chargen.system.files import TEMPORARY, writing


def go_back(run: Run, step: Path) -> None:
    """Move `latest` to an older step, and `best` too if it is damaged or newer.

    Newer steps are removed. Nothing is changed unless the step can be resumed from.

    Raises:
        CheckpointError: the step is damaged, or is not one of this run.
    """
    order = run.steps()
    own = run.folder / step.name
    if own not in order:
        raise CheckpointError(f"{step} is not a step directory of a run")
    read_step(own, resume=True)
    older = [path.name for path in order[: order.index(own) + 1]]
    try:
        kept = run.step_folder("best").name in older
        run.read("best")
    except CheckpointError:
        kept = False
    with writing(run.folder / "latest"):
        if not kept:
            run.point("best", step.name)
        run.point("latest", step.name)
    repair(run)


def repair(run: Run) -> None:
    """Undo what a crash left half done, before training goes on.

    A `best` newer than `latest` means a crash between the two moves: `latest` moves
    up. Whatever is newer than `latest` was never published and is removed, and so is
    whatever has a temporary name.

    A run's first checkpoint may have been renamed but not yet pointed to. It is whole, and
    both pointers move to it.

    Raises:
        DamagedError: there are checkpoints, and a pointer is missing.
    """
    pointed = {p: run.step_folder(p) for p in POINTERS if run.has(p)}
    steps = run.steps()
    if not pointed and len(steps) == 1 and run.newest_sound(resume=True):
        with writing(run.folder / "latest"):
            for pointer in POINTERS:
                run.point(pointer, steps[0].name)
    elif len(steps) > len(pointed) or "latest" in pointed:
        for pointer in sorted({*POINTERS} - {*pointed}, reverse=True):
            missing = f"{run.folder / pointer} is missing"
            raise run.damaged(missing, resume=True)
    with writing(run.folder / "latest"):
        for path in run.folder.glob(f"{TEMPORARY}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        order = run.steps()
        pointed = {p: run.step_folder(p) for p in POINTERS if run.has(p)}
        if not set(pointed.values()) <= set(order):
            return  # a pointed step is gone: that is damage, and reading will say so
        newest = max(pointed.values(), key=order.index, default=None)
        if newest is not None and pointed.get("latest") != newest:
            run.point("latest", newest.name)
        for step in order[order.index(newest) + 1 if newest else 0 :]:
            run.remove(step)
