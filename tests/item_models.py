"""Tiny models of items with random weights, for the tests of sampling and of commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from helpers import tiny_checkpoint

from chargen.runs.checkpoint import Checkpoint
from chargen.runs.run import Run
from chargen.sampling.engine import Engine
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary


def item_checkpoint(
    characters: str = "abc",
    *,
    documents: str = "lines",
    label: bool = False,
    unknown: bool = True,
    ends: float = 0.0,
    seed: int = 0,
    **parts: Any,
) -> Checkpoint:
    """Return a checkpoint of a model of items.

    Args:
        characters: what it knows.
        documents, label: what its items are.
        unknown: whether it has a mark for unknown characters.
        ends: what is added to the end mark's logit: -1e9 for items that never end.
        seed: what the weights are drawn from.
        parts: other parts of the checkpoint.
    """
    vocabulary = Vocabulary(characters, end=True, unknown=unknown)
    found = tiny_checkpoint(characters=characters)
    random = np.random.default_rng(seed)
    weights = {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in found.model.weight_shapes(len(vocabulary)).items()
    }
    weights["dense.bias"][vocabulary.end] += np.float32(ends)
    if unknown:
        weights["dense.bias"][vocabulary.unknown] += 9  # it is never drawn all the same
    policy = TextPolicy(documents=documents, label=label)
    given = {"vocabulary": vocabulary, "weights": weights, "text": policy, **parts}
    return tiny_checkpoint(characters=characters, **given)


def item_engine(*arguments: Any, **options: Any) -> Engine:
    """Return the model of `item_checkpoint`."""
    return Engine.from_checkpoint(item_checkpoint(*arguments, **options))


def write_item_run(folder: Path, *arguments: Any, **options: Any) -> Run:
    """Write a run whose best checkpoint is that of `item_checkpoint`."""
    folder.mkdir(parents=True)
    run = Run(folder)
    run.write_description({"format": 1, "settings": {}})
    run.publish(item_checkpoint(*arguments, **options), best=True, keep=3)
    return run
