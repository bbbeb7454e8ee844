"""One update: SOAP or Keras's AdamW on Keras's gradients, however it is computed."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.model.cells import CELLS
from chargen.training.plan import STOCK, Plan
from chargen.training.settings import OPTIMIZERS, Settings

BATCH, STEPS, CHARACTERS = 5, 7, 11
END = CHARACTERS - 1
RATE = 1e-3
PLAIN = Plan(xla=False, shards=2)

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("pools")


class Trained:
    """A model whose weights, biases among them, are far from zero, and its updates."""

    def __init__(self, cell="gru", *, plan=PLAIN, layers=1, end=None, **settings):
        from chargen.training.tf.keras_model import build_model
        from chargen.training.tf.update import Update

        defaults = {"clip_norm": 0.0, "weight_decay": 0.1, "dropout": 0.0, "units": 6}
        settings = {**defaults, "embedding_size": 4, **settings}
        self.settings = Settings(cell=cell, layers=layers, **settings)
        self.model = build_model(self.settings.model, CHARACTERS, seed=1, end=end)
        random = np.random.default_rng(2)
        for variable in self.model.trainable_variables:
            variable.assign(variable + random.normal(0, 0.5, variable.shape))
        self.update = Update(self.model, self.settings, plan, end=end)
        self.states = self.zero_states()

    def zero_states(self):
        import tensorflow as tf

        count = len(CELLS[self.settings.cell].states) * self.settings.layers
        return [tf.zeros((BATCH, self.settings.units))] * count

    def train(self, steps, *, rate=RATE, newest=1.0):
        """Update on batches that depend on the step alone, and return the losses."""
        import tensorflow as tf

        losses = []
        for step in range(steps):
            loss, self.states = self.update.train(
                *batch(step),
                self.states,
                tf.constant(rate),
                tf.constant([0, step]),
                tf.constant(newest),
            )
            losses.append(float(loss))
        return losses

    def train_as_keras(self, steps, *, rate=RATE):
        """Do what `train` does with Keras alone."""
        import tensorflow as tf

        from chargen.training.tf.own_keras import keras

        settings, variables = self.settings, self.model.trainable_variables
        optimizer = keras.optimizers.AdamW(
            rate,
            weight_decay=settings.weight_decay,
            beta_2=0.99,
            global_clipnorm=settings.clip_norm or None,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.build(variables)
        losses = []
        for step in range(steps):
            inputs, targets = map(tf.constant, batch(step))
            with tf.GradientTape() as tape:
                logits, *self.states = self.model([inputs, *self.states], training=True)
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
                loss = tf.reduce_mean(each)
            gradients = tape.gradient(loss, variables)
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            optimizer.apply(gradients, variables)
            losses.append(float(loss))
        return losses

    @property
    def weights(self):
        return [np.array(v.numpy()) for v in self.model.trainable_variables]


def batch(step):
    random = np.random.default_rng([3, step])
    ids = random.integers(CHARACTERS, size=(BATCH, STEPS + 1), dtype=np.int32)
    return ids[:, :-1], ids[:, 1:]


def assert_same(one, other, *, atol=5e-6):
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)
    for a, b in zip(one.states, other.states, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


# AdamW hardly sees the gradient's size but where it comes near its epsilon of 1e-7: the
# tiny bound takes it there, so that a wrong norm shows in the first step.
TINY_NORM = 1e-5


@pytest.mark.parametrize(
    ("cell", "plan", "clip_norm", "steps"),
    [
        ("rnn", PLAIN, 0.0, 1),
        ("lstm", PLAIN, TINY_NORM, 1),
        pytest.param("gru", Plan(), 0.1, 3, marks=slow),
        ("gru", STOCK, TINY_NORM, 3),
        *(
            pytest.param(cell, plan, clip_norm, 4, marks=slow)
            for cell in CELLS
            for plan, clip_norm in (
                (Plan(shards=2), 0.0),
                (Plan(shards=2), TINY_NORM),
                (PLAIN, 0.1),
                (PLAIN, 100.0),
                (STOCK, 0.1),
            )
        ),
    ],
    ids=lambda value: (
        f"{'stock' if value.stock else 'xla' if value.xla else 'plain'}"
        if isinstance(value, Plan)
        else str(value)
    ),
)
def test_updates_by_adamw_are_those_of_keras(cell, plan, clip_norm, steps):
    ours = Trained(cell, plan=plan, layers=2, clip_norm=clip_norm, optimizer="adamw")
    theirs = Trained(cell, plan=STOCK, layers=2, clip_norm=clip_norm)
    before = theirs.weights
    losses, expected = ours.train(steps), theirs.train_as_keras(steps)
    assert losses == pytest.approx(expected, rel=1e-5)
    assert_same(ours, theirs)
    # The tolerance is far below what a step does.
    for old, new in zip(before, theirs.weights, strict=True):
        assert np.abs(new - old).max() > 2e-4


@pytest.mark.parametrize("end", [None, END])
def test_stock_and_fast_layers_train_alike(end):
    ours, theirs = (
        Trained("lstm", layers=2, plan=plan, end=end) for plan in (PLAIN, STOCK)
    )
    assert ours.train(3) == pytest.approx(theirs.train(3), rel=1e-5)
    assert_same(ours, theirs)


@slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_trains_alike_up_to_rounding(cell, optimizer):
    common = {"layers": 2, "clip_norm": 1.0, "optimizer": optimizer}
    ours = Trained(cell, plan=Plan("bfloat16", shards=2), **common)
    theirs = Trained(cell, plan=STOCK, **common)
    losses, expected = ours.train(60, rate=0.01), theirs.train(60, rate=0.01)
    assert losses == pytest.approx(expected, rel=0.03)
    assert losses != pytest.approx(expected, rel=1e-5)
    assert all(weight.dtype == np.float32 for weight in ours.weights)


def test_biases_do_not_decay_and_the_rest_does():
    # Far more decay than gradient: what decays has shrunk, by rate times decay.
    trained = Trained("lstm", weight_decay=100.0, clip_norm=1e-12)
    before = trained.weights
    trained.train(1)
    names = trained.settings.model.weight_shapes(CHARACTERS)
    for name, old, new in zip(names, before, trained.weights, strict=True):
        left = 1.0 if name.endswith("bias") else 1 - RATE * 100
        np.testing.assert_allclose(new, left * old, rtol=0, atol=1e-5, err_msg=name)


def test_a_rate_of_zero_changes_nothing():
    trained = Trained("gru")
    before = trained.weights
    trained.train(2, rate=0.0)
    for old, new in zip(before, trained.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_weight_is_trained_once(optimizer):
    trained = Trained("lstm", layers=2, optimizer=optimizer)
    names = list(trained.settings.model.weight_shapes(CHARACTERS))
    by_adamw = [i for half in trained.update._halves for i in half]
    kernels = [i for i, name in enumerate(names) if name[:3] == "rnn" and "kernel" in name]
    assert trained.update._kernels == (kernels if optimizer == "soap" else [])
    assert sorted(by_adamw + trained.update._kernels) == list(range(len(names)))


def test_a_kernel_with_more_rows_than_columns_is_left_to_adamw():
    trained = Trained("rnn", layers=2, embedding_size=7)  # 6 units
    assert [weight.shape for weight in trained.weights][:3] == [(11, 7), (7, 6), (6, 6)]
    assert trained.update._kernels == [2, 4, 5]
    before = trained.weights
    trained.train(1)
    assert all((old != new).any() for old, new in zip(before, trained.weights, strict=True))


def test_the_halves_are_of_about_one_size():
    trained = Trained("lstm", layers=2, optimizer="adamw")
    sizes = [weight.size for weight in trained.weights]
    one, other = (sum(sizes[i] for i in half) for half in trained.update._halves)
    assert abs(one - other) <= max(sizes)


def test_soap_trains_the_recurrent_kernels_and_adamw_the_rest():
    # One step, clipped by the norm over all weights, tiny enough for it to show.
    ours = Trained("gru", layers=2, clip_norm=TINY_NORM)
    theirs = Trained("gru", layers=2, clip_norm=TINY_NORM, plan=STOCK)
    before = theirs.weights
    ours.train(1)
    theirs.train_as_keras(1)
    names = ours.settings.model.weight_shapes(CHARACTERS)
    for name, old, new, other in zip(
        names, before, ours.weights, theirs.weights, strict=True
    ):
        # SOAP's first step has no basis yet: it is AdamW's, but for epsilon.
        smaller_epsilon = name.startswith("rnn") and "kernel" in name
        if smaller_epsilon:
            assert np.abs(new - old).max() > np.abs(other - old).max()
        else:
            np.testing.assert_allclose(new, other, rtol=0, atol=5e-6, err_msg=name)


def test_stock_dropout_has_a_key_of_its_own_for_every_layer_step_and_seed():
    import tensorflow as tf

    from chargen.training.tf.own_keras import keras

    trained = Trained("rnn", layers=3, plan=STOCK, dropout=0.5)
    layers = [x for x in trained.model.layers if isinstance(x, keras.layers.Dropout)]
    seen, original = [], keras.layers.Dropout.call

    def spy(self, inputs, training=False):
        keys = self.seed_generator.state.value
        tf.py_function(lambda key: seen.append(tuple(key.numpy())), [keys], [])
        return original(self, inputs, training=training)

    for layer in layers:
        layer.call = spy.__get__(layer)
    for key in ([0, 7], [0, 8], [1, 7], [0, 7]):
        inputs, targets = batch(0)
        trained.update.train(
            *(inputs, targets, trained.states),
            *(tf.constant(0.0), tf.constant(key), tf.ones(())),
        )
    assert len(seen) == 12
    assert len(set(seen)) == 9
    assert sorted(seen[:3]) == sorted(seen[9:])


# --- scoring -----------------------------------------------------------------------------


def scored(plan, *, cell="gru", end=None):
    """Losses and states of two windows, the states carried."""
    trained = Trained(cell, plan=plan, layers=2, dropout=0.5, end=end)
    losses, states = [], trained.zero_states()
    for step in range(2):
        loss, states = trained.update.score(*batch(step), states)
        losses.append(loss.numpy())
    return [np.concatenate(losses, 1), *(state.numpy() for state in states)]


@pytest.mark.parametrize("end", [None, END])
@pytest.mark.parametrize(
    ("cell", "plan"),
    [
        ("lstm", PLAIN),
        ("gru", STOCK),
        *(pytest.param(cell, Plan(shards=3), marks=slow) for cell in CELLS),
    ],
    ids=["plain", "stock", *(f"xla {cell}" for cell in CELLS)],
)
def test_scores_are_those_of_keras(cell, plan, end):
    losses, *states = scored(plan, cell=cell, end=end)
    trained = Trained(cell, plan=STOCK, layers=2, dropout=0.5, end=end)
    inputs, targets = (np.concatenate(x, 1) for x in zip(batch(0), batch(1), strict=True))
    zeros = [state.numpy() for state in trained.zero_states()]
    logits, *after = trained.model([inputs, *zeros], training=False)
    exact = logits.numpy().astype(np.float64)
    chosen = np.take_along_axis(exact, targets[..., None], -1)[..., 0]
    expected = np.log(np.exp(exact).sum(-1)) - chosen
    assert losses.dtype == np.float32
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)
    for one, other in zip(states, after, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("plan", [PLAIN, STOCK], ids=["plain", "stock"])
def test_averaged_weights_are_scored(plan):
    trained, still = Trained("lstm", plan=plan), Trained("lstm", plan=plan)
    before = trained.weights
    trained.train(2, rate=0.1, newest=0.0)
    assert all((a != b).any() for a, b in zip(before, trained.weights, strict=True))
    losses, _ = trained.update.score(*batch(0), trained.zero_states())
    expected, _ = still.update.score(*batch(0), still.zero_states())
    np.testing.assert_array_equal(losses, expected)
    trained.train(1, rate=0.0, newest=0.25)
    for old, new, mean in zip(
        before, trained.weights, trained.update.averaged, strict=True
    ):
        np.testing.assert_allclose(mean, old + 0.25 * (new - old), rtol=0, atol=1e-6)
    moved, _ = trained.update.score(*batch(0), trained.zero_states())
    assert np.abs(moved - expected).max() > 1e-3


@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=slow)])
def test_scores_are_float32_whatever_the_precision_of_training(xla):
    ours = scored(Plan("bfloat16", xla=xla, shards=2))
    for one, other in zip(ours, scored(Plan(xla=xla, shards=2)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_two_shards_are_scored_by_one_program(programs):
    scored(PLAIN)
    assert {"_forward", "_dense", "_embedded", "_nats"} <= set(programs)
    assert {name: ks for name, ks in programs.items() if ks != {0, 1}} == {}
