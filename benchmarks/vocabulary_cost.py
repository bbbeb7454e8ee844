"""What the output layer and the embedding add to a training step, by vocabulary.

For each rung of the recipe's ladder, with an output layer of its own and tied to the
embedding, and each number V of different characters: microseconds a character of
chargen's step with SOAP in float32 (`train_speed.py`), the median of six seconds, each in
a process of its own. Prints a Markdown table.

Usage: .venv/bin/python benchmarks/vocabulary_cost.py [V]...
"""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import statistics
import sys
import time

import train_speed  # type: ignore[import-not-found]  # beside this file

from chargen.training.recipe import LADDER, Rung

EMBEDDING, SECONDS, LEAST_STEPS = 128, 6, 10


def microseconds(rung: Rung, size: int, tied: bool) -> float:
    """Return the time that a character takes, in microseconds."""
    train_speed.CHARACTERS, train_speed.EMBEDDING = size, EMBEDDING
    settings = train_speed.shape("lstm", rung.units, 2, rung.batch_size, rung.seq_length)
    settings = dataclasses.replace(settings, tied=tied)
    step = train_speed.chargen_step(settings, "float32", "soap")
    for _ in range(3):  # the first one compiles
        step()
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(taken) < LEAST_STEPS:
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) / (rung.batch_size * rung.seq_length) * 1e6


def main() -> None:
    """Print the table."""
    sizes = [int(word) for word in sys.argv[1:]] or [65, 1400, 6257]
    print("| units | output |" + "".join(f" V = {size:,} |" for size in sizes))
    print("|---|---|" + "---|" * len(sizes))
    for rung, tied in itertools.product(LADDER, (False, True)):
        row = f"| {rung.units} | {'tied' if tied else 'own'} |"
        for size in sizes:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                row += f" {pool.apply(microseconds, (rung, size, tied)):.1f} |"
        print(row, flush=True)


if __name__ == "__main__":
    main()
