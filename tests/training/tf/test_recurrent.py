"""The fast recurrent layers: Keras's results, and Keras's own where they do not apply."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.model.cells import CELLS
from chargen.training.plan import Plan

UNITS, BATCH, STEPS, WIDTH = 7, 3, 11, 5  # odd, so that nothing divides anything
NAMES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}

FLOAT32 = 1e-5
"""Largest error in float32, relative to the tensor's largest element: measured 1e-6."""

BFLOAT16 = 2e-2
"""The same with operands in bfloat16, each rounded by up to 2⁻⁹: measured 1e-2."""

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("pools")


def layer(cell, *, stock=False, plan=None, build=True, **options):
    """A layer with weights that are the same for one cell; no bias is zero."""
    import keras

    from chargen.training.tf import recurrent

    options = {"return_sequences": True, "return_state": True, "name": cell, **options}
    made = getattr(keras.layers if stock else recurrent, NAMES[cell])(UNITS, **options)
    if plan is not None:
        made.plan = plan
    if build:
        made.build((BATCH, STEPS, WIDTH))
        fill(made)
    return made


def fill(made):
    random = np.random.default_rng(5)
    made.set_weights([random.normal(0, 0.5, w.shape) for w in made.get_weights()])


def sequences(steps=STEPS):
    random = np.random.default_rng(6)
    return random.normal(size=(BATCH, steps, WIDTH)).astype(np.float32)


def states_of(cell):
    random = np.random.default_rng(7)
    count = 2 if cell == "lstm" else 1
    return [random.normal(size=(BATCH, UNITS)).astype(np.float32) for _ in range(count)]


def results(made, cell, inputs):
    """Name → array: outputs, last states, and the gradient of everything there is.

    The gradients are those of a sum with random weights of outputs and last states, so
    that every element has one of its own.
    """
    import tensorflow as tf

    x = tf.constant(inputs)
    first = [tf.constant(state) for state in states_of(cell)]
    random = np.random.default_rng(8)
    with tf.GradientTape() as tape:
        tape.watch([x, *first])
        found = made(x, initial_state=first)
        loss = tf.add_n([tf.reduce_sum(y * random.normal(size=y.shape)) for y in found])
    weights = [variable.value for variable in made.trainable_variables]
    gradients = tape.gradient(loss, [x, *first, *weights])
    names = [variable.name for variable in made.trainable_variables]
    assert names == ["kernel", "recurrent_kernel", "bias"]
    states = [f"state {i}" for i in range(len(first))]
    arrays = dict(zip(["outputs", *states], found, strict=True))
    keys = [f"gradient of {name}" for name in ("inputs", *states, *names)]
    arrays |= dict(zip(keys, gradients, strict=True))
    return {name: array.numpy() for name, array in arrays.items()}


def error(ours, theirs):
    """The largest error, relative to the largest element."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float32
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.fixture
def calls(monkeypatch):
    """The shapes that went into the fast path, which is traced anew for each test."""
    from chargen.training.tf import recurrent

    found, original = [], recurrent._layer

    def spy(inputs, *arguments):
        found.append(tuple(inputs.shape))
        return original(inputs, *arguments)

    monkeypatch.setattr(recurrent, "_layer", spy)
    return found


def named(plan):
    if not isinstance(plan, Plan):
        return str(plan)
    return f"{plan.precision} {'xla' if plan.xla else 'plain'}"


@pytest.mark.parametrize(
    ("cell", "plan", "steps"),
    [
        *(
            (cell, plan, STEPS)
            for cell in CELLS
            for plan in (Plan(), Plan(xla=False), Plan("bfloat16"))
        ),
        *((cell, Plan(xla=False), 1) for cell in CELLS),
        *(
            pytest.param(cell, plan, steps, marks=slow)
            for cell in CELLS
            for plan, steps in (
                (Plan("bfloat16", xla=False), STEPS),
                (Plan(), 1),
                (Plan("bfloat16"), 1),
                (Plan("bfloat16", xla=False), 1),
            )
        ),
    ],
    ids=named,
)
def test_results_and_gradients_are_those_of_keras(cell, plan, steps, calls):
    inputs = sequences(steps)
    ours = results(layer(cell, plan=plan), cell, inputs)
    assert calls == [(BATCH, steps, WIDTH)]
    theirs = results(layer(cell, stock=True), cell, inputs)
    errors = {name: error(ours[name], theirs[name]) for name in theirs}
    tolerance = FLOAT32 if plan.precision == "float32" else BFLOAT16
    assert {name: e for name, e in errors.items() if not e <= tolerance} == {}
    if plan.precision == "bfloat16":  # else nothing was rounded
        assert min(errors.values()) > FLOAT32


def test_a_layer_of_its_own_computes_in_float32_with_xla():
    from chargen.training.tf import recurrent

    assert recurrent.LSTM(3).plan == Plan("float32", xla=True, shards=1, stock=False)


@pytest.mark.parametrize(
    "options",
    [
        {"return_state": False},
        {"return_state": False, "return_sequences": False},
        {"return_sequences": False},
    ],
    ids=["sequences", "last", "last and states"],
)
@pytest.mark.parametrize("cell", CELLS)
def test_what_a_layer_returns_and_zero_states_are_those_of_keras(cell, options, calls):
    import keras

    ours = layer(cell, plan=Plan(xla=False), **options)(sequences())
    theirs = layer(cell, stock=True, **options)(sequences())
    assert len(calls) == 1
    keras.tree.assert_same_structure(ours, theirs)
    pairs = zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True)
    for one, other in pairs:
        assert error(one.numpy(), other.numpy()) <= FLOAT32


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_is_no_hindrance_outside_training(cell, calls):
    options = {"dropout": 0.5, "recurrent_dropout": 0.5}
    made = layer(cell, plan=Plan(xla=False), **options)
    ours = made(sequences(), training=False)[0].numpy()
    assert len(calls) == 1
    theirs = layer(cell, stock=True, **options)(sequences(), training=False)[0].numpy()
    assert error(ours, theirs) <= FLOAT32


@pytest.mark.parametrize("cell", CELLS)
def test_a_stateful_layer_carries_its_states(cell, calls):
    found = []
    for stock in (False, True):
        made = layer(cell, stock=stock, plan=None if stock else Plan(xla=False))
        made.stateful = True
        made.build((BATCH, STEPS, WIDTH))
        fill(made)
        made(sequences())
        found.append(made(sequences())[0].numpy())
    assert len(calls) == 1  # one trace for the two calls
    assert error(*found) <= FLOAT32


# --- where the fast path does not apply --------------------------------------------------


def masked(made):
    mask = np.ones((BATCH, STEPS), bool)
    mask[1, 4:] = False
    return made(sequences(), mask=mask)


def trained(made):
    return made(sequences(), training=True)


def plainly(made):
    return made(sequences())


def of_any_batch(made):
    import tensorflow as tf

    signature = [tf.TensorSpec((None, STEPS, WIDTH))]
    return tf.function(made, input_signature=signature)(sequences())


def of_any_length(made):
    import tensorflow as tf

    signature = [tf.TensorSpec((BATCH, None, WIDTH))]
    return tf.function(made, input_signature=signature)(sequences())


FALLBACKS = {
    "a mask": (masked, {}),
    "backwards": (plainly, {"go_backwards": True}),
    "unrolled": (plainly, {"unroll": True}),
    "relu": (plainly, {"activation": "relu"}),
    "no activation": (plainly, {"activation": None}),
    "dropout in training": (trained, {"dropout": 0.5, "seed": 4}),
    "recurrent dropout in training": (trained, {"recurrent_dropout": 0.5, "seed": 4}),
    "no bias": (plainly, {"use_bias": False}),
    "an unknown batch size": (of_any_batch, {}),
    "an unknown length": (of_any_length, {}),
    "float64": (plainly, {"dtype": "float64"}),
    "mixed precision": (plainly, {"dtype": "mixed_bfloat16"}),
}
GATED = {
    "hard sigmoid": (plainly, {"recurrent_activation": "hard_sigmoid"}),
}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        *((cell, reason) for cell in CELLS for reason in FALLBACKS),
        *((cell, reason) for cell in ("lstm", "gru") for reason in GATED),
        ("gru", "reset before"),
    ],
)
def test_elsewhere_the_result_is_keras_own(cell, reason, calls):
    cases = {**FALLBACKS, **GATED, "reset before": (plainly, {"reset_after": False})}
    call, options = cases[reason]
    found = [call(layer(cell, stock=stock, **options)) for stock in (False, True)]
    assert calls == []
    for ours, theirs in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert np.abs(theirs.numpy().astype(float)).max() > 0


def test_a_gpu_is_left_to_keras(calls, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [kind])
    ours, theirs = (layer("lstm", stock=stock)(sequences()) for stock in (False, True))
    assert calls == []
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


# --- as layers of Keras ------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_comes_back_from_its_config(cell):
    import keras

    options = {"dropout": 0.25, "return_sequences": False, "kernel_regularizer": "l2"}
    made = layer(cell, build=False, **options)
    config = made.get_config()
    assert config == layer(cell, stock=True, build=False, **options).get_config()
    again = type(made).from_config(config)
    assert type(again) is type(made)
    assert again.get_config() == config
    whole = keras.saving.serialize_keras_object(made)
    assert whole["registered_name"] == f"chargen>{NAMES[cell]}"
    assert type(keras.saving.deserialize_keras_object(whole)) is type(made)


@pytest.mark.parametrize("cell", [pytest.param("rnn", marks=slow), "lstm", "gru"])
def test_a_sequential_model_fits(cell, calls):
    import keras

    targets = np.random.default_rng(9).normal(size=(BATCH, STEPS, 2))
    weights = []
    for stock in (False, True):
        made = layer(cell, stock=stock, return_state=False, build=False)
        model = keras.Sequential(
            [keras.Input(batch_shape=(BATCH, STEPS, WIDTH)), made, keras.layers.Dense(2)]
        )
        fill(model)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(sequences(), targets, batch_size=BATCH, epochs=1, verbose=0)
        weights.append(model.get_weights())
    assert set(calls) == {(BATCH, STEPS, WIDTH)}
    for ours, theirs in zip(*weights, strict=True):
        assert error(ours, theirs) <= FLOAT32
