"""How often texts end in a loop, and what `dry` does about it and to other texts.

Usage: python benchmarks/loops.py CHECKPOINT CORPUS [--base 1.1 1.2 1.5] [--dry 8 12 16 24]

Each of 40 texts goes on from 30 characters of the last tenth of the corpus, which the model
did not learn. A text loops if its last 200 characters are a string of at most 100, over
and over. Repeated is the share of strings of 20 characters that stand earlier in the text.
New words are those that the corpus does not have; nats are the model's, without any rule.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path

import chargen
from chargen.sampling import rules
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling
from chargen.sampling.texts import Sample, generate_texts

TEXTS = 40
LENGTH = 1_000
SEED_TEXT = 30


def loops(text: str) -> bool:
    """Whether the end of a text is a repeated string."""
    tail = text[-200:]
    return any(tail[period:] == tail[:-period] for period in range(1, 101))


def repeated(text: str) -> float:
    """Return the share of the strings of 20 characters that stand earlier in a text."""
    strings = [text[i : i + 20] for i in range(len(text) - 19)]
    return 1 - len(set(strings)) / len(strings)


def mean(values: Sequence[float]) -> float:
    """Return the mean of some numbers."""
    return math.fsum(values) / len(values)


def samples(
    model: Model, corpus: str, temperature: float, dry: int | None
) -> Sequence[Sample]:
    """Draw the texts of a row."""
    held_out = corpus[len(corpus) * 9 // 10 :]
    starts = [i * (len(held_out) - SEED_TEXT) // TEXTS for i in range(TEXTS)]
    seed_texts = [held_out[start : start + SEED_TEXT] for start in starts]
    how = Sampling(length=LENGTH, temperature=temperature, dry=dry, seed=1)
    return list(generate_texts(model, how, seed_text=seed_texts, count=1))


def row(model: Model, corpus: str, dry: int | None) -> str:
    """Return the cells of a row."""
    words = set(re.findall(r"\w+", corpus))
    greedy, cold, usual = (samples(model, corpus, t, dry) for t in (0, 0.3, 0.8))
    found = re.findall(r"\w+", " ".join(sample.text[SEED_TEXT:] for sample in usual))
    cells = [
        f"{sum(loops(sample.text) for sample in greedy)}",
        f"{100 * mean([repeated(sample.text) for sample in greedy]):.1f} %",
        f"{sum(loops(sample.text) for sample in cold)}",
        f"{mean([sample.nats_each for sample in usual]):.3f}",
        f"{100 * mean([word not in words for word in found]):.1f} %",
    ]
    return " | ".join(cells)


def main() -> None:
    """Print a table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--base", type=float, nargs="+", default=[rules.DRY_BASE])
    parser.add_argument("--dry", type=int, nargs="+", default=[8, 12, 16, 24])
    arguments = parser.parse_args()
    model = chargen.load(arguments.checkpoint)
    corpus = arguments.corpus.read_text(encoding="utf-8")
    print(
        "| `dry` | base | loops at 0 | repeated | loops at 0.3 | nats at 0.8 | new words |"
    )
    print("|---|---|---|---|---|---|---|")
    print(f"| off | | {row(model, corpus, None)} |", flush=True)
    for base in arguments.base:
        rules.DRY_BASE = base
        for dry in arguments.dry:
            print(f"| {dry} | {base} | {row(model, corpus, dry)} |", flush=True)


if __name__ == "__main__":
    main()
