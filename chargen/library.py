"""From names to files: corpora and checkpoints, the user's own and those that ship.

Imports layers 0–1, `checkpoint` and `run`. An existing path always wins over a name.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import re
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from chargen.checkpoint import Checkpoint, read
from chargen.errors import CheckpointError, SettingsError, TextError, printable
from chargen.files import MAX_MESSAGE
from chargen.run import POINTERS, Run, is_step

RUNS = Path("checkpoints")
"""Where runs are kept, below the folder one works in."""

REPLACED = ".replaced-"
"""What a run is called, besides its name and the time, until its replacement is safe."""


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
        raise TextError(f"{printable(name)} is a folder, and no text file")
    if _exists(path):
        return path
    for bundled in bundled_corpora():
        if name in (bundled.stem, bundled.name):
            return bundled
    names = [bundled.stem for bundled in bundled_corpora()]
    here = [p.name for p in _folders(path.parent) if p.is_file()]
    raise TextError(
        f"there is no file {printable(name[:MAX_MESSAGE])}, and no bundled corpus of that "
        f"name (those are {', '.join(names)}){_near(path.name, [*here, *names])}"
    )


def _near(name: str, names: Iterable[str]) -> str:
    """Suggest the name that was meant, if one is like it, endings such as .txt aside."""
    folded = {Path(known).stem.casefold(): known for known in names}
    import difflib  # slow, and only errors need it

    near = difflib.get_close_matches(Path(name).stem.casefold(), folded, 1)
    return f". Did you mean {printable(folded[near[0]])}?" if near else "."


def checkpoint_folders() -> list[Path]:
    """Return the folders in which the name of a run is looked up, in this order."""
    home = os.environ.get("CHARGEN_HOME")
    return [RUNS, *([Path(home)] if home else []), BUNDLED_CHECKPOINTS]


def runs_in(places: Iterable[Path]) -> list[Run]:
    """Return the runs that are, or lie in, some folders: by folder, then by name."""
    found = []
    for place in places:
        folders = [place] if Run(place).exists() else _folders(place)
        found += [Run(folder) for folder in folders if Run(folder).exists()]
    return found


def known_runs() -> list[tuple[str, Path]]:
    """Return (name, folder) of every run that a bare name finds, best place first."""
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
        for folder in (Path(), *checkpoint_folders()):
            if _exists(folder / name):
                return folder / name
    runs = [run for run, _ in known_runs()]
    looked = ", ".join(printable(str(folder)) for folder in checkpoint_folders())
    raise CheckpointError(
        f"there is no checkpoint {printable(name)!r}{_near(name, runs)} "
        f"There are: {', '.join(map(printable, runs)) or 'none'}. Looked in: {looked}"
    )


def newer_run(folder: Path) -> Path | None:
    """Return the newest run that training a text again has put beside its first one.

    None where `folder` is no such first run, or there is none.
    """
    found = []
    for path in _folders(folder.parent):
        match = re.fullmatch(rf"{re.escape(folder.name)}-([0-9]{{1,9}})", path.name)
        if match and Run(path).has("latest") and _corpus_name(path) == _corpus_name(folder):
            found.append((int(match[1]), path))
    return max(found)[1] if found and _corpus_name(folder) else None


def _corpus_name(folder: Path) -> str | None:
    """Return the name of the text that a run learned from, if it can be told."""
    try:
        sources = Run(folder).description().get("corpus")
    except CheckpointError:
        return None
    return str(sources[0].get("name")) if sources else None


def hidden(folder: Path) -> bool:
    """Whether the name of a run's folder, alone, means another one or nothing."""
    try:
        return find_checkpoint(folder.name) != folder
    except CheckpointError:
        return True


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
    if path.name in POINTERS and (Run(path.parent).exists() or os.path.isfile(path)):
        return Run(path.parent).read(path.name)
    if is_step(path):
        return read(path)
    aside = set_aside(path)
    if Run(path).has("best") or (Run(path).exists() and aside is None):
        return Run(path).read()
    shown = printable(str(path))
    if aside is not None:
        raise CheckpointError(
            f"{shown} holds no checkpoint yet: the run that is being replaced is in "
            f"{printable(str(aside))} until then"
        )
    if path.is_file():
        raise CheckpointError(
            f"{shown} is a file, and a checkpoint is a folder; to learn from a text, "
            f"use: chargen train {shown}"
        )
    raise CheckpointError(
        f"{shown} holds no checkpoint: it has neither a run nor a step{_runs_below(path)}"
    )


def _runs_below(folder: Path) -> str:
    """Name the runs in a folder that is none itself."""
    names = [printable(run.folder.name) for run in runs_in([folder])]
    return f". These are runs: {', '.join(names[:5])}" if names else ""


def run_to_resume(corpus: Path, out: Path | None) -> Run | None:
    """Return the run in `out`, or the newest one of the corpus; None: there is none.

    One that was stopped before its first checkpoint comes last, however new it is.
    Where `out` is a step directory, it is the run that holds it.
    """
    if out is not None and is_step(out) and Run(out.parent).exists():
        return Run(out.parent)
    if out is not None:
        aside = set_aside(out)
        if aside is not None:
            raise _cut_short(out, aside)
        if Run(out).exists():
            return Run(out)
        meant = out.parent if out.name in POINTERS else RUNS / out
        if Run(meant).exists() and (out.name in POINTERS or not _exists(out)):
            raise SettingsError(
                f"{printable(str(out))} is no run to go on with: did you mean "
                f"--out {shlex.quote(printable(str(meant)))}?"
            )
        return None
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
            begun = any(run.has(pointer) for pointer in POINTERS)
            found.append((begun, str(description.get("created")), folder.name, run))
    return max(found, key=lambda item: item[:3])[3] if found else None


def set_aside(folder: Path) -> Path | None:
    """Return the run that one without a checkpoint was to replace, when that was cut short.

    The newest, if there are several; None where `folder` has a checkpoint of its own.
    """
    if any(Run(folder).has(pointer) for pointer in POINTERS):
        return None
    prefix = f"{folder.name}{REPLACED}"
    found = [path for path in _folders(folder.parent) if path.name.startswith(prefix)]
    return next((path for path in reversed(found) if Run(path).exists()), None)


def take_folder(
    corpus: Path, out: Path | None, old: Run | None, overwrite: bool
) -> tuple[Run, Path | None, bool]:
    """Return the run, where the run that it replaces was put, and whether it is new."""
    if old is not None:
        return old, None, False
    if out is None and overwrite:
        raise SettingsError("--overwrite needs --out, the run that it replaces")
    if out is None:
        return _first_free(corpus.stem), None, True
    try:
        if os.path.islink(out):  # the folder itself is what is replaced
            out = out.resolve()
        replaced = _make_room(out, overwrite)
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        raise _no_folder(out, error) from error
    return Run(out), replaced, True


def _first_free(name: str) -> Run:
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
    return Run(folder)


def _make_room(out: Path, overwrite: bool) -> Path | None:
    """Put a run that is to be replaced aside; return where it is now, if there was one."""
    shown = printable(str(out))
    aside = set_aside(out)
    if aside is not None:  # by a training that was cut short
        if not overwrite:
            raise _cut_short(out, aside)
        if out.exists():
            _require_replaceable(Run(out))
            shutil.rmtree(out)
        return aside
    if Run(out).exists():
        if not overwrite:
            raise SettingsError(
                f"{shown} holds a run already: go on with it with --resume, or replace it "
                "with --overwrite"
            )
        _require_replaceable(Run(out))
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        aside = out.with_name(f"{out.name}{REPLACED}{stamp}")
        os.rename(out, aside)
        return aside
    if out.exists() and not (out.is_dir() and Run(out).is_nothing()):
        lost = Run(out).steps() if out.is_dir() else []
        what = "has checkpoints, but its run.json is missing" if lost else "is no run"
        raise SettingsError(
            f"{shown} is there and {what}: chargen does not write into it. Choose another "
            "--out"
        )
    return None


def _require_replaceable(run: Run) -> None:
    """Refuse to replace what is more than a run, and what another process trains."""
    if not (run.is_nothing() or run.is_only_a_run()):
        raise SettingsError(
            f"{printable(str(run.folder))} holds more than a run: chargen does not replace "
            "it. Choose another --out"
        )
    run.lock()
    run.unlock()


def _cut_short(folder: Path, aside: Path) -> SettingsError:
    shown, kept = (shlex.quote(printable(str(path))) for path in (folder, aside))
    return SettingsError(
        f"a training that is to replace the run in {shown} has no checkpoint yet. If it "
        f"was cut short: the run is in {kept}; to go on with it, --resume --out {kept}; to "
        f"replace it, --overwrite --out {shown}"
    )


def _no_folder(folder: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or "a link leads to itself"
    return SettingsError(
        f"cannot make the folder {printable(str(folder)[:MAX_MESSAGE])}: {reason}"
    )
