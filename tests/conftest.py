"""Fixtures that the tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import write_run


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
    from chargen.training.settings import Settings
    from chargen.training.tf.runtime import prepare_tensorflow

    prepare_tensorflow(Settings(device="cpu"))


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """For each function that a step compiles, by name, the shards that have their own."""
    from chargen.training.tf import forward, matmul, recurrent

    found: dict[str, set[int]] = {}
    original = matmul.compiled

    def spy(function: Callable[..., Any], plan: Any) -> Callable[..., Any]:
        found.setdefault(function.__name__, set()).add(plan.shard)
        return original(function, plan)

    for module in (matmul, recurrent, forward):
        monkeypatch.setattr(module, "compiled", spy)
    return found


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """A step directory, sound, of a run of its own."""
    return write_run(tmp_path / "run", 1).step_folder()
