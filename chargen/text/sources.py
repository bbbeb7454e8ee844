"""From names to files, folders and standard input: the sources of a corpus."""

from __future__ import annotations

import atexit
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from chargen.display import printable, suggestion
from chargen.errors import TextError
from chargen.system.files import MAX_MESSAGE, exists, listed, shipped
from chargen.text.fetch import fetched_corpora, public_text

STANDARD_INPUT = "-"
STDIN = "stdin"
"""How standard input is typed, and how it is recorded."""

OURS = ("run.json", "checkpoint.json")
"""Files that show that a folder is a run or a step of one."""

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
"""How the names of compressed files end."""

if TYPE_CHECKING:
    from chargen.text.encoded import ReadFile

BUNDLED_CORPORA = shipped("corpora", "corpora")

BUNDLED_DOCUMENTS = {
    "harbour-plays": "none",
    "minerals": "lines",
    "sishi-jueju": "blank-lines",
}
"""What the bundled texts are made of."""

PARTS = ("train", "validation", "test")
"""What a text, or a part of one, is for."""

HELD_OUT = PARTS[1:]
"""The parts that are held out from training; both may be files of their own."""


@dataclass(frozen=True)
class Source:
    """A file, or a folder of files, that a corpus was read from.

    Attributes:
        role: one of `PARTS`. The parts that have no source of their own are cut off the
            text in the role "train".
        name: the name of the file or the folder, without what it lies in.
        size: the bytes of the file, or of all files.
        sha256: the SHA-256 of the file's bytes, in hexadecimal digits; of a folder, that of
            a listing of its files, as `listing_hash` makes it.
        files: how many files a folder gave; None for a file.
    """

    role: str
    name: str
    size: int
    sha256: str
    files: int | None = None

    def to_dict(self, version: int = 2) -> dict[str, Any]:
        """Return the entry of a format; in format 1, the place tells the role."""
        entry = {"name": self.name, "bytes": self.size, "sha256": self.sha256}
        return entry if version == 1 else {"role": self.role, **entry, "files": self.files}


def listing_hash(hashes: Iterable[tuple[str, str]]) -> str:
    """Return the hash of a folder, given (path below it, SHA-256) of each file, in order.

    It is the SHA-256 of the lines "<SHA-256>  <path>", each ended by a newline, in UTF-8:
    what `sha256sum` would print.
    """
    lines = "".join(f"{sha256}  {path}\n" for path, sha256 in hashes)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def recorded_sources(
    entries: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[Source, ...]:
    """Return the sources that a checkpoint or a run records.

    Format 1 says nothing about their roles: the text that is trained on comes first, then
    the file of the validation part, then that of the test part, each where `settings` has a
    file's name for it.

    Args:
        entries: the name, bytes and sha256 of each, and in format 2 its role and files.
        settings: the settings of the training.
    """
    entries = list(entries)
    roles = ["train", *(part for part in HELD_OUT if isinstance(settings.get(part), str))]
    roles += ["train"] * len(entries)  # for more entries than there should be
    return tuple(
        Source(
            str(entry.get("role", role)),
            str(entry.get("name", "")),
            entry.get("bytes", 0),
            str(entry.get("sha256", "")),
            entry.get("files"),
        )
        for entry, role in zip(entries, roles, strict=False)
    )


def is_bare(name: str) -> bool:
    """Whether a name leads nowhere else: it is no path, and not that of a folder above."""
    return Path(name).name == name and name not in ("", os.pardir)


def in_role(sources: Iterable[Source], role: str) -> list[Source]:
    """Return the sources in a role, in order."""
    return [source for source in sources if source.role == role]


def title(named: Sequence[Source | Input]) -> str:
    """Return what messages call a text, given what it is read from."""
    return named[0].name if len(named) == 1 else f"{len(named)} files"


def recorded_names(inputs: Sequence[Input]) -> str | tuple[str, ...]:
    """Return the names of inputs, as settings record them."""
    names = tuple(each.name for each in inputs)
    return names[0] if len(names) == 1 else names


@dataclass(frozen=True)
class Input:
    """What a user names: a file, a folder of files, or standard input.

    Attributes:
        name: its name, without what it lies in, as it is recorded.
        files: the files to read, in order.
        folder: the folder that they were found in; None for a file.
        skipped: how many files of the folder are not texts.
        passing: whether the file is a copy that is gone when the process ends.
    """

    name: str
    files: tuple[Path, ...]
    folder: Path | None = None
    skipped: int = 0
    passing: bool = False

    @property
    def stem(self) -> str:
        """What a run that learns from it is called: its name without suffixes."""
        if self.folder is not None:
            return Path(os.path.abspath(self.folder)).name or "folder"
        path = Path(STDIN) if self.passing else self.files[0]
        while path.suffix.lower() in COMPRESSED:
            path = path.with_suffix("")
        return path.stem

    def source(self, role: str, read: Sequence[ReadFile]) -> Source:
        """Return it as a source, given its files as they were read."""
        size = sum(file.size for file in read)
        if self.folder is None:
            return Source(role, self.name, size, read[0].sha256)
        below = [path.relative_to(self.folder).as_posix() for path in self.files]
        hashes = [file.sha256 for file in read]
        listing = listing_hash(zip(below, hashes, strict=True))
        return Source(role, self.name, size, listing, len(read))


def find_inputs(names: Iterable[str], *, glob: str | None = None) -> list[Input]:
    """Return what paths, names of bundled texts, and "-" mean, in the order given.

    Args:
        names: what the user names. A folder stands for the texts in it, at any depth, in
            the order of their paths, compared folder by folder; hidden ones are left out.
        glob: which files of folders to take, such as "*.txt"; None for all that are texts.

    Raises:
        TextError: there is no such file, or a folder holds no text.
    """
    return [_input(name, glob) for name in names]


def _input(name: str, glob: str | None) -> Input:
    if name == STANDARD_INPUT:
        return Input(STDIN, (_spooled(sys.stdin.buffer),), passing=True)
    path = Path(name)
    if exists(path) and not (path.is_file() or path.is_dir()):  # <(zcat log.gz), say
        with path.open("rb") as pipe:
            return Input(STDIN, (_spooled(pipe),), passing=True)
    if not (exists(path) and path.is_dir()):
        found = find_corpus(name)
        return Input(printable(found.name), (found,))
    files = list(_files_below(path))
    if glob is not None:
        chosen = [file for file in files if _matches(file.relative_to(path), glob)]
    else:
        chosen = [file for file in files if _is_text(file)]
    if not chosen:
        wanted = "text" if glob is None else f"file that matches {glob[:MAX_MESSAGE]!r}"
        raise TextError(f"the folder {name} holds no {wanted}")
    skipped = len(files) - len(chosen) if glob is None else 0
    absolute = Path(os.path.abspath(path))
    label = printable(absolute.name) or "folder"
    return Input(label, tuple(chosen), path, skipped)


def _matches(path: Path, glob: str) -> bool:
    try:
        return path.match(glob)
    except ValueError as error:
        raise TextError(f"{glob!r} matches no files: give `glob` like '*.txt'") from error


def _is_text(path: Path) -> bool:
    from chargen.text.formats.registry import is_text_like  # only folders need it

    try:
        return is_text_like(path)
    except OSError:  # reading it will say why
        return True


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, at any depth, without the hidden ones, in order.

    Runs and checkpoints are left out: they are what was learned from texts.
    """
    if any((folder / name).is_file() for name in OURS):
        return
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise TextError(f"cannot look into {folder}: {error.strerror}") from error
    for path in found:
        if path.name.startswith("."):
            continue
        if os.path.isdir(path):
            if not path.is_symlink():  # which may lead round in a circle
                yield from _files_below(path)
        elif os.path.isfile(path):
            yield path


def _spooled(stream: BinaryIO) -> Path:
    """Copy what can be read only once to a temporary file, which is removed at the end."""
    import shutil  # these are slow to load, and hardly ever needed
    import tempfile

    folder = tempfile.mkdtemp(prefix="chargen-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "standard input"  # what messages call it
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    return path


def bundled_corpora() -> list[Path]:
    """Return the text files that ship with chargen, by name."""
    return sorted(BUNDLED_CORPORA.glob("*.txt"))


def bundled_documents(inputs: Sequence[Input]) -> str | None:
    """Return what a bundled text is made of; None if it is another text."""
    if len(inputs) != 1 or inputs[0].folder is not None:
        return None
    path = inputs[0].files[0]
    return BUNDLED_DOCUMENTS.get(path.stem) if path.parent == BUNDLED_CORPORA else None


def find_corpus(name: str) -> Path:
    """Return the text file that a path or the name of a bundled corpus means.

    An existing path always wins over a name.

    Raises:
        TextError: there is none; the message lists the bundled ones.
    """
    path = Path(name)
    if exists(path) and path.is_dir():
        raise TextError(f"{name} is a folder, not a text file")
    if exists(path):
        return path
    known = [*bundled_corpora(), *fetched_corpora()]
    for corpus in known:
        if name in (corpus.stem, corpus.name):
            return corpus
    if public_text(name) is not None:
        raise TextError(
            f"{name} is not here yet. Fetch it first: chargen corpora fetch {name}"
        )
    names = [corpus.stem for corpus in known]
    here = [p.name for p in listed(path.parent) if os.path.isfile(p)]
    raise TextError(
        f"there is no file {name[:MAX_MESSAGE]}, and no bundled corpus of that name (those "
        f"are {', '.join(names)}){suggestion(path.name, [*here, *names])}"
    )
