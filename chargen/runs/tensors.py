"""safetensors files, written by their library and read in pieces.

A reader that holds a whole file in memory pays for it twice, and pays before it knows what
the file is. Here the header is checked first; then the arrays, and nothing else, are
allocated, and filled while their bytes are hashed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from chargen.checks import is_count
from chargen.system.files import opened, parse_json

DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
"""The dtypes of safetensors that a checkpoint may hold, with NumPy's names for them."""

MAX_HEADER = 2**20
MAX_DIMENSIONS = 8
PIECE = 2**22  # bytes

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Entry:
    """What a header says of one array.

    Attributes:
        dtype: its name in safetensors.
        shape: its dimensions.
        begin, end: its place in the data, in bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def tensor_bytes(arrays: Arrays) -> bytes:
    """Return arrays as a safetensors file."""
    # safetensors writes an array's memory as it is, whatever its strides.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return safetensors.numpy.save(whole)


def read_tensors(
    path: Path, size: int, sha256: str, check: Callable[[dict[str, Entry]], None]
) -> dict[str, npt.NDArray[Any]]:
    """Read a safetensors file.

    Args:
        path: the file.
        size: its size in bytes, as recorded elsewhere.
        sha256: its hash, likewise.
        check: called with the header before anything is allocated for an array; raises a
            `ValueError` if the header is not what is expected.

    Raises:
        CheckpointError: the file is missing, unreadable, or not a regular file.
        ValueError: it is damaged, is not such a file, or has values that are not finite.
    """
    with opened(path) as (file, found):
        if found != size:
            raise ValueError(f"damaged: it has {found} bytes and should have {size}")
        digest = hashlib.sha256()
        header = _read_header(file, size, digest)
        check(header)
        arrays = {name: np.empty(e.shape, DTYPES[e.dtype]) for name, e in header.items()}
        bad = []
        for name in sorted(header, key=lambda name: (header[name].begin, header[name].end)):
            if not _fill(arrays[name], file, digest):
                bad.append(name)
        if digest.hexdigest() != sha256:
            raise ValueError("damaged: its SHA-256 is not the recorded one")
    if bad:
        raise ValueError(f"{bad[0]} has values that are not finite")
    # The library returns them in alphabetical order, and so do we.
    return {name: arrays[name] for name in sorted(arrays)}


def _read_header(file: BinaryIO, size: int, digest: Any) -> dict[str, Entry]:
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) != 8 or length > size - 8:
        raise ValueError("damaged: it ends within its header")
    if length > MAX_HEADER:
        raise ValueError(f"its header is longer than {MAX_HEADER:,} bytes")
    text = file.read(length)
    digest.update(start + text)
    found = parse_json(text)
    if not isinstance(found, dict):
        raise ValueError("its header is not an object")
    header = {name: _entry(name, value) for name, value in found.items()}
    end = 0
    for entry in sorted(header.values(), key=lambda e: (e.begin, e.end)):
        if entry.begin != end:
            raise ValueError("its arrays overlap, or leave gaps")
        end = entry.end
    if end != size - 8 - length:
        raise ValueError("its arrays do not fill it")
    return header


def _entry(name: str, value: object) -> Entry:
    shown = f"{name[:80]!a}"
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{shown} is not an array")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{shown} is of the type {str(dtype)[:20]!a}")
    counts = [shape, offsets]
    if not all(isinstance(x, list) and all(is_count(n) for n in x) for x in counts):
        raise ValueError(f"{shown} has no plausible shape or place")
    if len(shape) > MAX_DIMENSIONS or len(offsets) != 2:
        raise ValueError(f"{shown} has no plausible shape or place")
    begin, end = offsets
    if end - begin != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError(f"{shown} has a place that does not fit its shape")
    return Entry(dtype, tuple(shape), begin, end)


def _fill(array: npt.NDArray[Any], file: BinaryIO, digest: Any) -> bool:
    """Fill an array from a file, and return whether its values are finite."""
    flat = array.reshape(-1)
    step = PIECE // array.itemsize
    finite = True
    for start in range(0, flat.size, step):
        piece = flat[start : start + step]
        memory = piece.view(np.uint8).data
        if file.readinto(memory) != len(memory):  # type: ignore[attr-defined]
            raise ValueError("damaged: it became shorter while it was read")
        digest.update(memory)
        finite = finite and bool(np.isfinite(piece).all())
    return finite
