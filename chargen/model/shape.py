"""The shape of a model: what its weights depend on. It travels in every checkpoint."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from chargen.checks import (
    CHOSEN,
    Choice,
    Flag,
    Real,
    Whole,
    check_options,
    documented,
    option,
)
from chargen.model.cells import CELLS

# A reader allocates nothing for a model beyond these (docs/checkpoints.md).
MAX_UNITS = 16_384
MAX_LAYERS = 16
MAX_EMBEDDING_SIZE = 16_384
MAX_PARAMETERS = 500_000_000


@documented
@dataclass(frozen=True)
class ModelConfig:
    """The model's shape: Embedding → (RNN → dropout) × layers → Dense.

    Raises:
        ValueError: a value is out of its range.
    """

    cell: str = option(
        "lstm", Choice(tuple(CELLS)), "The recurrent cell.", group="model", common=True
    )
    units: int = option(
        256,
        Whole(1, MAX_UNITS),
        "Size of each recurrent layer.",
        group="model",
        default=CHOSEN,
        common=True,
    )
    layers: int = option(
        2, Whole(1, MAX_LAYERS), "Number of recurrent layers.", group="model", common=True
    )
    embedding_size: int = option(
        128, Whole(1, MAX_EMBEDDING_SIZE), "Size of a character's vector.", group="model"
    )
    dropout: float = option(
        0.1,
        Real(0, 1, high_open=True),
        "Share of each layer's units that is dropped in training, for a whole window.",
        group="model",
        default=CHOSEN,
    )
    tied: bool = option(
        False,
        Flag(),
        "Let characters have the same vectors where they are read and where they are "
        "predicted, which suits a large vocabulary.",
        group="model",
        default=CHOSEN,
    )

    def __post_init__(self) -> None:
        check_options(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a JSON object."""
        return dataclasses.asdict(self)

    def weight_shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its name, in the checkpoint's order.

        The layout and the order of the gates are Keras's: i, f, c, o for LSTM; z, r, h
        for GRU, with a bias of shape (2, 3H), the inputs' row first. A tied model has no
        (H, V) kernel: its logits are h P Eᵀ + b, with the embedding E (V, E) and the
        projection P = dense.kernel (H, E) (Press & Wolf 2017; arXiv 1608.05859).
        """
        units, cell = self.units, CELLS[self.cell]
        columns = len(cell.gates) * units
        shapes: dict[str, tuple[int, ...]] = {
            "embedding": (vocabulary_size, self.embedding_size)
        }
        for i in range(self.layers):
            inputs = units if i else self.embedding_size
            shapes[f"rnn.{i}.kernel"] = (inputs, columns)
            shapes[f"rnn.{i}.recurrent_kernel"] = (units, columns)
            shapes[f"rnn.{i}.bias"] = cell.bias_shape(units)
        outputs = self.embedding_size if self.tied else vocabulary_size
        shapes["dense.kernel"] = (units, outputs)
        shapes["dense.bias"] = (vocabulary_size,)
        return shapes

    def parameters(self, vocabulary_size: int) -> int:
        """Return the number of weights."""
        return sum(math.prod(s) for s in self.weight_shapes(vocabulary_size).values())
