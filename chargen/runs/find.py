"""From names to runs and checkpoints: the user's own, and those that ship with chargen.

An existing path wins over a name, save a folder without a run in it: a run is called like
the folder of texts that it learned from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from chargen.display import suggestion
from chargen.errors import CheckpointError, SettingsError
from chargen.runs.checkpoint import Checkpoint, read
from chargen.runs.run import POINTERS, Run, is_step
from chargen.system.files import exists, listed, shipped
from chargen.text.sources import in_role

RUNS = Path("checkpoints")
"""Where runs are kept, below the current folder."""

BUNDLED_CHECKPOINTS = shipped("checkpoints", "checkpoints/bundled")

REPLACED = ".replaced-"
"""What stands between the name of a run that is put aside and the time; see `claim`."""


def checkpoint_folders() -> list[Path]:
    """Return the folders in which the name of a run is looked up, in order."""
    home = os.environ.get("CHARGEN_HOME")
    return [RUNS, *([Path(home)] if home else []), BUNDLED_CHECKPOINTS]


def runs_in(places: Iterable[Path]) -> list[Run]:
    """Return the runs that are, or lie in, some folders: by folder, then by name."""
    found = []
    for place in places:
        folders = [place] if Run(place).exists() else listed(place)
        found += [Run(folder) for folder in folders if Run(folder).exists()]
    return found


def known_runs() -> list[tuple[str, Path]]:
    """Return (name, folder) of every run that a bare name finds, sorted by name."""
    found: dict[str, Path] = {}
    for run in runs_in(checkpoint_folders()):
        found.setdefault(run.folder.name, run.folder)
    return sorted(found.items())


def find_checkpoint(name: str) -> Path:
    """Return the run, step directory or pointer file that a path or a name means.

    Raises:
        CheckpointError: there is none; the message lists what exists and where it looked.
    """
    if name:
        found = [f / name for f in (Path(), *checkpoint_folders()) if exists(f / name)]
        own = [path for path in found[1:] if path.parent != BUNDLED_CHECKPOINTS]
        bare = Path(name).name == name != os.pardir
        if own and bare and found[0].is_dir() and not _holds_one(found[0]):
            return own[0]  # the other is the folder of texts that it learned from
        if found:
            return found[0]
    runs = [run for run, _ in known_runs()]
    looked = ", ".join(str(folder) for folder in checkpoint_folders())
    raise CheckpointError(
        f"there is no checkpoint {name!r}{suggestion(name, runs)} "
        f"There are: {', '.join(runs) or 'none'}. Looked in: {looked}"
    )


def _holds_one(folder: Path) -> bool:
    """Whether a folder is a run or a step, or stands for one."""
    return Run(folder).exists() or is_step(folder) or set_aside(folder) is not None


def newer_run(folder: Path) -> Path | None:
    """Return the newest of the runs that training the same text again put beside `folder`.

    None if there is no such run, or if `folder` is not the first run of its text.
    """
    found = []
    for path in listed(folder.parent):
        match = re.fullmatch(rf"{re.escape(folder.name)}-([0-9]{{1,9}})", path.name)
        if match and Run(path).has("latest") and _corpus_name(path) == _corpus_name(folder):
            found.append((int(match[1]), path))
    return max(found)[1] if found and _corpus_name(folder) else None


def _corpus_name(folder: Path) -> str | None:
    """Return the name of the text that a run learned from, if it can be told."""
    try:
        sources = in_role(Run(folder).sources(), "train")
    except CheckpointError:
        return None
    return sources[0].name if sources else None


def hidden(folder: Path) -> bool:
    """Whether the bare name of a run's folder means another run, or nothing."""
    try:
        return find_checkpoint(folder.name) != folder
    except CheckpointError:
        return True


def hides_bundled(name: str) -> bool:
    """Whether a bare name means a checkpoint of the user's own that hides a bundled one."""
    path = Path(name)
    bare = bool(name) and not exists(path) and exists(BUNDLED_CHECKPOINTS / name)
    return bare and find_checkpoint(name) != BUNDLED_CHECKPOINTS / name


def open_checkpoint(name: str) -> Checkpoint:
    """Read the checkpoint that a path or a name means; a run stands for its best.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = find_checkpoint(name)
    if path.name in POINTERS and (Run(path.parent).exists() or os.path.isfile(path)):
        return Run(path.parent).read(path.name)
    if is_step(path):
        return read(path)
    aside = set_aside(path)
    if Run(path).has("best") or (Run(path).exists() and aside is None):
        return Run(path).read()
    if aside is not None:
        raise CheckpointError(
            f"{path} holds no checkpoint yet: the run that is being replaced is in {aside} "
            "until then"
        )
    if path.is_file():
        run = run_to_resume(path.name, None)
        meant = f". The run that learned from it is {run.folder}" if run else ""
        raise CheckpointError(f"{path} is a file, and a checkpoint is a folder{meant}")
    raise CheckpointError(
        f"{path} holds no checkpoint: it has neither a run nor a step{_runs_below(path)}"
    )


def _runs_below(folder: Path) -> str:
    """Name the runs in a folder that is not a run itself."""
    names = [run.folder.name for run in runs_in([folder])]
    return f". These are runs: {', '.join(names[:5])}" if names else ""


def run_to_resume(corpus: str, out: Path | None) -> Run | None:
    """Return the run in `out`, or the newest one of a corpus; None if there is none.

    A corpus is known by the name of the first file that is trained on.

    A run that was stopped before its first checkpoint comes last, however new it is.
    If `out` is a step directory, the run that holds it is returned.
    """
    if out is not None and is_step(out) and Run(out.parent).exists():
        return Run(out.parent)
    if out is not None:
        if Run(out).exists():
            return Run(out)
        meant = out.parent if out.name in POINTERS else RUNS / out
        if Run(meant).exists() and (out.name in POINTERS or not exists(out)):
            raise SettingsError(
                f"{out} is not a run to go on with: did you mean `out={str(meant)!r}`?"
            )
        return None
    found = []
    for folder in listed(RUNS):
        run = Run(folder)
        try:
            sources = in_role(run.sources(), "train") if run.exists() else []
            created = str(run.description().get("created")) if sources else ""
        except CheckpointError:  # a damaged run is no reason to refuse another one
            continue
        if sources and sources[0].name == corpus:
            begun = any(run.has(pointer) for pointer in POINTERS)
            found.append((begun, created, folder.name, run))
    return max(found, key=lambda item: item[:3])[3] if found else None


def set_aside(folder: Path) -> Path | None:
    """Return the run that was put aside for one without a checkpoint; see `claim`.

    If there are several, the newest is returned; None if there is none, or if `folder`
    has a checkpoint of its own.
    """
    if any(Run(folder).has(pointer) for pointer in POINTERS):
        return None
    prefix = f"{folder.name}{REPLACED}"
    found = [path for path in listed(folder.parent) if path.name.startswith(prefix)]
    return next((path for path in reversed(found) if Run(path).exists()), None)
