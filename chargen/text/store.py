"""Encoded texts on disk: a large text is read once, however often it is trained on.

A store is a folder under the user's cache folder, named after the files that it was made
of and the way they were read:

    <cache>/texts/<key>/
      store.json     the files with their sizes, times and hashes; characters; counts
      codes.bin      the codes, little-endian, of the type that store.json names
      items.bin      where items begin, int64 (n + 1,), then their hashes, uint64 (n,)

It is written under a temporary name and renamed, so that no process sees half of one, and
it is not used when it is damaged or when a file has changed. Removing it costs nothing but
the time of reading the text again, and whoever reads or writes it at that moment goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from chargen.display import printable
from chargen.errors import ChargenError, TextError
from chargen.system.files import TEMPORARY, dump_json, listed, read_json, replace_file
from chargen.text.encoded import TYPES, Encoded, ReadFile

VERSION = 1
ABOUT, CODES, ITEMS = "store.json", "codes.bin", "items.bin"
MAX_ABOUT = 2**27  # bytes: a folder may have a million files
BLOCK = 2**22
ABANDONED = 3600.0  # seconds without a change after which nobody is writing a store

# What a store records of each file. Where it is, is known to whoever asks for the store.
RECORDED = ("encoding", "sureness", "size", "modified", "sha256")


@dataclass(frozen=True)
class Cached:
    """A store, as `chargen cache` shows it.

    Attributes:
        folder: where it is.
        size: its bytes.
        names: the names of the files that it was made of; empty if it is damaged or not
            complete.
    """

    folder: Path
    size: int
    names: tuple[str, ...]


def default_cache() -> Path:
    """Return the user's cache folder for chargen."""
    import platformdirs  # only large texts need it

    return Path(platformdirs.user_cache_dir("chargen", appauthor=False))


def texts_in(cache: Path) -> Path:
    """Return the folder of the stores in a cache folder."""
    return cache / "texts"


def key_of(paths: Sequence[Path], reading: Mapping[str, Any]) -> str:
    """Return the name of the store of some files, read in some way."""
    names = [os.path.abspath(path) for path in paths]
    found = json.dumps([VERSION, names, dict(reading)], sort_keys=True)
    return hashlib.sha256(found.encode("utf-8", "surrogateescape")).hexdigest()[:32]


@contextlib.contextmanager
def new_store(cache: Path, key: str) -> Iterator[Path]:
    """Yield a folder for a store, made by `open_codes` and given its name by `publish`.

    Raises:
        TextError: the cache folder cannot be written.
    """
    texts = texts_in(cache)
    temporary = texts / f"{TEMPORARY}{key}-{os.urandom(4).hex()}"
    try:
        texts.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(texts)
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # gone if it was published
    except OSError as error:
        raise TextError(
            f"cannot keep the text in {texts}: {error.strerror}. Choose another folder "
            "with `cache`, or do without with `no_cache=True`"
        ) from error


def publish(temporary: Path, cache: Path, key: str, encoded: Encoded) -> Encoded:
    """Complete a store and give it its name; return the text, which is read from there.

    Where that fails, the text is there all the same, as long as the process lives: a file
    that is open can be removed, or on Windows cannot.
    """
    codes, folder = encoded.codes, texts_in(cache) / key
    if isinstance(codes, np.ndarray):
        raise ValueError("the text is in memory")
    try:
        _write_about(temporary, encoded, codes)
        if os.name == "nt":  # which renames no folder that holds an open file
            codes.close()
        _remove(folder)
        os.rename(temporary, folder)
    except OSError:  # another process was faster, or the cache was cleared
        folder = temporary
    if codes.closed:
        codes = (folder / CODES).open("rb")
    return dataclasses.replace(encoded, codes=codes)


def _write_about(folder: Path, encoded: Encoded, codes: BinaryIO) -> None:
    """Write what a store says of itself, once its codes are there.

    Raises:
        OSError: the disk or the file system refuses.
    """
    with (folder / ITEMS).open("x+b") as items:
        items.write(encoded.starts.astype("<i8").tobytes())
        items.write(encoded.hashes.astype("<u8").tobytes())
        checks = {CODES: _check_of(codes), ITEMS: _check_of(items)}
    about = {
        "version": VERSION,
        "dtype": encoded.dtype.name,
        "characters": encoded.characters,
        "counts": encoded.counts.tolist(),
        "items": len(encoded.hashes),
        "skipped": encoded.skipped,
        "checks": checks,
        "names": [printable(os.path.basename(file.path)) for file in encoded.files],
        # A list for each attribute: objects would be too many.
        "files": {name: [getattr(f, name) for f in encoded.files] for name in RECORDED},
    }
    (folder / ABOUT).write_bytes(_sealed(about))


def _sealed(about: dict[str, Any]) -> bytes:
    """Return what a store says of itself as JSON, with a check of that."""
    check = zlib.crc32(dump_json(about, indent=None))
    return dump_json({**about, "check": check}, indent=None)


def _unsealed(folder: Path) -> dict[str, Any]:
    """Return what a store says of itself; any error means that it is damaged."""
    about = read_json(folder / ABOUT, MAX_ABOUT)
    if not isinstance(about, dict):
        raise ValueError("it is no object")
    check = about.pop("check")
    if check != zlib.crc32(dump_json(about, indent=None)):
        raise ValueError(f"{ABOUT} has changed")
    if about["version"] != VERSION:
        raise ValueError("it is of another version")
    return about


def open_store(cache: Path, key: str, paths: Sequence[Path]) -> Encoded | None:
    """Return a stored text; None if there is none, or it is damaged, or a file changed.

    A file whose time alone has changed is read again, to compare its hash.

    Args:
        cache: the cache folder.
        key: what `key_of` returned for `paths`.
        paths: the files that the text is made of.
    """
    folder = texts_in(cache) / key
    with contextlib.ExitStack() as unless_used:
        try:
            # Opened first, so that what is checked is what will be read, even if another
            # process puts a new store in this one's place.
            codes = unless_used.enter_context((folder / CODES).open("rb"))
            about = _unsealed(folder)
            encoded = _read(folder, about, codes, paths)
        except (ChargenError, OSError, ValueError, TypeError, KeyError):
            return None
        files = [_unchanged(file) for file in encoded.files]
        if not all(files):
            return None
        found = dataclasses.replace(encoded, files=tuple(file for file in files if file))
        if found.files != encoded.files:
            about["files"]["modified"] = [file.modified for file in found.files]
            with contextlib.suppress(OSError):
                replace_file(folder / ABOUT, _sealed(about))
        unless_used.pop_all()
        return found


def _read(
    folder: Path, about: dict[str, Any], codes: BinaryIO, paths: Sequence[Path]
) -> Encoded:
    """Make a text of a store; any error means that it is damaged."""
    with (folder / ITEMS).open("rb") as items:
        for name, file in ((CODES, codes), (ITEMS, items)):
            if _check_of(file) != about["checks"][name]:
                raise ValueError(f"{name} has changed")
        items.seek(0)
        index = np.frombuffer(items.read(), "<i8")
    cut = about["items"] + 1 if about["items"] else 0
    places = map(os.path.abspath, paths)
    recorded = (about["files"][name] for name in RECORDED)
    files = zip(places, *recorded, strict=True)
    return Encoded(
        files=tuple(
            ReadFile(path, **dict(zip(RECORDED, values, strict=True)))
            for path, *values in files
        ),
        characters=about["characters"],
        counts=np.array(about["counts"], np.int64),
        dtype={known.name: known for known in TYPES}[about["dtype"]],
        codes=codes,
        starts=index[:cut].astype(np.int64),
        hashes=index[cut:].view("<u8").astype(np.uint64),
        skipped=about["skipped"],
    )


def _check_of(file: BinaryIO) -> list[int]:
    """Return the size of a file and the CRC-32 of its bytes."""
    size = check = 0
    file.seek(0)
    while data := file.read(BLOCK):
        size += len(data)
        check = zlib.crc32(data, check)
    return [size, check]


def _unchanged(file: ReadFile) -> ReadFile | None:
    """Return a file as it is now, or None if what it holds has changed."""
    try:
        status = os.stat(file.path)
        if status.st_size != file.size:
            return None
        if status.st_mtime_ns == file.modified:
            return file
        with open(file.path, "rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
    if digest != file.sha256:
        return None
    return dataclasses.replace(file, modified=status.st_mtime_ns)


def stored(cache: Path) -> list[Cached]:
    """Return the stores in a cache folder, and what is left of others."""
    found = []
    for folder in filter(os.path.isdir, listed(texts_in(cache))):
        size = 0
        for path in listed(folder):
            with contextlib.suppress(OSError):  # it was removed at this moment
                size += path.stat().st_size
        names: tuple[str, ...] = ()
        with contextlib.suppress(ChargenError, ValueError, TypeError, KeyError):
            names = tuple(map(str, _unsealed(folder)["names"]))
        found.append(Cached(folder, size, names))
    return found


def clear(cache: Path) -> int:
    """Remove all stores in a cache folder; return how many bytes that freed.

    Trainings that use one at the moment go on. Where the system lets no open file be
    removed, it stays.
    """
    before = stored(cache)
    for each in before:
        _remove(each.folder)
    return sum(each.size for each in before) - sum(each.size for each in stored(cache))


def _remove(folder: Path) -> None:
    """Remove a store, never leaving half of one under its name."""
    doomed = folder.with_name(f"{TEMPORARY}removed-{os.urandom(4).hex()}")
    with contextlib.suppress(OSError):
        os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _remove_abandoned(texts: Path) -> None:
    """Remove what processes that were killed have left half written or half removed."""
    for folder in texts.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            changed = max(os.stat(path).st_mtime for path in (folder, *listed(folder)))
            if time.time() - changed > ABANDONED:
                shutil.rmtree(folder)


def open_codes(folder: Path) -> BinaryIO:
    """Open the file of a new store's codes for writing and reading.

    Raises:
        OSError: the disk or the file system refuses.
    """
    while True:
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the cache was cleared just now
            return (folder / CODES).open("x+b")
