"""The loops over time of the three cells, with gradients by hand: fast on a CPU.

They compute what Keras's recurrent layers compute on the same weights. Three things make
them fast: the product of the inputs with the kernel is one product for all time steps; the
backward pass is written by hand, so that its loop keeps only what is sequential and each
weight's gradient is one product after the loop; and each loop is one XLA program.

Equations, with σ the logistic function, ∘ the elementwise product, and zx = x K + b
computed for all time steps beforehand (Keras's gate order):

    SimpleRNN  h' = tanh(zx + h R)
    LSTM       i, f, g, o = zx + h R;  c' = σ(f) ∘ c + σ(i) ∘ tanh(g)
               h' = σ(o) ∘ tanh(c')                         (Gers et al. 2000)
    GRU        z, r, n = zx;  u, s, m = h R + b';  z = σ(z + u);  r = σ(r + s)
               h' = z ∘ h + (1 - z) ∘ tanh(n + r ∘ m)       (Cho et al. 2014, the form
               with the reset gate after the product, as in cuDNN)

Sequences are time-major, (T, B, ·), where Keras has (B, T, ·). In a text that is made of
items, the states are zero before a time step that reads an end mark: both loops multiply
them by a mask, and so the gradients stop there, too.
"""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from chargen.model.cells import CELLS
from chargen.training.plan import Plan
from chargen.training.tf.matmul import (
    bias_gradient,
    compiled,
    kernel_gradient,
    operand,
    product,
)

Tensors = list[tf.Tensor]


class _SimpleRNN:
    """One time step of the cell, and of its gradient.

    `forward` takes the two products (B, G·H) and the states before, and returns what the
    gradient needs and the states after. `backward` takes the gradients of the states
    after, what was kept, and the states before and after. It returns the gradients of
    the products as one tensor, and those of the states before, except for what reaches h
    through its product.
    """

    kept: ClassVar[int] = 0  # widths in units of H: of what `forward` keeps,
    gradients: ClassVar[int] = 1  # of the gradients,
    recurrent: ClassVar[int] = 1  # and of those among them that belong to h R

    @staticmethod
    def forward(zx: tf.Tensor, zh: tf.Tensor, before: Tensors) -> tuple[Tensors, Tensors]:
        return [], [tf.tanh(zx + zh)]

    @staticmethod
    def backward(
        d: Tensors, kept: Tensors, before: Tensors, after: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        dh = d[0] * (1 - after[0] * after[0])
        return dh, [tf.zeros_like(dh)]

    @staticmethod
    def of_inputs(gradients: tf.Tensor) -> tf.Tensor:
        """Return the part of the gradients that belongs to zx."""
        return gradients


class _LSTM(_SimpleRNN):
    kept = gradients = recurrent = 4

    @staticmethod
    def forward(zx: tf.Tensor, zh: tf.Tensor, before: Tensors) -> tuple[Tensors, Tensors]:
        # σ(x) = (1 + tanh(x / 2)) / 2: one function for all four gates.
        units = before[0].shape[-1]
        half, one = tf.fill([2 * units], 0.5), tf.ones([units])
        scale = tf.concat([half, one, half[:units]], 0)
        gates = scale * tf.tanh(scale * (zx + zh)) + (1 - scale)
        i, f, g, o = tf.split(gates, 4, 1)
        c = f * before[1] + i * g
        return [gates], [o * tf.tanh(c), c]

    @staticmethod
    def backward(
        d: Tensors, kept: Tensors, before: Tensors, after: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        i, f, g, o = tf.split(kept[0], 4, 1)
        tanh_c = tf.tanh(after[1])
        dh, dc = d[0], d[1] + d[0] * o * (1 - tanh_c * tanh_c)
        gradients = [
            dc * g * i * (1 - i),
            dc * before[1] * f * (1 - f),
            dc * i * (1 - g * g),
            dh * tanh_c * o * (1 - o),
        ]
        return tf.concat(gradients, 1), [tf.zeros_like(dh), dc * f]


class _GRU(_SimpleRNN):
    kept = gradients = 4
    recurrent = 3

    @staticmethod
    def forward(zx: tf.Tensor, zh: tf.Tensor, before: Tensors) -> tuple[Tensors, Tensors]:
        units = before[0].shape[-1]
        z, r = tf.split(tf.sigmoid(zx[:, : 2 * units] + zh[:, : 2 * units]), 2, 1)
        m = zh[:, 2 * units :]
        n = tf.tanh(zx[:, 2 * units :] + r * m)
        h = z * before[0] + (1 - z) * n
        return [tf.concat([z, r, n, m], 1)], [h]

    @staticmethod
    def backward(
        d: Tensors, kept: Tensors, before: Tensors, after: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        z, r, n, m = tf.split(kept[0], 4, 1)
        dh = d[0]
        dn = dh * (1 - z) * (1 - n * n)
        gradients = [
            dh * (before[0] - n) * z * (1 - z),
            dn * m * r * (1 - r),
            dn * r,
            dn,
        ]
        return tf.concat(gradients, 1), [dh * z]

    @staticmethod
    def of_inputs(gradients: tf.Tensor) -> tf.Tensor:
        units = gradients.shape[-1] // 4
        return tf.concat([gradients[..., : 2 * units], gradients[..., 3 * units :]], -1)


GRADIENTS = {"rnn": _SimpleRNN, "lstm": _LSTM, "gru": _GRU}


def _array(steps: int, batch: int, width: int) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, steps, element_shape=(batch, width))


def _rows(x: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(x.dtype, x.shape[0], element_shape=x.shape[1:]).unstack(x)


def _masked(states: Tensors, keep: tf.Tensor | None, t: tf.Tensor) -> Tensors:
    """Return states, or their gradients, with zeros where time step t begins an item."""
    return states if keep is None else [keep[t] * state for state in states]


def _forward(
    zx: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    states: Tensors,
    cell: str,
    plan: Plan,
    keep: tf.Tensor | None,
) -> tuple[Tensors, Tensors]:
    """Return what the gradient needs and the states of all time steps, each (T, B, ·)."""
    step, inputs = GRADIENTS[cell], _rows(zx)
    steps, batch, units = zx.shape[0], zx.shape[1], kernel.shape[0]
    count = len(states)
    arrays = [_array(steps, batch, step.kept * units)] * (step.kept > 0)
    arrays += [_array(steps, batch, units) for _ in states]

    def body(t: tf.Tensor, *carried: Any) -> tuple[Any, ...]:
        before, arrays = _masked(list(carried[:count]), keep, t), carried[count:]
        zh = product(operand(before[0], plan.precision), kernel, xla=plan.xla) + bias
        kept, after = step.forward(inputs.read(t), zh, before)
        written = [a.write(t, x) for a, x in zip(arrays, kept + after, strict=True)]
        return (t + 1, *after, *written)

    _, *carried = tf.while_loop(
        lambda t, *_: t < steps, body, (0, *states, *arrays), maximum_iterations=steps
    )
    sequences = [array.stack() for array in carried[count:]]
    return sequences[:-count], sequences[-count:]


def _backward(
    outputs: tf.Tensor,
    last: Tensors,
    kept: Tensors,
    first: Tensors,
    after: Tensors,
    kernel: tf.Tensor,
    cell: str,
    plan: Plan,
    keep: tf.Tensor | None,
) -> tuple[tf.Tensor, Tensors]:
    """Return the gradients of the products, (T, B, ·), and of the first states.

    Args:
        outputs: the gradient of h at each time step.
        last: the gradients of the last states.
        kept: what `_forward` kept.
        first: the first states.
        after: the states after each time step.
        kernel: as `_backward_kernel` returned it.
        keep: as for `recur`.
    """
    step = GRADIENTS[cell]
    steps, batch, units = outputs.shape
    count = len(last)
    d_outputs, kept_rows = _rows(outputs), [_rows(x) for x in kept]
    with_first = [
        _rows(tf.concat([a[None], b], 0)) for a, b in zip(first, after, strict=True)
    ]

    def body(k: tf.Tensor, *carried: Any) -> tuple[Any, ...]:
        t = steps - 1 - k
        d, array = list(carried[:count]), carried[count]
        d[0] += d_outputs.read(t)
        gradients, direct = step.backward(
            d,
            [rows.read(t) for rows in kept_rows],
            _masked([rows.read(t) for rows in with_first], keep, t),
            [rows.read(t + 1) for rows in with_first],
        )
        through = operand(gradients[:, : step.recurrent * units], plan.precision)
        transposed = plan.precision == "bfloat16"
        direct[0] += product(through, kernel, xla=plan.xla, transpose_b=transposed)
        direct = _masked(direct, keep, t)
        return (k + 1, *direct, array.write(t, gradients))

    array = _array(steps, batch, step.gradients * units)
    _, *carried = tf.while_loop(
        lambda k, *_: k < steps, body, (0, *last, array), maximum_iterations=steps
    )
    return carried[count].stack(), carried[:count]


def _forward_kernel(kernel: tf.Tensor, plan: Plan) -> tf.Tensor:
    return operand(kernel, plan.precision)


def _backward_kernel(kernel: tf.Tensor, plan: Plan) -> tf.Tensor:
    """Return the kernel as the backward loop reads it fastest.

    XLA multiplies by a transposed bfloat16 matrix as fast as by a plain one; in float32
    it would transpose it at every time step.
    """
    if plan.precision == "bfloat16":
        return operand(kernel, plan.precision)
    return tf.transpose(kernel)


def _before(first: tf.Tensor, after: tf.Tensor, keep: tf.Tensor | None) -> tf.Tensor:
    before = tf.concat([first[None], after[:-1]], 0)
    return before if keep is None else before * keep


def _split_gradients(gradients: tf.Tensor, cell: str, units: int) -> tuple[tf.Tensor, ...]:
    recurrent = gradients[..., : GRADIENTS[cell].recurrent * units]
    return GRADIENTS[cell].of_inputs(gradients), recurrent


def recur(
    zx: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor | None,
    states: Tensors,
    cell: str,
    plan: Plan,
    keep: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """Run a layer over a sequence, given the product of its inputs.

    Args:
        zx: (T, B, G·H) float32, the inputs' product with the kernel, plus bias.
        kernel: (H, G·H), the recurrent kernel.
        bias: (G·H,), the GRU's recurrent bias; None for the other cells.
        states: (B, H) each; for LSTM h before c.
        cell: "rnn", "lstm" or "gru".
        plan: how to compute it.
        keep: (T, B, 1) float32, 0 where the states become zero before the time step and 1
            elsewhere; None if they never do.

    Returns:
        The outputs (T, B, H) and the states after the last time step.
    """
    has_bias = bias is not None
    if not has_bias:
        bias = tf.zeros([kernel.shape[-1]])

    @tf.custom_gradient
    def call(zx: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, *first: tf.Tensor) -> Any:
        ready = compiled(_forward_kernel, plan)(kernel, plan)
        kept, after = compiled(_forward, plan)(
            zx, ready, bias, list(first), cell, plan, keep
        )

        def gradient(outputs: tf.Tensor, *last: tf.Tensor) -> tuple[tf.Tensor, ...]:
            ready = compiled(_backward_kernel, plan)(kernel, plan)
            gradients, d_first = compiled(_backward, plan)(
                outputs, list(last), kept, list(first), after, ready, cell, plan, keep
            )
            d_inputs = d_recurrent = gradients
            if CELLS[cell].two_biases:
                d_inputs, d_recurrent = compiled(_split_gradients, plan)(
                    gradients, cell, kernel.shape[0]
                )
            before = compiled(_before, plan)(first[0], after[0], keep)
            d_kernel = kernel_gradient(before, d_recurrent, plan)
            d_bias = bias_gradient(d_recurrent, plan) if has_bias else tf.zeros_like(bias)
            return (d_inputs, d_kernel, d_bias, *d_first)

        return (after[0], *[x[-1] for x in after]), gradient

    outputs, *after = call(zx, kernel, bias, *states)
    return outputs, after


def biases(bias: tf.Tensor, cell: str) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Return the bias of the inputs' product and that of the recurrent one, or None."""
    return (bias[0], bias[1]) if CELLS[cell].two_biases else (bias, None)
