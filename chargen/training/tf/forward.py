"""The whole model from ids to the loss, as fast as a CPU runs it, and its gradients.

It computes what the Keras model of `keras_model.build_model` computes on the same weights.
The embedding is folded into the first layer's input product, and the batch is cut into
shards whose time loops run side by side, each on one processor. `recurrent` and `matmul`
hold the pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from chargen.model.cells import CELLS
from chargen.training.plan import Plan
from chargen.training.tf.matmul import compiled, dense, embedded_dense, tied_dense, total
from chargen.training.tf.recurrent import biases, recur

Tensors = list[tf.Tensor]


def logits(
    weights: Sequence[tf.Tensor],
    ids: tf.Tensor,
    states: Sequence[tf.Tensor],
    cell: str,
    plan: Plan,
    *,
    tied: bool = False,
    end: int | None = None,
    dropout: float = 0.0,
    key: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """Run the model over time-major ids.

    Args:
        weights: in the order of `ModelConfig.weight_shapes`.
        ids: (T, B) int32.
        states: (B, H) each, layer by layer; for LSTM h before c.
        cell: "rnn", "lstm" or "gru".
        plan: how to compute it; `shards` is not used.
        tied: whether the output layer is that of a tied model.
        end: the id that is read from zero states; None if there is none.
        dropout: the share of each layer's output that is dropped.
        key: (2,) int32, the key of the dropout masks; needed if anything is dropped.

    Returns:
        Logits (T, B, V) and the states after the last time step.
    """
    embedding, *layers, kernel, bias = weights
    count = len(CELLS[cell].states)
    after: Tensors = []
    keep = None if end is None else tf.cast(tf.not_equal(ids, end), tf.float32)[..., None]
    x = ids
    for i in range(len(layers) // 3):
        inputs_kernel, recurrent_kernel, both = layers[3 * i : 3 * i + 3]
        inputs_bias, recurrent_bias = biases(both, cell)
        if i:
            zx = dense(x, inputs_kernel, inputs_bias, plan)
        else:
            zx = embedded_dense(ids, embedding, inputs_kernel, inputs_bias, plan)
        before = list(states[count * i : count * (i + 1)])
        x, new = recur(zx, recurrent_kernel, recurrent_bias, before, cell, plan, keep)
        after += new
        if dropout and key is not None:
            x = _dropped(x, dropout, tf.stack([key[0] + (i << 24), key[1]]), plan)
    if tied:
        return tied_dense(x, kernel, embedding, bias, plan), after
    return dense(x, kernel, bias, plan), after


def _mask(x: tf.Tensor, rate: float, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    bits = tf.random.stateless_uniform(
        x.shape[1:], key, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    kept = bits >= tf.constant(int(rate * 2**32), tf.uint32)
    mask = tf.where(kept, tf.constant(1 / (1 - rate), tf.float32), 0.0)
    return x * mask, mask


def _times(x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return x * mask


def _dropped(x: tf.Tensor, rate: float, key: tf.Tensor, plan: Plan) -> tf.Tensor:
    """Return x (T, B, H) with each unit dropped, or scaled by 1 / (1 - rate).

    A unit of a stream is dropped for all time steps of the window (Gal & Ghahramani 2016).
    """

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y, mask = compiled(_mask, plan)(x, rate, key)
        return y, lambda dy: compiled(_times, plan)(dy, mask)

    return call(x)


def _nats(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def _nats_gradient(dy: tf.Tensor, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    one_hot = tf.one_hot(targets, logits.shape[-1])
    return (tf.nn.softmax(logits) - one_hot) * dy[..., None]


def nats(logits: tf.Tensor, targets: tf.Tensor, plan: Plan) -> tf.Tensor:
    """Return the cross-entropy (T, B), in nats, of logits (T, B, V) and ids (T, B)."""

    @tf.custom_gradient
    def call(logits: tf.Tensor) -> Any:
        each = compiled(_nats, plan)(logits, targets)
        return each, lambda dy: compiled(_nats_gradient, plan)(dy, logits, targets)

    return call(logits)


def _shards(
    inputs: tf.Tensor, targets: tf.Tensor, states: Sequence[tf.Tensor], plan: Plan
) -> Iterator[tuple[Plan, tf.Tensor, tf.Tensor, Tensors]]:
    """Cut a batch (B, T) and its states into parts of about one size, time-major.

    Yields, for each part, its plan, its inputs and targets (T, ·), and its states.
    """
    batch = inputs.shape[0]
    count = min(plan.shards, batch)
    sizes = [batch // count + (k < batch % count) for k in range(count)]
    cut = [tf.split(x, sizes) for x in (inputs, targets, *states)]
    for k, (part, part_targets, *part_states) in enumerate(zip(*cut, strict=True)):
        own = plan.of_shard(k)
        yield own, tf.transpose(part), tf.transpose(part_targets), part_states


def _joined(states: Sequence[Tensors]) -> Tensors:
    """Return the states of the parts as those of the whole batch."""
    return [tf.concat(parts, 0) for parts in zip(*states, strict=True)]


def losses(
    weights: Sequence[tf.Tensor],
    inputs: tf.Tensor,
    targets: tf.Tensor,
    states: Sequence[tf.Tensor],
    cell: str,
    plan: Plan,
    *,
    tied: bool = False,
    end: int | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """Return the loss of each target (B, T), in nats, and the new states.

    Args:
        weights, inputs, targets, states: as for `loss_and_gradients`.
        cell, plan, tied, end: the same.
    """
    weights = [tf.convert_to_tensor(weight) for weight in weights]
    found, after = [], []
    for own, part, part_targets, part_states in _shards(inputs, targets, states, plan):
        part_logits, new = logits(weights, part, part_states, cell, own, tied=tied, end=end)
        found.append(tf.transpose(nats(part_logits, part_targets, own)))
        after.append(new)
    return tf.concat(found, 0), _joined(after)


def loss_and_gradients(
    weights: Sequence[tf.Tensor],
    inputs: tf.Tensor,
    targets: tf.Tensor,
    states: Sequence[tf.Tensor],
    cell: str,
    plan: Plan,
    *,
    tied: bool = False,
    end: int | None = None,
    dropout: float = 0.0,
    key: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[Tensors], Tensors]:
    """Return the mean loss, its gradients by shard, and the new states.

    Args:
        weights: in the order of `ModelConfig.weight_shapes`.
        inputs, targets: (B, T) int32.
        states, cell, plan, tied, end, dropout, key: as for `logits`.

    Returns:
        The mean loss of the batch in nats; for each shard, a list of gradients in the
        order of the weights, which add up to the whole gradient; the new states.
    """
    characters = inputs.shape[0] * inputs.shape[1]
    weights = [tf.convert_to_tensor(weight) for weight in weights]
    parts, gradients, after = [], [], []
    for own, part, part_targets, part_states in _shards(inputs, targets, states, plan):
        part_key = None if key is None else tf.stack([key[0] + (own.shard << 16), key[1]])
        with tf.GradientTape() as tape:
            tape.watch(weights)
            part_logits, new = logits(
                weights,
                part,
                part_states,
                cell,
                own,
                tied=tied,
                end=end,
                dropout=dropout,
                key=part_key,
            )
            loss = tf.reduce_sum(nats(part_logits, part_targets, own)) / characters
        parts.append(loss)
        gradients.append([tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)])
        after.append(new)
    return total(parts), gradients, _joined(after)
