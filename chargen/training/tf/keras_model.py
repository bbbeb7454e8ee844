"""The Keras model, built from a `ModelConfig`.

Nothing here reads a file: weights arrive as arrays that `runs.checkpoint` has already
checked.
"""

from __future__ import annotations

import numpy as np

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.training.tf.own_keras import keras

EMBEDDING_DEVIATION = 1.0
"""Standard deviation of the initial embedding.

With Keras's 0.05, the first passes learn next to nothing.
"""


def build_model(config: ModelConfig, vocabulary_size: int, *, seed: int) -> keras.Model:
    """Build Embedding → (RNN → dropout) × layers → Dense with explicit states.

    Args:
        config: the model's shape.
        vocabulary_size: V.
        seed: the seed of the initial weights.

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
        layer = getattr(keras.layers, CELLS[config.cell].keras)(
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
