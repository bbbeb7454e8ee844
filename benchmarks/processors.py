"""The largest difference between the rules and Hugging Face Transformers' processors.

Usage: python benchmarks/processors.py [--vectors 1000]

Needs `pip install torch transformers`. Each rule alone, and all of them in the order that
both can do, are applied to random logits of 65, 300 and 2,000 characters, at random values
of the options, in float64. What is compared is probabilities, except where other characters
are left: of those that are as likely as the last one, `top_k` leaves the lowest ids, so
that there are k of them, and Transformers all.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.sampling.options import Sampling
from chargen.sampling.rules import Chain, Floats
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

try:
    import torch

    logits_process = importlib.import_module("transformers.generation.logits_process")
except ImportError:
    raise SystemExit("to be installed first: pip install torch transformers") from None

Odds = npt.NDArray[np.float64]

WARPERS = {  # in the order of the rules
    "temperature": "TemperatureLogitsWarper",
    "top_k": "TopKLogitsWarper",
    "top_p": "TopPLogitsWarper",
    "min_p": "MinPLogitsWarper",
    "typical_p": "TypicalLogitsWarper",
}
SIZES = (65, 300, 2_000)


def random_options(random: np.random.Generator, size: int) -> dict[str, Any]:
    """Return a value of each option."""
    return {
        "temperature": float(random.uniform(0.3, 2)),
        "top_k": int(random.integers(1, size)),
        "top_p": float(random.uniform(0.05, 0.999)),
        "min_p": float(random.uniform(0.001, 0.5)),
        "typical_p": float(random.uniform(0.05, 0.999)),
    }


def ours(logits: Floats, options: dict[str, Any]) -> Odds:
    """Return probabilities (V,) after our rules."""
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(logits.shape[-1])])
    sampling = Sampling(**{"temperature": 1.0, **options})
    made = np.exp(Chain(sampling, vocabulary, TextPolicy()).apply(logits, [[]]))
    found: Odds = (made / made.sum())[0]
    return found


def theirs(logits: Floats, options: dict[str, Any]) -> Odds:
    """Return probabilities (V,) after their processors."""
    scores = torch.tensor(logits, dtype=torch.float64)
    for name, value in options.items():
        warper = getattr(logits_process, WARPERS[name])(value)
        scores = warper(torch.zeros((1, 1), dtype=torch.long), scores)
    found: Odds = torch.softmax(scores, dim=-1).numpy()[0]
    return found


def main() -> None:
    """Print a table, in Markdown: a row for each rule, and one for all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000)
    arguments = parser.parse_args()
    print("| rules | vectors | other characters | largest difference of the rest |")
    print("|---|---|---|---|")
    for chosen in (*((name,) for name in WARPERS), tuple(WARPERS)):
        random = np.random.default_rng(1)
        different, largest = 0, 0.0
        for i in range(arguments.vectors):
            size = SIZES[i % len(SIZES)]
            logits = random.normal(0, random.uniform(0.5, 5), (1, size))
            given = random_options(random, size)
            options = {name: given[name] for name in chosen}
            here = ours(logits.astype(np.float32), options)
            there = theirs(logits.astype(np.float32), options)
            if ((here > 0) == (there > 0)).all():
                largest = max(largest, float(np.abs(here - there).max()))
            else:
                different += 1
        names = ", ".join(f"`{name}`" for name in chosen)
        print(f"| {names} | {arguments.vectors} | {different} | {largest:.1e} |")


if __name__ == "__main__":
    main()
