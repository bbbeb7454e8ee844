"""The hashes of the items that a run learned from, in a file of the run: `items.u64`.

They are kept on request, so that a sampler can tell new items from copied ones without the
training text. The file holds little-endian 64-bit numbers in ascending order, each once:
what `item_hash` makes of each item without its label. Hashes of short items can be guessed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chargen.errors import CheckpointError
from chargen.system.files import read_file, replace_file, writing

ITEMS = "items.u64"

MAX_ITEMS = 2**26
"""How many items are remembered at most; that is 512 MB."""

Hashes = npt.NDArray[np.uint64]


def write_items(folder: Path, hashes: Hashes) -> None:
    """Write the hashes of items into a run's folder, in place of those that are there.

    Args:
        folder: the run's folder.
        hashes: uint64 (n,), in any order.

    Raises:
        CheckpointError: they cannot be written, or are more than `MAX_ITEMS`.
    """
    path, distinct = folder / ITEMS, np.unique(hashes)
    if len(distinct) > MAX_ITEMS:
        raise CheckpointError(
            f"{len(distinct):,} items are more than the {MAX_ITEMS:,} that can be "
            "remembered: leave out `remember_items`"
        )
    with writing(path):
        replace_file(path, distinct.astype("<u8").tobytes())


def has_items(folder: Path) -> bool:
    """Whether a run remembers the items that it learned from."""
    return os.path.lexists(folder / ITEMS)  # a link is there, too, and will be refused


def read_items(folder: Path) -> Hashes:
    """Return the hashes of the items that a run learned from, sorted, uint64 (n,).

    Raises:
        CheckpointError: the file is missing, unreadable, not regular, too large or damaged.
    """
    path = folder / ITEMS
    data = read_file(path, 8 * MAX_ITEMS)
    if len(data) % 8:
        raise CheckpointError(f"{path} is damaged: its size is not a multiple of 8 bytes")
    hashes = np.frombuffer(data, "<u8").astype(np.uint64, copy=False)
    if (hashes[1:] <= hashes[:-1]).any():
        raise CheckpointError(f"{path} is damaged: its numbers are not in ascending order")
    return hashes
