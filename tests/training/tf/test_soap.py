"""SOAP: its updates are those of its equations, and it does what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.training.plan import Plan

SHAPES = [(6, 24), (4, 24), (7, 7)]
DECAY = 0.1

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("pools")


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """A new basis every third update."""
    from chargen.training.tf import soap

    monkeypatch.setattr(soap, "REFRESH", 3)


def random(*key, shape):
    return np.random.default_rng(key).normal(size=shape).astype(np.float32)


def scales(first, last, count):
    return np.geomspace(first, last, count, dtype=np.float32)


def start():
    return [random(0, i, shape=shape) for i, shape in enumerate(SHAPES)]


def gradients(step):
    """Of two shards, of rows that are correlated and of very different size."""
    sides = [shape[0] for shape in SHAPES]
    mixes = [
        random(1, i, shape=(n, n)) * scales(1, 30, n)[:, None] for i, n in enumerate(sides)
    ]
    return [
        [
            mix @ random(2, shard, step, i, shape=shape)
            for i, (mix, shape) in enumerate(zip(mixes, SHAPES, strict=True))
        ]
        for shard in range(2)
    ]


SCALES, RATES = [0.5, 1.0, 0.25], [1e-2, 2e-2, 5e-3]


class Ours:
    """Kernels that chargen's SOAP updates."""

    def __init__(self, plan, kernels=None, *, decay=DECAY):
        import tensorflow as tf

        from chargen.training.tf.soap import Soap

        self.kernels = [tf.Variable(w) for w in (start() if kernels is None else kernels)]
        self.soap = Soap(self.kernels, plan, weight_decay=decay)

        def update(shards, scale, rate):
            squared, projected = self.soap.project(shards)
            self.soap.apply(shards, projected, scale, rate)
            return squared

        self.update = tf.function(update, autograph=False)

    def train(self, steps, first=0):
        import tensorflow as tf

        for step in range(first, first + steps):
            shards = [[tf.constant(g) for g in shard] for shard in gradients(step)]
            scale, rate = SCALES[step % 3], RATES[step % 3]
            self.update(shards, tf.constant(scale), tf.constant(rate))
        return [kernel.numpy() for kernel in self.kernels]


def by_equations(steps):
    """The same in NumPy, float64, from the module's docstring."""
    from chargen.training.tf import soap

    kernels = []
    for i, w in enumerate(start()):
        w = w.astype(np.float64)
        c, q = np.zeros((len(w), len(w))), np.eye(len(w))
        m, v = np.zeros_like(w), np.zeros_like(w)
        for step in range(steps):
            scale, rate = SCALES[step % 3], RATES[step % 3]
            g = scale * sum(shard[i].astype(np.float64) for shard in gradients(step))
            rotated = q.T @ g
            m = soap.BETA_1 * m + (1 - soap.BETA_1) * rotated
            v = soap.BETA_2 * v + (1 - soap.BETA_2) * rotated**2
            m_hat = m / (1 - soap.BETA_1 ** (step + 1))
            v_hat = v / (1 - soap.BETA_2 ** (step + 1))
            change = q @ (m_hat / (np.sqrt(v_hat) + soap.EPSILON))
            w = w - rate * (change + DECAY * w)
            if step % 3 == 0:
                c = soap.MEMORY * c + (1 - soap.MEMORY) * g @ g.T
                new = np.linalg.qr(c @ q)[0]
                m, q = new.T @ q @ m, new
        kernels.append(w)
    return kernels


@pytest.mark.parametrize(
    ("plan", "tolerance"),
    [
        (Plan(xla=False), 1e-4),
        pytest.param(Plan(), 1e-4, marks=slow),
        pytest.param(Plan("bfloat16"), 3e-2, marks=slow),
        (Plan("bfloat16", xla=False), 3e-2),
    ],
    ids=["plain", "xla", "bfloat16 xla", "bfloat16 plain"],
)
def test_updates_are_those_of_the_equations(plan, tolerance):
    found, expected = Ours(plan).train(11), by_equations(11)
    for one, other, before in zip(found, expected, start(), strict=True):
        moved = np.abs(other - before).max()
        assert moved > 0.05
        assert np.abs(one - other).max() <= tolerance * moved


def test_squared_norms_are_those_of_the_whole_gradient():
    ours = Ours(Plan(xla=False))
    shards = gradients(0)
    squared = [float(x) for x in ours.update(shards, 1.0, 1e-3)]
    whole = [sum(g) for g in zip(*shards, strict=True)]
    assert squared == pytest.approx([float((g**2).sum()) for g in whole], rel=1e-5)


def test_bases_stay_orthogonal():
    ours = Ours(Plan(xla=False))
    ours.train(30)
    bases = [v.numpy() for v in ours.soap._bases]
    for basis in bases:
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), atol=1e-5)
        assert np.abs(np.abs(basis) - np.eye(len(basis))).max() > 0.1  # and have turned


def test_gradients_of_zero_change_nothing_but_by_decay():
    import tensorflow as tf

    ours = Ours(Plan(xla=False), decay=0.0)
    zeros = [[tf.zeros(shape) for shape in SHAPES]]
    for _ in range(4):
        ours.update(zeros, tf.constant(1.0), tf.constant(0.1))
    for kernel, before in zip(ours.kernels, start(), strict=True):
        np.testing.assert_array_equal(kernel.numpy(), before)


def test_what_it_remembers_is_all_that_it_needs():
    whole, part = Ours(Plan(xla=False)), Ours(Plan(xla=False))
    expected = whole.train(9)
    halfway = part.train(5)
    resumed = Ours(Plan(xla=False), halfway)
    for new, old in zip(resumed.soap.variables, part.soap.variables, strict=True):
        new.assign(old.numpy())
    for one, other in zip(resumed.train(4, first=5), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_learns_from_correlated_inputs_faster_than_adamw():
    import tensorflow as tf

    from chargen.training.tf.own_keras import keras

    # A linear map to be found, from inputs of which a few directions say nearly all.
    inputs = random(3, shape=(64, 8)) @ (random(4, shape=(8, 8)) * scales(1, 0.03, 8))
    target = random(5, shape=(8, 16))

    def loss(kernel):
        return tf.reduce_mean((tf.constant(inputs) @ (kernel - target)) ** 2)

    def gradient(kernel):
        with tf.GradientTape() as tape:
            value = loss(kernel)
        return tape.gradient(value, kernel)

    ours = Ours(Plan(xla=False), [np.zeros((8, 16), np.float32)], decay=0.0)
    theirs = keras.Variable(np.zeros((8, 16), np.float32))
    adamw = keras.optimizers.AdamW(weight_decay=0.0, beta_2=0.99)
    adamw.build([theirs])
    for step in range(120):
        rate = 0.1 * (1 - step / 120)
        adamw.learning_rate = rate
        ours.update([[gradient(ours.kernels[0])]], tf.constant(1.0), tf.constant(rate))
        adamw.apply([gradient(theirs.value)], [theirs])
    assert float(loss(ours.kernels[0])) < 0.3 * float(loss(theirs.value))
