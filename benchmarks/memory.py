"""How much memory a training takes: what chargen foresees is made from these figures.

Usage: python benchmarks/memory.py [UNITS ...]   (Linux only)

Each size is trained for two updates in a process of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

CODE = """
import sys, chargen
with chargen.prepare("harbour-plays", steps=2, units=int(sys.argv[1]), validation=0,
                     batch_size=32, out=sys.argv[2]) as job:
    job.train()
    size = len(job.resolved.corpus.vocabulary)
    print(job.settings.model.parameters(size))
print(open("/proc/self/status").read())
"""
GIB = 2**30


def measured(units: int, folder: str) -> tuple[int, float, float]:
    """Return the weights of a model, and the most addresses and memory of its training."""
    words = [sys.executable, "-c", CODE, str(units), f"{folder}/{units}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = {}
    for name in ("VmPeak", "VmHWM"):
        match = re.search(rf"{name}:\s+(\d+) kB", done)
        assert match is not None
        found[name] = int(match[1]) * 1024 / GIB
    return int(done.split()[0]), found["VmPeak"], found["VmHWM"]


def main() -> None:
    """Print a table."""
    print("| units × layers | weights | addresses, GiB | memory, GiB | bytes a weight |")
    print("|---|---|---|---|---|")
    first: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for units in map(int, sys.argv[1:] or ("64", "512", "1024", "2048")):
            weights, addresses, memory = measured(units, str(Path(folder)))
            first = first or (weights, memory)
            more = weights - first[0]
            each = f"{(memory - first[1]) * GIB / more:.0f}" if more else ""
            print(f"| {units}×2 | {weights:,} | {addresses:.2f} | {memory:.2f} | {each} |")


if __name__ == "__main__":
    main()
