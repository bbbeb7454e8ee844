"""How a training step is computed; what it computes is the same, up to rounding."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from chargen.checks import Choice, Flag, Kind, Whole, require
from chargen.system.hardware import has_bfloat16

PRECISIONS = ("float32", "bfloat16")
PLANNED = ("precision", "xla", "shards", "stock")
"""What a checkpoint records of a plan."""

MAX_THREADS = 1024


@dataclass(frozen=True)
class Plan:
    """A way of computing a training step.

    Attributes:
        precision: the precision of the operands of matrix products, "float32" or
            "bfloat16". Sums, states, gates, loss and weights are float32 in any case.
        xla: whether XLA compiles the pieces of a step.
        shards: how many parts a batch is cut into, at most one per processor.
        stock: whether Keras's own layers are used.
        shard: the shard that a part of a step is computed for; 0 in the plan of a run.
    """

    precision: str = "float32"
    xla: bool = True
    shards: int = 1
    stock: bool = False
    shard: int = 0

    def __post_init__(self) -> None:
        kinds: dict[str, Kind] = {
            "precision": Choice(PRECISIONS),
            "shards": Whole(1, MAX_THREADS),
            "xla": Flag(),
            "stock": Flag(),
        }
        for name, kind in kinds.items():
            value = getattr(self, name)
            require(kind.fits(value), name, kind.expected, value)
        if self.stock and self.precision != "float32":
            raise ValueError("`stock` layers compute in float32")

    def to_dict(self) -> dict[str, Any]:
        """Return what a checkpoint records of it."""
        return {name: getattr(self, name) for name in PLANNED}

    def of_shard(self, k: int) -> Plan:
        """Return the same plan for the parts of shard `k`."""
        return dataclasses.replace(self, shard=k)


STOCK = Plan(xla=False, stock=True)


def chosen_precision(asked: str) -> str:
    """Return the precision that "auto" stands for on this machine, or the one asked for."""
    if asked != "auto":
        return asked
    return "bfloat16" if has_bfloat16() else "float32"
