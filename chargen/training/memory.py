"""The memory that a training takes; when it runs out, TensorFlow dies without a word."""

from __future__ import annotations

from chargen.errors import TrainingError
from chargen.system.hardware import memory_free, memory_limit

# Bytes that training takes: those of TensorFlow itself, as addresses and in memory, and
# those of a weight with its optimizer, average and gradients (benchmarks/RESULTS.md).
TENSORFLOW_ADDRESSES = 2.5 * 2**30
TENSORFLOW_MEMORY = 0.8 * 2**30
PER_WEIGHT = 26 * 4
CERTAIN = 0.8
"""Share of an estimate below which the memory is too little beyond doubt."""


def foresee_memory(parameters: int) -> str | None:
    """Say how much memory a model needs, if that may be more than there is.

    Args:
        parameters: how many weights it has.

    Raises:
        TrainingError: it is certainly more than this process may have.
    """
    limit, free = memory_limit(), memory_free()
    addresses = TENSORFLOW_ADDRESSES + PER_WEIGHT * parameters
    if limit is not None and limit < CERTAIN * addresses:
        raise TrainingError(
            f"training this model takes about {addresses / 2**30:.1f} GiB of memory, and "
            f"this process may have {limit / 2**30:.1f} (ulimit -v): raise that limit, or "
            "choose fewer `units`"
        )
    memory = TENSORFLOW_MEMORY + PER_WEIGHT * parameters
    if free is not None and free < memory:
        return (
            f"training this model takes about {memory / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} are free: it may fail. Fewer `units` take less"
        )
    return None
