"""The time from starting the process to the first character, and the speed after it.

Usage: python benchmarks/first_character.py [CHECKPOINT] [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import chargen

LENGTH = 20_000


def first_character(checkpoint: str) -> float:
    """Return the seconds from the start of `chargen sample` to its first character."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "chargen", "sample", checkpoint, "--seed", "1"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(1)
    seconds = time.perf_counter() - started
    process.communicate()
    return seconds


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", nargs="?", default="harbour-plays")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    model = chargen.load(arguments.checkpoint)
    starts, speeds = [], []
    for _ in range(arguments.rounds):
        starts.append(first_character(arguments.checkpoint))
        started = time.perf_counter()
        for _ in chargen.generate(model, length=LENGTH, seed=1):
            pass
        speeds.append(LENGTH / (time.perf_counter() - started))
    print(
        f"{arguments.checkpoint}: first character after {statistics.median(starts):.3f} s "
        f"(from {min(starts):.3f} to {max(starts):.3f}), then "
        f"{statistics.median(speeds):,.0f} characters a second; "
        f"{arguments.rounds} rounds"
    )


if __name__ == "__main__":
    main()
