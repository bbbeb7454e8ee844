"""The Keras model, built from a `ModelConfig`.

Nothing here reads a file: weights arrive as arrays that `runs.checkpoint` has already
checked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.training.tf.own_keras import keras

EMBEDDING_DEVIATION = 1.0
"""Standard deviation of the initial embedding.

With Keras's 0.05, the first passes learn next to nothing.
"""

TIED_DEVIATION = 0.3
"""The same for a tied model, and what its projection's deviation is, times √H.

With 1.0, the first logits are so large that a run never makes up for it (docs/recipe.md).
"""


class _TiedDense(keras.layers.Layer):
    """The output layer of a tied model: x (B, T, H) becomes x P Eᵀ + b (B, T, V)."""

    def __init__(self, embedding: keras.layers.Embedding, *, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.embedding = embedding
        self.seed = seed

    def build(self, shape: tuple[int | None, int | None, int]) -> None:
        *_, units = shape
        size, width = self.embedding.input_dim, self.embedding.output_dim
        initial = keras.initializers.RandomNormal(
            stddev=TIED_DEVIATION / math.sqrt(units), seed=self.seed
        )
        self.kernel = self.add_weight((units, width), initial, name="kernel")
        self.bias = self.add_weight(shape=(size,), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        vectors = keras.ops.transpose(self.embedding.embeddings)
        return keras.ops.matmul(keras.ops.matmul(x, self.kernel), vectors) + self.bias


class _ItemCell(keras.layers.Layer):
    """A cell that starts from zero states where an item begins.

    The last column of its inputs is 0 there, and 1 elsewhere.
    """

    def __init__(self, cell: keras.layers.Layer) -> None:
        super().__init__()
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size

    def build(self, shape: tuple[int | None, int]) -> None:
        batch, width = shape
        self.cell.build((batch, width - 1))

    def call(self, inputs: Any, states: list[Any]) -> Any:
        keep = inputs[:, -1:]
        return self.cell(inputs[:, :-1], [keep * state for state in states])


def build_model(
    config: ModelConfig, vocabulary_size: int, *, seed: int, end: int | None = None
) -> keras.Model:
    """Build Embedding → (RNN → dropout) × layers → Dense, or `_TiedDense`.

    Args:
        config: the model's shape.
        vocabulary_size: V.
        seed: the seed of the initial weights.
        end: the id that is read from zero states; None if there is none.

    Returns:
        A functional model [ids (B, T), *states] → [logits (B, T, V), *new states]. The
        states are (B, H) each, layer by layer; for LSTM, h before c. Its trainable
        variables are in the order of `config.weight_shapes`.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(3 * config.layers + 2))

    def initial(kind: type, **arguments: float) -> keras.Initializer:
        return kind(seed=int(next(seeds)), **arguments)

    ids = keras.Input((None,), dtype="int32", name="ids")
    count = len(CELLS[config.cell].states)
    states = [keras.Input((config.units,)) for _ in range(count * config.layers)]
    deviation = TIED_DEVIATION if config.tied else EMBEDDING_DEVIATION
    embedding = keras.layers.Embedding(
        vocabulary_size,
        config.embedding_size,
        initial(keras.initializers.RandomNormal, stddev=deviation),
        name="embedding",
    )
    x = embedding(ids)
    keep = None
    if end is not None:
        keep = keras.ops.cast(keras.ops.not_equal(ids, end), "float32")[..., None]
    new_states = []
    for i in range(config.layers):
        layer = _recurrent_layer(
            config,
            kernel_initializer=initial(keras.initializers.GlorotUniform),
            recurrent_initializer=initial(keras.initializers.Orthogonal),
            items=keep is not None,
            name=f"rnn_{i}",
        )
        if keep is not None:
            x = keras.ops.concatenate([x, keep], -1)
        x, *after = layer(x, initial_state=states[count * i : count * (i + 1)])
        new_states += after
        if config.dropout:  # one mask for all time steps
            shape = (None, 1, None)
            drop = keras.layers.Dropout(config.dropout, shape, name=f"dropout_{i}")
            x = drop(x)
    kernel = initial(keras.initializers.GlorotUniform)
    output = keras.layers.Dense(vocabulary_size, kernel_initializer=kernel, name="dense")
    if config.tied:
        output = _TiedDense(embedding, seed=kernel.seed, name="dense")
    return keras.Model([ids, *states], [output(x), *new_states])


def _recurrent_layer(
    config: ModelConfig, *, items: bool, name: str, **initializers: keras.Initializer
) -> keras.layers.Layer:
    """Return a recurrent layer of Keras; for items, a slower one around an `_ItemCell`."""
    kind = CELLS[config.cell].keras
    options = {"return_sequences": True, "return_state": True, "name": name}
    if not items:
        return getattr(keras.layers, kind)(config.units, **initializers, **options)
    cell = getattr(keras.layers, f"{kind}Cell")(config.units, **initializers)
    return keras.layers.RNN(_ItemCell(cell), **options)
