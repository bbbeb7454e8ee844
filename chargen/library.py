"""From names to files: corpora and checkpoints, the user's own and those that ship.

Imports layers 0–1, `checkpoint` and `run`. An existing path always wins over a name.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from chargen.checkpoint import Checkpoint, read
from chargen.errors import CheckpointError, SettingsError, TextError, printable
from chargen.run import POINTERS, Run, is_step

RUNS = Path("checkpoints")
"""Where runs are kept, below the folder one works in."""


def _shipped(name: str, in_checkout: str) -> Path:
    """A folder of package data: inside an installed package, or in the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / in_checkout


BUNDLED_CORPORA = _shipped("corpora", "corpora")
BUNDLED_CHECKPOINTS = _shipped("checkpoints", "checkpoints/bundled")


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # False for a name that the file system does not allow


def _folders(place: Path) -> list[Path]:
    """Return what is in a folder, sorted; nothing where it may not be looked into."""
    try:
        return sorted(place.iterdir())
    except OSError:
        return []


def bundled_corpora() -> list[Path]:
    """Return the text files that ship with chargen, by name."""
    return sorted(BUNDLED_CORPORA.glob("*.txt"))


def find_corpus(name: str) -> Path:
    """Return the text file that a path or the name of a bundled corpus means.

    Raises:
        TextError: there is none; the message lists the bundled ones.
    """
    path = Path(name)
    if _exists(path) and path.is_dir():
        raise TextError(f"{printable(name)} is a folder; chargen trains on a text file")
    if _exists(path):
        return path
    for bundled in bundled_corpora():
        if name in (bundled.stem, bundled.name):
            return bundled
    known = ", ".join(bundled.stem for bundled in bundled_corpora())
    raise TextError(
        f"there is no file {printable(name)}, and no bundled corpus of that name "
        f"(those are {known})"
    )


def checkpoint_folders() -> list[Path]:
    """Return the folders in which the name of a run is looked up, in this order."""
    home = os.environ.get("CHARGEN_HOME")
    return [RUNS, *([Path(home)] if home else []), BUNDLED_CHECKPOINTS]


def known_runs() -> list[tuple[str, Path]]:
    """Return (name, folder) of every run that a bare name finds, best place first."""
    found: dict[str, Path] = {}
    for place in checkpoint_folders():
        for folder in _folders(place):
            if Run(folder).exists():
                found.setdefault(folder.name, folder)
    return sorted(found.items())


def find_checkpoint(name: str) -> Path:
    """Return the run, step directory or pointer file that a path or a name means.

    Raises:
        CheckpointError: there is none; the message lists what exists and where it looked.
    """
    if name:
        for folder in (Path(), *checkpoint_folders()):
            if _exists(folder / name):
                return folder / name
    runs = [printable(run) for run, _ in known_runs()]
    looked = ", ".join(printable(str(folder)) for folder in checkpoint_folders())
    raise CheckpointError(
        f"there is no checkpoint {printable(name)!r}. "
        f"There are: {', '.join(runs) or 'none'}. Looked in: {looked}"
    )


def hides_bundled(name: str) -> bool:
    """Whether a bare name means the user's own checkpoint, and a bundled one's as well."""
    path = Path(name)
    bare = bool(name) and not _exists(path) and _exists(BUNDLED_CHECKPOINTS / name)
    return bare and find_checkpoint(name) != BUNDLED_CHECKPOINTS / name


def open_checkpoint(name: str) -> Checkpoint:
    """Read the checkpoint that a path or a name means; a run stands for its best.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = find_checkpoint(name)
    if path.name in POINTERS and os.path.isfile(path):
        return Run(path.parent).read(path.name)
    if is_step(path):
        return read(path)
    if Run(path).exists() or Run(path).has("best"):
        return Run(path).read()
    shown = printable(str(path))
    if path.is_file():
        raise CheckpointError(
            f"{shown} is a file, and a checkpoint is a folder; to learn from a text, "
            f"use: chargen train {shown}"
        )
    raise CheckpointError(f"{shown} holds no checkpoint: it has neither a run nor a step")


def run_to_resume(corpus: Path, out: Path | None) -> Run | None:
    """Return the run in `out`, or the newest one of the corpus; None: there is none.

    Where `out` is a step directory, it is the run that holds it.
    """
    if out is not None and is_step(out) and Run(out.parent).exists():
        return Run(out.parent)
    if out is not None:
        return Run(out) if Run(out).exists() else None
    found = []
    for folder in _folders(RUNS):
        run = Run(folder)
        try:
            description = run.description() if run.exists() else {}
        except CheckpointError:  # a damaged run is no reason to refuse another one
            continue
        sources = description.get("corpus")
        first = sources[0] if isinstance(sources, list) and sources else {}
        if isinstance(first, dict) and first.get("name") == corpus.name:
            found.append((str(description.get("created")), folder.name, run))
    return max(found, key=lambda item: item[:2])[2] if found else None


def take_folder(
    corpus: Path, out: Path | None, old: Run | None, overwrite: bool
) -> tuple[Run, Path | None, bool]:
    """Return the run, where the run that it replaces was put, and whether it is new."""
    if old is not None:
        return old, None, False
    if out is None:
        if overwrite:
            raise SettingsError("--overwrite needs --out, the run that it replaces")
        count = 1
        try:
            RUNS.mkdir(parents=True, exist_ok=True)
        except OSError as error:  # a link to nowhere, say
            raise _no_folder(RUNS, error) from error
        while True:
            folder = RUNS / (corpus.stem if count == 1 else f"{corpus.stem}-{count}")
            try:
                folder.mkdir()
            except FileExistsError:
                count += 1
            except OSError as error:
                raise _no_folder(folder, error) from error
            else:
                return Run(folder), None, True
    if out.is_symlink() or not out.name:  # the folder itself is what is replaced
        out = out.resolve()
    shown = printable(str(out))
    replaced = None
    try:
        if Run(out).exists():
            if not overwrite:
                raise SettingsError(
                    f"{shown} holds a run already: go on with it with --resume, or "
                    "replace it with --overwrite"
                )
            if not Run(out).is_only_a_run():
                raise SettingsError(
                    f"{shown} holds more than a run: chargen does not replace it. Choose "
                    "another --out"
                )
            busy = Run(out)
            busy.lock()  # nobody is training it
            busy.unlock()
            stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
            replaced = out.with_name(f"{out.name}.replaced-{stamp}")
            os.rename(out, replaced)
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise SettingsError(
                f"{shown} is there and is no run: chargen does not write into it. "
                "Choose another --out"
            )
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(out, error) from error
    return Run(out), replaced, True


def _no_folder(folder: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"cannot make the folder {printable(str(folder))}: {error.strerror}"
    )
