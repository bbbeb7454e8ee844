"""What the tests share: tiny checkpoints with random weights, written by chargen."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chargen.checkpoint import MANIFEST, TEXT_POLICY, WEIGHTS, Checkpoint
from chargen.config import ModelConfig
from chargen.run import Run
from chargen.vocabulary import Vocabulary

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
    **changes: Any,
) -> Checkpoint:
    """Return a checkpoint with random weights; `changes` replace its other parts."""
    model = ModelConfig(cell, units, layers, embedding_size, 0.1)
    random = np.random.default_rng(seed)
    weights = {
        name: (random.normal(size=shape) * scale + 0.0).astype(np.float32)  # never -0.0
        for name, shape in model.weight_shapes(len(characters)).items()
    }
    parts: dict[str, Any] = {
        "model": model,
        "vocabulary": Vocabulary(characters),
        "text": {"encoding": "utf-8", **TEXT_POLICY},
        "corpus": (
            {"name": "tiny.txt", "bytes": 4, "sha256": hashlib.sha256(b"tiny").hexdigest()},
        ),
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
        run.describe({"format": 1, "settings": {}})
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


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests, and the commands they start, out of the user's cache folder.

    All workers share one: what a training step is checked for is then checked once.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder / "cache"


@pytest.fixture(scope="session")
def pools() -> None:
    """Set TensorFlow's thread pools as a training does, before its first operation.

    Products that no thread pool cuts up sum in one order, whatever else runs.
    """
    from chargen.config import Settings
    from chargen.runtime import prepare_tensorflow

    prepare_tensorflow(Settings(device="cpu"))


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """For each function that a step compiles, by name, the shards that have their own."""
    from chargen import products, recurrent, stack

    found: dict[str, set[int]] = {}
    original = products.compiled

    def spy(function: Callable[..., Any], plan: Any) -> Callable[..., Any]:
        found.setdefault(function.__name__, set()).add(plan.shard)
        return original(function, plan)

    for module in (products, recurrent, stack):
        monkeypatch.setattr(module, "compiled", spy)
    return found


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """A step directory, sound, of a run of its own."""
    return write_run(tmp_path / "run", 1).step_folder()
