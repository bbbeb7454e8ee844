"""Files as the rest of chargen reads and writes them: bounded, strict and flushed.

Strict JSON is UTF-8 without NaN or Infinity, without a key that occurs twice in an object,
and without endless nesting, so that a stranger's file can hold only what a reader expects.
Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from chargen.errors import CheckpointError

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

MAX_JSON = 2 * 2**20
MAX_STRUCTURE = 50_000
"""The most bytes of a JSON file, and the most lists, objects and keys in it.

Once parsed, each of these takes up to 300 bytes.
"""

TEMPORARY = ".tmp-"
"""How the name of anything begins that is being written or removed."""

MAX_MESSAGE = 500
"""The most characters that a message says about a file, because it may quote the file."""


def dump_json(value: object, *, indent: int | None = 2) -> bytes:
    """Return `value` as UTF-8 JSON, ended by a newline; on one line without `indent`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return (text + "\n").encode("utf-8")


def parse_json(data: bytes) -> Any:
    """Parse strict JSON: UTF-8, no NaN or Infinity, no key twice, no endless nesting.

    Raises:
        ValueError: it is something else.
    """
    if sum(map(data.count, (b"[", b"{", b":"))) > MAX_STRUCTURE:  # in strings, too
        raise ValueError(f"it has more than {MAX_STRUCTURE:,} lists, objects and keys")
    try:
        found = _STRICT.decode(data.decode("utf-8"))
        if _SURROGATE.search(data):  # half of one has no place in UTF-8
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a surrogate pair") from error
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


_STRICT = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_constant=_refuse_constant, parse_float=_finite
)


def save_file(path: Path, data: bytes) -> None:
    """Write a file of the user's at a stroke: a link stays one, and who may read it stays.

    A device or a pipe is written into.

    Raises:
        OSError: it cannot be written; a regular file is what it was.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    mode = stat.S_IMODE(target.stat().st_mode) if exists(target) else None
    replace_file(target, data)
    if mode is not None:
        target.chmod(mode)


def read_json(path: Path, limit: int = MAX_JSON) -> Any:
    """Read a strict JSON file; a CheckpointError says what is wrong with it."""
    data = read_file(path, limit)
    try:
        return parse_json(data)
    except ValueError as error:
        reason = str(error)[:MAX_MESSAGE]
        raise CheckpointError(f"{path} is not sound JSON: {reason}") from error


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        CheckpointError: it is missing, unreadable, too large, a link, or not regular.
    """
    with opened(path) as (file, size):
        if size > limit:
            raise CheckpointError(
                f"{path} has {size:,} bytes, more than the {limit:,} allowed"
            )
        return file.read(size)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading, and yield it with its size.

    A link is refused, because in a stranger's run or checkpoint it might lead anywhere. So
    is anything that may block, act or never end when it is read.

    Raises:
        CheckpointError: the file is missing, unreadable, a link, or not a regular file; or
            reading it fails.
    """
    where = str(path)
    try:
        require_regular(path)
        # The file may have been replaced since then: the flags hold for what is there now.
        flags = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
        handle = os.open(path, os.O_RDONLY | sum(getattr(os, f, 0) for f in flags))
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise CheckpointError(f"{where} is not a regular file")
            yield file, status.st_size
    except OSError as error:
        raise CheckpointError(f"cannot read {where}: {error.strerror}") from error


def require_regular(path: Path) -> None:
    """Refuse anything but a regular file, even a link to one.

    Raises:
        CheckpointError: it is a link, a folder, a device or the like.
        OSError: nothing is there, or it cannot be looked at.
    """
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise CheckpointError(
            f"{path} is a link, which may lead anywhere: put the file itself there"
        )
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{path} is not a regular file")


def write_file(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, and flush it to the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file by `data` at a stroke: readers see either the old or the new one."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # of a dead process that had our number
        write_file(temporary, data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # only there after a failure
    sync_folder(path.parent)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError within the context into a CheckpointError.

    Raises:
        CheckpointError: there was one; the message says that `path` cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can."""
    if os.name == "nt":  # Windows opens no folders; NTFS journals its entries
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def exists(path: Path) -> bool:
    """Whether something is there; False for a name that the file system does not allow."""
    return os.path.exists(path)


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted; nothing if the folder may not be looked into."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def shipped(name: str, in_checkout: str) -> Path:
    """Return a folder that ships with chargen: in the installed package, or a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / name
    return installed if installed.is_dir() else package.parent / in_checkout
