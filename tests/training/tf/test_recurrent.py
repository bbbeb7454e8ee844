"""The loops over time: outputs, states and gradients are those of Keras's own layers."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.model.cells import CELLS
from chargen.training.plan import Plan

UNITS, BATCH, STEPS, WIDTH = 7, 3, 11, 5  # odd, so that nothing divides anything

FLOAT32 = 1e-5
"""Largest error in float32, relative to the tensor's largest element: measured 1e-6."""

BFLOAT16 = 2e-2
"""The same with operands in bfloat16, each rounded by up to 2⁻⁹: measured 1e-2."""

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("pools")


def keras_layer(cell):
    """Keras's own layer with weights that are the same for one cell; no bias is zero."""
    from chargen.training.tf.own_keras import keras

    kind = getattr(keras.layers, CELLS[cell].keras)
    made = kind(UNITS, return_sequences=True, return_state=True)
    made.build((BATCH, STEPS, WIDTH))
    random = np.random.default_rng(5)
    made.set_weights([random.normal(0, 0.5, w.shape) for w in made.get_weights()])
    names = [variable.name for variable in made.trainable_variables]
    assert names == ["kernel", "recurrent_kernel", "bias"]
    return made


def weights_of(layer):
    return [variable.value for variable in layer.trainable_variables]


def sequences(steps=STEPS):
    random = np.random.default_rng(6)
    return random.normal(size=(BATCH, steps, WIDTH)).astype(np.float32)


def states_of(cell):
    random = np.random.default_rng(7)
    count = len(CELLS[cell].states)
    return [random.normal(size=(BATCH, UNITS)).astype(np.float32) for _ in range(count)]


def mask():
    """Of a text made of items, (T, B, 1): a row of many beginnings, of one, and of none."""
    keep = np.ones((STEPS, BATCH, 1), np.float32)
    keep[[0, 4, 5, STEPS - 1], 0] = keep[3, 1] = 0
    return keep


def by_recur(cell, plan, keep=None):
    """What the model does with a layer: (x, states, weights) → [outputs, *states]."""
    import tensorflow as tf

    from chargen.training.tf.matmul import dense
    from chargen.training.tf.recurrent import biases, recur

    def call(x, states, weights):
        kernel, recurrent_kernel, bias = weights
        bias, recurrent_bias = biases(bias, cell)
        zx = dense(tf.transpose(x, [1, 0, 2]), kernel, bias, plan)
        outputs, after = recur(
            zx, recurrent_kernel, recurrent_bias, states, cell, plan, keep
        )
        return [tf.transpose(outputs, [1, 0, 2]), *after]

    return tf.function(call, autograph=False)


def results(call, inputs, cell, weights):
    """Name → array: outputs, last states, and the gradient of everything there is.

    The gradients are those of a sum with random weights of outputs and last states, so
    that every element has one of its own.
    """
    import tensorflow as tf

    x = tf.constant(inputs)
    first = [tf.constant(state) for state in states_of(cell)]
    random = np.random.default_rng(8)
    with tf.GradientTape() as tape:
        tape.watch([x, *first, *weights])
        found = call(x, first, weights)
        loss = tf.add_n([tf.reduce_sum(y * random.normal(size=y.shape)) for y in found])
    gradients = tape.gradient(loss, [x, *first, *weights])
    states = [f"state {i}" for i in range(len(first))]
    arrays = dict(zip(["outputs", *states], found, strict=True))
    names = ("inputs", *states, "kernel", "recurrent_kernel", "bias")
    keys = [f"gradient of {name}" for name in names]
    arrays |= dict(zip(keys, gradients, strict=True))
    return {name: array.numpy() for name, array in arrays.items()}


def error(ours, theirs):
    """The largest error, relative to the largest element."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float32
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


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
def test_results_and_gradients_are_those_of_keras(cell, plan, steps):
    layer, inputs = keras_layer(cell), sequences(steps)
    weights = weights_of(layer)
    theirs = results(
        lambda x, states, _: layer(x, initial_state=states), inputs, cell, weights
    )
    ours = results(by_recur(cell, plan), inputs, cell, weights)
    errors = {name: error(ours[name], theirs[name]) for name in theirs}
    tolerance = FLOAT32 if plan.precision == "float32" else BFLOAT16
    assert {name: e for name, e in errors.items() if not e <= tolerance} == {}
    if plan.precision == "bfloat16":  # else nothing was rounded
        assert min(errors.values()) > FLOAT32


def by_keras_in_steps(layer, keep):
    """Keras's own layer, called for one time step after the other."""
    import tensorflow as tf

    def call(x, states, _):
        outputs = []
        for t in range(STEPS):
            states = [keep[t] * state for state in states]
            output, *states = layer(x[:, t : t + 1], initial_state=states)
            outputs.append(output)
        return [tf.concat(outputs, 1), *states]

    return call


@pytest.mark.parametrize(
    ("cell", "plan"),
    [
        *((cell, Plan(xla=False)) for cell in CELLS),
        ("lstm", Plan()),
        ("gru", Plan("bfloat16")),
        *(
            pytest.param(cell, plan, marks=slow)
            for cell in CELLS
            for plan in (Plan(), Plan("bfloat16"), Plan("bfloat16", xla=False))
            if (cell, plan) not in (("lstm", Plan()), ("gru", Plan("bfloat16")))
        ),
    ],
    ids=named,
)
def test_where_an_item_begins_states_become_zero_and_gradients_stop(cell, plan):
    layer, inputs, keep = keras_layer(cell), sequences(), mask()
    weights = weights_of(layer)
    theirs = results(by_keras_in_steps(layer, keep), inputs, cell, weights)
    ours = results(by_recur(cell, plan, keep), inputs, cell, weights)
    errors = {name: error(ours[name], theirs[name]) for name in theirs}
    tolerance = FLOAT32 if plan.precision == "float32" else BFLOAT16
    assert {name: e for name, e in errors.items() if not e <= tolerance} == {}
    unmasked = results(by_recur(cell, plan), inputs, cell, weights)
    assert min(error(unmasked[name], theirs[name]) for name in theirs) > tolerance
    for i in range(len(states_of(cell))):  # exactly: not even a rounding error passes
        assert not ours[f"gradient of state {i}"][0].any()
        assert ours[f"gradient of state {i}"][1:].all()


@pytest.mark.parametrize("cell", CELLS)
def test_from_zero_states_the_results_are_those_of_a_layer_without_any(cell):
    import tensorflow as tf

    layer, x = keras_layer(cell), tf.constant(sequences())
    zeros = [tf.zeros((BATCH, UNITS))] * len(CELLS[cell].states)
    ours = by_recur(cell, Plan(xla=False))(x, zeros, weights_of(layer))
    for one, other in zip(ours, layer(x), strict=True):
        assert error(one, other) <= FLOAT32


@pytest.mark.parametrize("cell", CELLS)
def test_states_carry_a_sequence_across_calls(cell):
    import tensorflow as tf

    layer = keras_layer(cell)
    x, first = tf.constant(sequences()), [tf.constant(s) for s in states_of(cell)]
    call, weights = by_recur(cell, Plan(xla=False)), weights_of(layer)
    one, *between = call(x[:, :4], first, weights)
    two, *after = call(x[:, 4:], between, weights)
    outputs, *expected = layer(x, initial_state=first)
    assert error(tf.concat([one, two], 1), outputs) <= FLOAT32
    for state, other in zip(after, expected, strict=True):
        assert error(state, other) <= FLOAT32
