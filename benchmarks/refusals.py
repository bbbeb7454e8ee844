"""What it costs to refuse each hostile checkpoint of the tests, in seconds and in memory.

Usage: python benchmarks/refusals.py [--worst 8]

Each is read in a process of its own; `tests/runs/test_hostile.py` has them. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/runs"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from helpers import write_run
from test_hostile import RUNS, THREATS, describe, outside, reading_cost


def cost(spoil: Callable[[Path], None]) -> tuple[float, float, int]:
    """Return how many seconds, megabytes and refusals it takes to read a spoiled run."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder).resolve() / "run"
        write_run(run, 1)
        describe(run)
        outside(run)
        spoil(run)
        grown, seconds, refused = reading_cost(run)
    return seconds, grown / 1e6, refused


def main() -> None:
    """Print the costliest of them, and the cost of the run that they were made from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worst", type=int, default=8, help="How many to print.")
    arguments = parser.parse_args()
    seconds, megabytes, refused = cost(lambda run: None)
    if refused:
        raise SystemExit("the sound run was refused")
    print(f"sound: {seconds:.3f} s, {megabytes:.1f} MB")
    costs = {name: cost(spoil) for name, spoil in {**THREATS, **RUNS}.items()}
    accepted = sum(not refused for _, _, refused in costs.values())
    print(f"hostile: {len(costs)}; {accepted} of them are for `train` alone to refuse")
    for what, unit, which in (("slowest", "s", 0), ("largest", "MB", 1)):
        print(f"the {what}, in {unit}:")
        for name in sorted(costs, key=lambda n: -costs[n][which])[: arguments.worst]:
            print(f"  {costs[name][which]:7.3f}  {name}")


if __name__ == "__main__":
    main()
