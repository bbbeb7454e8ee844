"""The index behind the copy guard: time, memory, and what a look-up costs.

Usage: python benchmarks/copy_index.py [MILLIONS ...]   (Linux only; takes minutes)

Texts of so many million characters, drawn from 65 or 6,000 at random so that no window
repeats, are indexed in windows of 21 characters. Each has a process of its own and is read
from a file, as `chargen sample --corpus` reads it. A look-up says which characters would
copy, for one text whose last 20 characters stand in the corpus or do not. `each` is what it
would cost to search for a hash of every character that may come next. Times are those of
the processor; memory is what was resident at most, less what was before.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chargen.sampling.copies import CopyGuard, CopyIndex
from chargen.text.reading import TextFile, read_blocks
from chargen.text.vocabulary import Vocabulary

WINDOW = 21
BLOCK = 10**6  # characters written at a time
LOOKUPS = 2_000
KINDS = {65: ord("0"), 6_000: ord("一")}
"""How many different characters there are, and the first one."""


def write(path: Path, kinds: int, size: int) -> None:
    """Write a text of so many random characters."""
    random, first = np.random.default_rng(0), KINDS[kinds]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(0, size, BLOCK):
            codes = random.integers(first, first + kinds, BLOCK, np.uint32)
            file.write(codes.tobytes().decode("utf-32-le"))


def resident() -> float:
    """Return the megabytes that were resident at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def microseconds(function: Callable[[int], object]) -> float:
    """Return what a call costs, given the number of the call."""
    started = time.process_time()
    for number in range(LOOKUPS):
        function(number)
    return (time.process_time() - started) / LOOKUPS * 1e6


def measure(path: Path) -> None:
    """Index a file and print the cells of its row."""
    before, started = resident(), time.process_time()
    index = CopyIndex.of([read_blocks(TextFile(path))], WINDOW)
    seconds, memory = time.process_time() - started, resident() - before
    with path.open(encoding="utf-8") as file:
        head = file.read(BLOCK)
    vocabulary, random = Vocabulary.from_text(head), np.random.default_rng(1)
    guard, ids = CopyGuard(index, vocabulary), vocabulary.encode(head).tolist()
    places = random.integers(WINDOW, len(ids), LOOKUPS).tolist()
    known = [[ids[place - WINDOW : place]] for place in places]
    other = [[text[::-1]] for (text,) in known]
    assert guard.copies([text for (text,) in known]).any(axis=1).all()
    assert not guard.copies([text for (text,) in other]).any()
    hashes = random.integers(0, 2**64, (LOOKUPS, len(vocabulary)), np.uint64)
    search = index.numbers.searchsorted
    costs = [
        microseconds(lambda number: guard.copies(known[number])),
        microseconds(lambda number: guard.copies(other[number])),
        microseconds(lambda number: search(hashes[number])),
    ]
    print(f"{len(index):,} | {seconds:.1f} s | {memory:,.0f} MB", end="")
    print(*(f" | {cost:,.0f} µs" for cost in costs), sep="", end=" |")


def main() -> None:
    """Print a table."""
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
        return
    print("| V | characters | windows | time | memory | copying | not copying | each |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        for kinds in KINDS:
            for millions in map(int, sys.argv[1:] or ("1", "10", "100")):
                write(path, kinds, millions * 10**6)
                words = [sys.executable, __file__, "--measure", str(path)]
                done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
                print(f"| {kinds:,} | {millions} M | {done.stdout}", flush=True)


if __name__ == "__main__":
    main()
