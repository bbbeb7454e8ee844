"""The fast model: loss, states and gradients are Keras's, and those of the equations."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.training.plan import Plan

BATCH, STEPS = 5, 7  # neither 2 nor 3 shards divide the batch
FEW, MANY = 11, 50  # characters: fewer and more than a batch has places

FLOAT32 = 1e-5
"""Largest error in float32, relative to the tensor's largest element: measured 1e-6."""

BFLOAT16 = 6e-2
"""The same with operands in bfloat16, after two layers: measured 1.7e-2 where the CPU
multiplies it, and 4e-2 where it does not, in the sum of a bias whose terms cancel."""

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("pools")


def error(ours, theirs):
    """The largest error, relative to the largest element."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


class Case:
    """A model with weights and states of which none is zero, and a batch for it.

    If it is made of items, one row has the end mark at the first time step, one at the
    last, one at several, one at all, and one at none.
    """

    def __init__(
        self,
        cell,
        layers=1,
        characters=FEW,
        *,
        units=6,
        embedding_size=4,
        dropout=0.0,
        items=False,
        tied=False,
    ):
        from chargen.training.tf.keras_model import build_model

        self.end = characters - 1 if items else None
        self.config = ModelConfig(cell, units, layers, embedding_size, dropout, tied)
        self.model = build_model(self.config, characters, seed=1, end=self.end)
        random = np.random.default_rng(2)
        for variable in self.model.trainable_variables:
            variable.assign(variable + random.normal(0, 0.3, variable.shape))
        ids = random.integers(characters, size=(BATCH, STEPS + 1), dtype=np.int32)
        if items:
            ids[ids == self.end] = 0
            ids[[0, 1, 2, 2, 2], [0, STEPS - 1, 2, 3, 5]] = ids[3] = self.end
        self.inputs, self.targets = ids[:, :-1], ids[:, 1:]
        self.states = [
            random.normal(0, 0.5, size=(BATCH, units)).astype(np.float32)
            for _ in range(len(CELLS[cell].states) * layers)
        ]

    @property
    def weights(self):
        return [variable.value for variable in self.model.trainable_variables]

    @functools.cache  # noqa: B019 - a case lives no longer than its test
    def graph(self, plan, dropout, key):
        """`loss_and_gradients` as a part of a graph, as training calls it."""
        import tensorflow as tf

        from chargen.training.tf.forward import loss_and_gradients

        def call(*arguments):
            options = {"dropout": dropout, "key": None if key is None else tf.constant(key)}
            options |= {"end": self.end, "tied": self.config.tied}
            return loss_and_gradients(*arguments, self.config.cell, plan, **options)

        return tf.function(call, autograph=False)

    def fast(self, plan, *, weights=None, dropout=0.0, key=None):
        """Loss, gradients and states, as chargen computes them."""
        import tensorflow as tf

        loss, shards, after = self.graph(plan, dropout, key)(
            self.weights if weights is None else weights,
            tf.constant(self.inputs),
            tf.constant(self.targets),
            [tf.constant(state) for state in self.states],
        )
        assert len(shards) == min(plan.shards, BATCH)
        return loss, [sum(g) for g in zip(*shards, strict=True)], after

    def stock(self):
        """The same, as Keras computes it."""
        import tensorflow as tf

        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits, *after = self.model([self.inputs, *self.states], training=False)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(self.targets, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [v.value for v in variables])
        return loss, [tf.convert_to_tensor(g) for g in gradients], after


def assert_same(case, plan, tolerance):
    ours, theirs = case.fast(plan), case.stock()
    names = case.config.weight_shapes(case.model.outputs[0].shape[-1])
    assert ours[0].dtype == "float32"
    errors = {"loss": error(ours[0], theirs[0])}
    for name, one, other in zip(names, ours[1], theirs[1], strict=True):
        errors[f"gradient of {name}"] = error(one, other)
    for i, (one, other) in enumerate(zip(ours[2], theirs[2], strict=True)):
        errors[f"state {i}"] = error(one, other)
    assert {name: e for name, e in errors.items() if not e <= tolerance} == {}


def named(value):
    if not isinstance(value, Plan):
        return str(value)
    return f"{value.precision} {'xla' if value.xla else 'plain'} {value.shards}"


@pytest.mark.parametrize(
    ("cell", "layers", "characters", "plan"),
    [
        ("rnn", 2, FEW, Plan(xla=False, shards=3)),
        ("lstm", 2, FEW, Plan(xla=False, shards=2)),
        ("gru", 2, FEW, Plan(xla=False, shards=1)),
        ("lstm", 1, MANY, Plan(xla=False, shards=1)),
        ("gru", 1, MANY, Plan(xla=False, shards=2)),
        ("gru", 1, FEW, Plan()),
        ("lstm", 2, FEW, Plan("bfloat16")),
        *(
            pytest.param(cell, layers, characters, Plan(shards=shards), marks=slow)
            for cell in CELLS
            for layers in (1, 2)
            for characters in (FEW, MANY)
            for shards in (1, 2, 3)
            if (cell, layers, characters, shards) != ("gru", 1, FEW, 1)  # above
        ),
        *(
            pytest.param(
                cell, 2, characters, Plan("bfloat16", xla=xla, shards=2), marks=slow
            )
            for cell in CELLS
            for characters in (FEW, MANY)
            for xla in (True, False)
        ),
    ],
    ids=named,
)
def test_loss_gradients_and_states_are_those_of_keras(cell, layers, characters, plan):
    tolerance = FLOAT32 if plan.precision == "float32" else BFLOAT16
    assert_same(Case(cell, layers, characters), plan, tolerance)


@pytest.mark.parametrize(
    ("cell", "characters", "plan"),
    [
        ("rnn", FEW, Plan(xla=False, shards=3)),
        ("lstm", FEW, Plan(xla=False, shards=2)),
        ("gru", MANY, Plan(xla=False, shards=1)),
        ("lstm", FEW, Plan("bfloat16", xla=False)),
        *(
            pytest.param(cell, FEW, Plan(precision, shards=2), marks=slow)
            for cell in CELLS
            for precision in ("float32", "bfloat16")
        ),
    ],
    ids=named,
)
def test_with_end_marks_they_are_those_of_keras(cell, characters, plan):
    tolerance = FLOAT32 if plan.precision == "float32" else BFLOAT16
    assert_same(Case(cell, 2, characters, items=True), plan, tolerance)


@pytest.mark.parametrize(
    ("cell", "characters", "plan"),
    [
        ("rnn", FEW, Plan(xla=False, shards=3)),
        ("lstm", MANY, Plan(xla=False, shards=2)),
        ("gru", FEW, Plan()),
        ("lstm", FEW, Plan("bfloat16", xla=False)),
        *(
            pytest.param(cell, MANY, Plan(precision, shards=2), marks=slow)
            for cell in CELLS
            for precision in ("float32", "bfloat16")
        ),
    ],
    ids=named,
)
def test_those_of_a_tied_model_are_those_of_keras(cell, characters, plan):
    tolerance = FLOAT32 if plan.precision == "float32" else BFLOAT16
    assert_same(Case(cell, 2, characters, tied=True), plan, tolerance)


def test_a_tied_model_of_as_many_characters_as_numbers_in_a_vector():
    case = Case("lstm", characters=7, embedding_size=7, items=True, tied=True)
    assert_same(case, Plan(xla=False, shards=2), FLOAT32)


def test_more_shards_than_streams_are_one_each():
    assert_same(Case("rnn"), Plan(xla=False, shards=BATCH + 3), FLOAT32)


# Two threads that run one program of XLA's for the first time may crash in it.
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_two_shards_run_one_program(precision, programs):
    case, plan = Case("gru", 2), Plan(precision, xla=False, shards=2)
    case.fast(plan, dropout=0.5, key=(0, 1))
    # Of the loops, the products, dropout and the loss, forward and backward.
    expected = {"_forward", "_backward", "_dense", "_embedded", "_mask", "_times", "_nats"}
    assert expected <= set(programs)
    assert {name: ks for name, ks in programs.items() if ks != {0, 1}} == {}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_two_kernel_gradients_run_one_program(precision, monkeypatch):
    from chargen.training.tf import matmul

    made, original = [], matmul.separate

    def spy(function, plan):
        made.append(function.__name__)
        return original(function, plan)

    monkeypatch.setattr(matmul, "separate", spy)
    Case("lstm", 2).fast(Plan(precision, xla=False, shards=2))
    name = "_kernel_gradient" if precision == "float32" else "_rounded_product"
    # In each shard: two recurrent kernels, the second layer's and the output's.
    assert made.count(name) == 8


@pytest.mark.parametrize("characters", [FEW, MANY])
@pytest.mark.parametrize("cell", CELLS)
def test_logits_are_those_of_keras(cell, characters):
    import tensorflow as tf

    from chargen.training.tf.forward import logits

    case = Case(cell, 2, characters)
    expected, *after = case.model([case.inputs, *case.states], training=False)
    ids, states = tf.constant(case.inputs.T), [tf.constant(s) for s in case.states]
    found, new = logits(case.weights, ids, states, cell, Plan(xla=False))
    assert error(np.transpose(found, (1, 0, 2)), expected) <= FLOAT32
    for one, other in zip(new, after, strict=True):
        assert error(one, other) <= FLOAT32


# --- against the equations, without Keras ------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn(x, before, kernel, recurrent, bias):
    (h,) = before
    return [np.tanh(x @ kernel + bias + h @ recurrent)]


def lstm(x, before, kernel, recurrent, bias):
    h, c = before
    i, f, g, o = np.split(x @ kernel + bias + h @ recurrent, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru(x, before, kernel, recurrent, bias):
    (h,) = before
    z, r, n = np.split(x @ kernel + bias[0], 3, axis=1)
    u, s, m = np.split(h @ recurrent + bias[1], 3, axis=1)
    z, r = sigmoid(z + u), sigmoid(r + s)
    return [z * h + (1 - z) * np.tanh(n + r * m)]


EQUATIONS = {"rnn": rnn, "lstm": lstm, "gru": gru}


def by_equations(case, weights):
    """The mean loss and the last states in float64, one character after the other."""
    embedding, *layers, kernel, bias = weights
    count = len(CELLS[case.config.cell].states)
    states = [state.astype(np.float64) for state in case.states]
    step, total = EQUATIONS[case.config.cell], 0.0
    for t in range(STEPS):
        x = embedding[case.inputs[:, t]]
        if case.end is not None:
            ends = case.inputs[:, t] == case.end
            states = [np.where(ends[:, None], 0.0, state) for state in states]
        for i in range(case.config.layers):
            before = states[count * i : count * (i + 1)]
            after = step(x, before, *layers[3 * i : 3 * i + 3])
            states[count * i : count * (i + 1)] = after
            x = after[0]
        total += log_loss(x @ kernel + bias, case.targets[:, t]).sum()
    return total / case.targets.size, states


def log_loss(logits, targets):
    """Minus the logarithm of the target's softmax."""
    shifted = logits - logits.max(-1, keepdims=True)
    chosen = np.take_along_axis(shifted, targets[..., None], -1)[..., 0]
    return np.log(np.exp(shifted).sum(-1)) - chosen


def differences(function, weights, size=1e-6):
    """The gradient of a function of float64 arrays, by central differences."""
    gradients = []
    for weight in weights:
        gradient = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            kept = weight[place]
            weight[place] = kept + size
            above = function(weights)
            weight[place] = kept - size
            gradient[place] = (above - function(weights)) / (2 * size)
            weight[place] = kept
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("items", [False, True], ids=["text", "items"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell, items):
    case = Case(cell, 2, 3, units=2, embedding_size=2, items=items)
    weights = [weight.numpy().astype(np.float64) for weight in case.weights]
    loss, gradients, after = case.fast(Plan(xla=False, shards=2))
    expected_loss, states = by_equations(case, weights)
    assert float(loss) == pytest.approx(expected_loss, rel=1e-6)
    for one, other in zip(after, states, strict=True):
        assert error(one, other) <= FLOAT32
    expected = differences(lambda changed: by_equations(case, changed)[0], weights)
    names = case.config.weight_shapes(3)
    for name, one, other in zip(names, gradients, expected, strict=True):
        assert error(one, other) <= FLOAT32, name


def test_a_sum_is_the_same_whatever_may_be_overwritten():
    import tensorflow as tf

    from chargen.training.tf.matmul import total

    random = np.random.default_rng(0)
    a, b, c = (random.normal(size=1000).astype(np.float32) for _ in range(3))
    expected = (a + b) + c * c

    def added(add):
        # The square belongs to nobody else: its memory may hold the sum.
        summed = tf.function(lambda a, b, c: add([a, b, tf.square(c)]), autograph=False)
        return summed(*map(tf.constant, (a, b, c))).numpy()

    np.testing.assert_array_equal(added(total), expected)
    # Why there is `total`: these begin with the square.
    for other in (tf.add_n, lambda parts: parts[0] + parts[1] + parts[2]):
        assert (added(other) != expected).any()


@pytest.mark.parametrize("xla", [False, True])
def test_nats_are_the_logarithm_of_softmax(xla):
    import tensorflow as tf

    from chargen.training.tf.forward import nats

    random = np.random.default_rng(3)
    values = random.normal(0, 3, (STEPS, BATCH, FEW)).astype(np.float32)
    values[0, 0] = 1e4 * np.arange(FEW)  # e to this is no float
    targets = random.integers(FEW, size=(STEPS, BATCH), dtype=np.int32)
    factors = random.normal(size=(STEPS, BATCH)).astype(np.float32)
    logits = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = nats(logits, tf.constant(targets), Plan(xla=xla))
        loss = tf.reduce_sum(losses * factors)
    exact = values.astype(np.float64)
    expected = log_loss(exact, targets)
    assert losses.dtype == "float32"
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)
    softmax = np.exp(exact - exact.max(-1, keepdims=True))
    softmax /= softmax.sum(-1, keepdims=True)
    expected = (softmax - np.eye(FEW)[targets]) * factors[..., None]
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=0, atol=1e-6)


# --- dropout -----------------------------------------------------------------------------


def dropped(x, rate, key, *, xla=False):
    import tensorflow as tf

    from chargen.training.tf.forward import _dropped

    plan = Plan(xla=xla)
    return _dropped(tf.constant(x, tf.float32), rate, tf.constant(key, tf.int32), plan)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(rate):
    steps = dropped(np.ones((3, 500, 100)), rate, [0, 1]).numpy()
    mask = steps[0]  # of (streams, units), for all time steps
    np.testing.assert_array_equal(steps, np.broadcast_to(mask, steps.shape))
    np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - rate)], rtol=1e-6)
    # Within five standard deviations of what 50,000 throws of such a coin give.
    assert abs((mask == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / mask.size)
    for axis in range(2):  # no unit and no stream is favoured
        assert abs(mask.mean(1 - axis) - 1).max() < 6 * np.sqrt(
            rate / (1 - rate) / (mask.size / mask.shape[axis])
        )


def test_a_key_gives_a_mask_with_xla_and_without():
    x = np.random.default_rng(4).normal(size=(STEPS, BATCH, 6))
    x = np.repeat(x, 3, axis=-1)  # enough units for two masks to differ
    plain = dropped(x, 0.5, [3, 4]).numpy()
    np.testing.assert_array_equal(plain, dropped(x, 0.5, [3, 4]))
    np.testing.assert_array_equal(plain, dropped(x, 0.5, [3, 4], xla=True))
    for key in ([3, 5], [4, 4], [4, 3]):
        assert not np.array_equal(plain, dropped(x, 0.5, key))


def masks_of(monkeypatch, key, *, batch=BATCH, shards=1):
    """The masks of a call, by shard and layer."""
    import tensorflow as tf

    from chargen.training.tf import forward

    found, original = [], forward._dropped

    def spy(x, rate, key, plan):
        found.append(original(tf.ones_like(x), rate, key, plan).numpy())
        return original(x, rate, key, plan)

    case = Case("gru", 2)
    with monkeypatch.context() as patch:
        patch.setattr(forward, "_dropped", spy)
        forward.loss_and_gradients(
            case.weights,
            tf.constant(case.inputs[:batch]),
            tf.constant(case.targets[:batch]),
            [tf.constant(state[:batch]) for state in case.states],
            "gru",
            Plan(xla=False, shards=shards),
            dropout=0.5,
            key=tf.constant(key, tf.int32),
        )
    return found


def test_every_layer_shard_step_and_seed_has_a_mask_of_its_own(monkeypatch):
    masks = masks_of(monkeypatch, [0, 7], batch=4, shards=2)
    assert len(masks) == 4
    again = masks_of(monkeypatch, [0, 7], batch=4, shards=2)
    for one, same in zip(masks, again, strict=True):
        np.testing.assert_array_equal(one, same)
    masks += masks_of(monkeypatch, [0, 8], batch=4, shards=2)
    masks += masks_of(monkeypatch, [1, 7], batch=4, shards=2)
    assert len({mask.tobytes() for mask in masks}) == len(masks) == 12


def test_nothing_is_dropped_without_a_rate_or_a_key():
    case, plan = Case("rnn"), Plan(xla=False)
    expected = float(case.fast(plan)[0])
    assert float(case.fast(plan, dropout=0.5)[0]) == expected
    assert float(case.fast(plan, key=(0, 7))[0]) == expected
    assert float(case.fast(plan, dropout=0.5, key=(0, 7))[0]) != expected


def test_the_gradient_of_dropout_is_dropped_alike():
    import tensorflow as tf

    from chargen.training.tf.forward import _dropped

    x = tf.constant(np.random.default_rng(4).normal(size=(STEPS, BATCH, 6)), tf.float32)
    factors = tf.constant(np.random.default_rng(5).normal(size=x.shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = _dropped(x, 0.3, tf.constant([3, 4]), Plan(xla=False))
        loss = tf.reduce_sum(y * factors)
    mask = dropped(np.ones(x.shape), 0.3, [3, 4])
    np.testing.assert_array_equal(y, x * mask)
    np.testing.assert_array_equal(tape.gradient(loss, x), factors * mask)


@pytest.mark.parametrize(
    "cell", [pytest.param("rnn", marks=slow), pytest.param("lstm", marks=slow), "gru"]
)
def test_gradients_with_dropout_are_those_of_the_loss_with_the_same_masks(cell):
    import tensorflow as tf

    case, plan = Case(cell, 2), Plan(xla=False, shards=2)
    options = {"dropout": 0.4, "key": (5, 6)}
    _, gradients, _ = case.fast(plan, **options)
    # The loss along the gradient, a little to either side.
    norm = np.sqrt(sum(float(tf.reduce_sum(g * g)) for g in gradients))
    size = 1e-2
    losses = [
        float(
            case.fast(
                plan,
                weights=[
                    tf.convert_to_tensor(w) + sign * size / norm * g
                    for w, g in zip(case.weights, gradients, strict=True)
                ],
                **options,
            )[0]
        )
        for sign in (1, -1)
    ]
    slope = (losses[0] - losses[1]) / (2 * size)
    assert slope == pytest.approx(norm, rel=2e-3)
