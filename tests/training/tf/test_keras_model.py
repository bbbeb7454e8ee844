"""The Keras model, and its parity with the NumPy engine."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.sampling.engine import Engine
from chargen.text.vocabulary import Vocabulary

CHARACTERS = Vocabulary("abcdefghijklmnopqrs")
ITEMS = Vocabulary("abcdefghijklmnopqr", end=True)


def keras_model(config: ModelConfig, *, seed: int = 0, end: int | None = None):
    from chargen.training.tf.keras_model import build_model

    return build_model(config, len(CHARACTERS), seed=seed, end=end)


def variables(model, config):
    """The model's variables by their names in a checkpoint."""
    names = config.weight_shapes(len(CHARACTERS))
    return dict(zip(names, model.trainable_variables, strict=True))


def get_weights(model, config):
    return {
        name: np.array(variable.numpy())
        for name, variable in variables(model, config).items()
    }


def perturbed(weights, *, seed: int):
    """Random biases: fresh ones are zero, and would hide a mistake in their use."""
    random = np.random.default_rng(seed)
    return {
        name: array + random.normal(0, 0.2, array.shape).astype(np.float32)
        for name, array in weights.items()
    }


def flat(state):
    """The arrays of an engine's state in Keras's order."""
    return [array for layer in state._layers for array in layer]


# With 19 characters, embeddings of 1 make a table larger than the model: none is made.
@pytest.mark.parametrize(("layers", "embedding_size"), [(1, 5), (3, 5), (1, 1)])
@pytest.mark.parametrize("vocabulary", [CHARACTERS, ITEMS], ids=["text", "items"])
@pytest.mark.parametrize("cell", CELLS)
def test_engine_equals_keras_step_by_step(cell, vocabulary, layers, embedding_size):
    units = 17 if embedding_size > 1 else 8
    config = ModelConfig(
        cell=cell, units=units, layers=layers, embedding_size=embedding_size
    )
    model = keras_model(config, end=vocabulary.end)
    weights = perturbed(get_weights(model, config), seed=layers)
    for name, variable in variables(model, config).items():
        variable.assign(weights[name])
    engine = Engine(config, vocabulary, weights)
    assert (engine._table is not None) == (embedding_size > 1 or cell == "rnn")
    for batch in (1, 4):
        ids = np.random.default_rng(batch).integers(len(vocabulary), size=(batch, 50))
        state = engine.zero_state(batch)
        expected, *after = model([ids, *flat(state)], training=False)
        for t in range(50):
            logits, state = engine.step(ids[:, t], state)
            np.testing.assert_allclose(logits, expected[:, t], atol=1e-5, rtol=0)
        for ours, theirs in zip(flat(state), after, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("embedding_size", [5, 19])  # 19: as many as characters
@pytest.mark.parametrize("cell", CELLS)
def test_engine_equals_keras_for_a_tied_model(cell, embedding_size):
    config = ModelConfig(
        cell=cell, units=17, layers=2, embedding_size=embedding_size, tied=True
    )
    model = keras_model(config)
    weights = perturbed(get_weights(model, config), seed=1)
    for name, variable in variables(model, config).items():
        variable.assign(weights[name])
    engine = Engine(config, CHARACTERS, weights)
    ids = np.random.default_rng(1).integers(len(CHARACTERS), size=(2, 20))
    state = engine.zero_state(2)
    expected, *_ = model([ids, *flat(state)], training=False)
    for t in range(20):
        logits, state = engine.step(ids[:, t], state)
        np.testing.assert_allclose(logits, expected[:, t], atol=1e-5, rtol=0)


def test_a_tied_model_begins_with_small_vectors():
    config = ModelConfig(units=64, layers=1, embedding_size=32, tied=True)
    weights = get_weights(keras_model(config), config)
    assert weights["embedding"].std() == pytest.approx(0.3, rel=0.1)
    assert weights["dense.kernel"].std() == pytest.approx(0.3 / 8, rel=0.1)
    assert not weights["dense.bias"].any()


def test_explicit_states_carry_a_text_across_calls():
    from chargen.training.tf.own_keras import keras

    config = ModelConfig(units=6, layers=2, embedding_size=4)
    model = keras_model(config)
    random = np.random.default_rng(0).integers(len(CHARACTERS), size=(3, 20))
    ids = keras.ops.convert_to_tensor(random)
    zeros = [keras.ops.zeros((3, 6))] * 4
    whole, *end = model([ids, *zeros], training=False)
    first, *middle = model([ids[:, :13], *zeros], training=False)
    second, *later = model([ids[:, 13:], *middle], training=False)
    np.testing.assert_allclose(np.concatenate([first, second], 1), whole, atol=1e-6)
    for a, b in zip(end, later, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("end", [None, 18])
@pytest.mark.parametrize("cell", CELLS)
def test_weights_have_the_names_and_shapes_of_the_format(cell, end, tied):
    config = ModelConfig(cell=cell, units=6, layers=2, embedding_size=4, tied=tied)
    weights = get_weights(keras_model(config, end=end), config)
    found = {name: array.shape for name, array in weights.items()}
    assert found == config.weight_shapes(len(CHARACTERS))
    assert all(array.dtype == np.float32 for array in weights.values())
    assert config.parameters(len(CHARACTERS)) == sum(a.size for a in weights.values())


def test_initial_weights_depend_on_the_seed_alone():
    config = ModelConfig(units=6, layers=2, embedding_size=4)
    one, same, other = (
        get_weights(keras_model(config, seed=seed), config) for seed in (1, 1, 2)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, same[name])
    assert not np.array_equal(one["embedding"], other["embedding"])
    assert not np.array_equal(one["rnn.0.kernel"], other["rnn.0.kernel"])
    # Two layers of one kind must not start alike.
    assert not np.array_equal(one["rnn.0.recurrent_kernel"], one["rnn.1.recurrent_kernel"])


@pytest.mark.parametrize("cell", CELLS)
def test_a_model_of_items_begins_with_the_weights_of_any_other(cell):
    config = ModelConfig(cell=cell, units=6, layers=2, embedding_size=4)
    plain, items = (get_weights(keras_model(config, end=end), config) for end in (None, 3))
    for name, array in plain.items():
        np.testing.assert_array_equal(array, items[name])


@pytest.mark.parametrize(
    ("cell", "name"), [("rnn", "SimpleRNN"), ("lstm", "LSTM"), ("gru", "GRU")]
)
def test_dropout_follows_every_recurrent_layer_and_nothing_else(cell, name):
    from chargen.training.tf.own_keras import keras

    config = ModelConfig(cell=cell, units=6, layers=3, embedding_size=4, dropout=0.5)
    kinds = [type(layer) for layer in keras_model(config).layers]
    kinds = [found for found in kinds if found is not keras.layers.InputLayer]
    pair = [getattr(keras.layers, name), keras.layers.Dropout]
    assert kinds == [keras.layers.Embedding, *pair * 3, keras.layers.Dense]
