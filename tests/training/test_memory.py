"""What is said of the memory that a training takes."""

from __future__ import annotations

import pytest

from chargen.errors import TrainingError
from chargen.training import memory as module
from chargen.training.memory import foresee_memory

GIB = 2**30


@pytest.fixture
def machine(monkeypatch):
    """Set what a machine has: the limit of a process, and what is free."""

    def has(*, limit=None, free=None):
        monkeypatch.setattr(module, "memory_limit", lambda: limit)
        monkeypatch.setattr(module, "memory_free", lambda: free)

    return has


@pytest.mark.parametrize("free", [None, 64 * GIB])
def test_nothing_is_said_where_there_is_enough_or_it_is_unknown(machine, free):
    machine(limit=free, free=free)
    assert foresee_memory(1_000_000) is None


def test_what_may_be_too_little_is_told(machine):
    machine(free=GIB // 2)
    assert "0.5 are free: it may fail. Fewer `units`" in foresee_memory(1_000_000)


def test_a_larger_model_takes_more(machine):
    machine(free=2 * GIB)
    assert foresee_memory(1_000_000) is None
    assert "2.0 are free" in foresee_memory(100_000_000)


def test_a_limit_that_certainly_will_not_do_is_refused(machine):
    machine(limit=GIB, free=64 * GIB)
    with pytest.raises(
        TrainingError, match=r"may have 1\.0 \(ulimit -v\): raise that limit"
    ):
        foresee_memory(1_000_000)


def test_a_limit_that_is_nearly_enough_is_tried(machine):
    machine(limit=int(0.9 * module.TENSORFLOW_ADDRESSES), free=64 * GIB)
    assert foresee_memory(1_000) is None
