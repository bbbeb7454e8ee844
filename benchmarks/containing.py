"""Sentences around a word beside free ones: does each contain it, and what do they cost?

    python benchmarks/containing.py FORWARD BACKWARD TEXT

Words are taken from random places of the text, with a space on either side, so that they
are as common as words of texts are. Texts are written around each, and lines are written
freely; both are scored by the forward model from the beginning of the line, without their
last newline.
"""

from __future__ import annotations

import argparse
import math
import random
import re
from pathlib import Path

import chargen
from chargen.sampling.engine import Engine
from chargen.sampling.evaluate import costs
from chargen.sampling.seeds import seed_text_of


def nats(model: Engine, line: str) -> tuple[float, int]:
    """Return what a line costs after a newline, in nats, and how many characters it has."""
    ids = seed_text_of(model, f"\n{line}").ids
    return costs(model, [ids])[0], len(ids) - 1


def mean(model: Engine, lines: list[str]) -> float:
    """Return the mean cost of a character, in nats."""
    scored = [nats(model, line) for line in lines if line]
    return math.fsum(cost for cost, _ in scored) / sum(size for _, size in scored)


def main() -> None:
    """Print the figures as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("forward")
    parser.add_argument("backward")
    parser.add_argument("text", type=Path)
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--each", type=int, default=16)
    parser.add_argument("--temperature", type=float, default=1.0)
    given = parser.parse_args()
    model, backward = chargen.load(given.forward), chargen.load(given.backward)
    all_words = re.findall(r"(?<= )[a-z]+(?= )", given.text.read_text("utf-8"))
    words = [f" {word} " for word in random.Random(1).sample(all_words, given.words)]
    how = {"temperature": given.temperature, "seed": 1, "count": given.each}
    around = [
        (word, sample.text)
        for word in words
        for sample in chargen.generate_around(model, backward, word, **how)
    ]
    found = sum(word in line for word, line in around)
    every = [line for _, line in around]
    count = {**how, "count": 2 * len(every)}
    free = [s.text for s in chargen.generate_texts(model, lines=1, seed_text="\n", **count)]
    lines = [line.strip("\n") for line in free if line.strip()]
    # A line with a word in it is no interjection: compare lines of about the same length.
    least = sorted(map(len, every))[len(every) // 20]
    long = [line for line in lines if len(line) >= least]
    print("| lines | count | mean length | nats a character |")
    print("|---|---|---|---|")
    for name, some in (("around a word", every), ("free", lines), ("free, as long", long)):
        size = sum(map(len, some)) / len(some)
        print(f"| {name} | {len(some)} | {size:.1f} | {mean(model, some):.4f} |")
    print(f"\n{found} of {len(every)} contain their word")


if __name__ == "__main__":
    main()
