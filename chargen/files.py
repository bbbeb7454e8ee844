"""Files as the rest reads and writes them: bounded, strict, flushed. Standard library only.

Strict JSON is UTF-8 without NaN or Infinity, without a key twice in an object and without
endless nesting: what a stranger's file may hold is what a reader expects.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

from chargen.errors import CheckpointError, printable

MAX_JSON = 16 * 2**20


def dump_json(value: object, *, indent: int | None = 2) -> bytes:
    """Return `value` as UTF-8 JSON, ended by a newline; on one line without `indent`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return (text + "\n").encode("utf-8")


def parse_json(data: bytes) -> Any:
    """Parse strict JSON: UTF-8, no NaN or Infinity, no key twice, no endless nesting.

    Raises:
        ValueError: it is something else.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def read_json(path: Path, limit: int = MAX_JSON) -> Any:
    """Read a strict JSON file; a CheckpointError says what is wrong with it."""
    data = read_file(path, limit)
    try:
        return parse_json(data)
    except ValueError as error:
        reason = printable(str(error))[:200]
        raise CheckpointError(
            f"{printable(str(path))} is no sound JSON: {reason}"
        ) from error


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        CheckpointError: it is missing, unreadable, too large, or no regular file.
    """
    where = printable(str(path))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"{where} is not a regular file")
        if status.st_size > limit:
            raise CheckpointError(
                f"{where} has {status.st_size:,} bytes, more than the {limit:,} allowed"
            )
        with path.open("rb") as file:
            return file.read(min(limit, status.st_size))
    except OSError as error:
        raise CheckpointError(f"cannot read {where}: {error.strerror}") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file and flush it to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can."""
    if os.name == "nt":  # Windows opens no folders; NTFS journals its entries
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
