"""The Keras model, built from a `ModelConfig`.

One of the modules that import TensorFlow. Nothing here reads a file: weights arrive as
arrays that `checkpoint` has already checked.
"""

from __future__ import annotations

import os

# The user's own Keras may be set to another backend; chargen's models are TensorFlow's.
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np

from chargen import recurrent
from chargen.config import STATES, ModelConfig

EMBEDDING_DEVIATION = 1.0
"""Of the initial embedding: with Keras's 0.05 the first passes learn next to nothing."""

LAYERS: dict[str, type[keras.Layer]] = {
    "rnn": recurrent.SimpleRNN,
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
}
STOCK_LAYERS = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}


def build_model(
    config: ModelConfig, vocabulary_size: int, *, seed: int, stock: bool = False
) -> keras.Model:
    """Build Embedding → (RNN → dropout) × layers → Dense with explicit states.

    Args:
        config: the model's shape.
        vocabulary_size: V.
        seed: of the initial weights.
        stock: whether the recurrent layers are Keras's own instead of `recurrent`'s,
            which have the same weights and results.

    Returns:
        A functional model [ids (B, T), *states] → [logits (B, T, V), *new states]. The
        states are (B, H) each, layer by layer, for LSTM h before c. Its trainable
        variables stand in the order of `config.weight_shapes`.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(3 * config.layers + 2))

    def initial(kind: type, **arguments: float) -> keras.Initializer:
        return kind(seed=int(next(seeds)), **arguments)

    ids = keras.Input((None,), dtype="int32", name="ids")
    count = STATES[config.cell]
    states = [keras.Input((config.units,)) for _ in range(count * config.layers)]
    x = keras.layers.Embedding(
        vocabulary_size,
        config.embedding_size,
        embeddings_initializer=initial(
            keras.initializers.RandomNormal, stddev=EMBEDDING_DEVIATION
        ),
        name="embedding",
    )(ids)
    new_states = []
    for i in range(config.layers):
        layer = (STOCK_LAYERS if stock else LAYERS)[config.cell](
            config.units,
            kernel_initializer=initial(keras.initializers.GlorotUniform),
            recurrent_initializer=initial(keras.initializers.Orthogonal),
            return_sequences=True,
            return_state=True,
            name=f"rnn_{i}",
        )
        x, *after = layer(x, initial_state=states[count * i : count * (i + 1)])
        new_states += after
        if config.dropout:
            x = keras.layers.Dropout(
                config.dropout,
                noise_shape=(None, 1, None),  # one mask for all time steps
                name=f"dropout_{i}",
            )(x)
    logits = keras.layers.Dense(
        vocabulary_size,
        kernel_initializer=initial(keras.initializers.GlorotUniform),
        name="dense",
    )(x)
    return keras.Model([ids, *states], [logits, *new_states])
