"""What the tests share: tiny checkpoints with random weights, written by chargen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import MANIFEST, WEIGHTS, Checkpoint
from chargen.runs.run import Run
from chargen.text.policy import TextPolicy
from chargen.text.sources import Source
from chargen.text.vocabulary import Vocabulary

HERE = Path(__file__).parent
ROOT = HERE.parent

CHARACTERS = "\n ,abcdeé“中😀"


def tiny_checkpoint(
    cell: str = "lstm",
    *,
    units: int = 5,
    layers: int = 1,
    embedding_size: int = 3,
    characters: str = CHARACTERS,
    step: int = 1,
    seed: int = 0,
    scale: float = 1.0,
    tied: bool = False,
    **changes: Any,
) -> Checkpoint:
    """Return a checkpoint with random weights; `changes` replace its other parts."""
    model = ModelConfig(cell, units, layers, embedding_size, 0.1, tied)
    random = np.random.default_rng(seed)
    weights = {
        name: (random.normal(size=shape) * scale + 0.0).astype(np.float32)  # never -0.0
        for name, shape in model.weight_shapes(len(characters)).items()
    }
    parts: dict[str, Any] = {
        "model": model,
        "vocabulary": Vocabulary(characters),
        "text": TextPolicy(),
        "corpus": (Source("train", "tiny.txt", 4, hashlib.sha256(b"tiny").hexdigest()),),
        "training": {"seed": 0, "windows": "streams", "batch_size": 2},
        "step": step,
        "epoch": step / 4,
        "seconds": 0.5,
        "train_loss": 2.5,
        "validation_loss": None,
        "weights": weights,
        "resume": {
            "counter.step": np.array(float(step)),
            "state.0": np.zeros((2, units), np.float32),
        },
        "chargen": "0.1.0",
    }
    return Checkpoint(**{**parts, **changes})


def write_run(folder: Path, *steps: int, best: bool = False, **parts: Any) -> Run:
    """Write a run with a checkpoint of each of `steps`; the first is the best."""
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder)
    if not run.exists():
        run.write_description({"format": 1, "settings": {}})
    for step in steps:
        run.publish(tiny_checkpoint(step=step, seed=step, **parts), best=best, keep=3)
    return run


def edit_manifest(step: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change checkpoint.json in place."""
    manifest = json.loads((step / MANIFEST).read_bytes())
    change(manifest)
    (step / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def replace_weights(step: Path, data: bytes, *, name: str = WEIGHTS) -> None:
    """Put other bytes in the place of the weights, size and hash to match."""
    (step / name).write_bytes(data)
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit_manifest(step, lambda manifest: manifest["files"].update({name: entry}))
