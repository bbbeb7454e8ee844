"""How many passes over a text a timed training was expected to make, and how many it made.

Each TEXT is trained on for --for seconds with the settings that the recipe chooses, in a
process of its own. Prints a Markdown table. The machine should do nothing else.

Usage: .venv/bin/python benchmarks/forecast.py TEXT... [--for 60] [--documents none]
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

Row = tuple[int, int, float, float]


def train(text: str, seconds: float, documents: str | None, folder: str) -> Row:
    """Train; return the vocabulary's size, the units, and the passes expected and made."""
    import chargen
    from chargen.runs.find import open_checkpoint
    from chargen.training import recipe, resolve

    expected: list[recipe.Recommendation] = []

    def recommend(*arguments: Any, **options: Any) -> recipe.Recommendation:
        expected.append(recipe.recommend(*arguments, **options))
        return expected[-1]

    vars(resolve)["recommend"] = recommend
    run = chargen.train(text, out=folder, seconds=seconds, documents=documents)
    found = open_checkpoint(str(Path(run) / "latest"))
    return len(found.vocabulary), found.model.units, expected[0].passes, found.epoch


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--for", type=float, default=60.0, dest="seconds")
    parser.add_argument("--documents", default=None)
    asked = parser.parse_args()
    print("| text | V | units | passes expected | made | expected / made |")
    print("|---|---|---|---|---|---|")
    for text in asked.texts:
        with (
            tempfile.TemporaryDirectory() as folder,
            multiprocessing.get_context("spawn").Pool(1) as pool,
        ):
            words = (text, asked.seconds, asked.documents, str(Path(folder, "run")))
            size, units, expected, made = pool.apply(train, words)
        name = Path(text).name
        row = f"| {name} | {size:,} | {units} | {expected:.2f} | {made:.2f} "
        print(f"{row}| {expected / made:.2f} |", flush=True)


if __name__ == "__main__":
    main()
