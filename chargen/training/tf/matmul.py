"""Matrix products of a training step: operands of either precision, gradients by hand.

Sequences are time-major, (T, B, ·), so that a time step is one contiguous slice. Operands
may be rounded to bfloat16; sums, results and everything else stay float32.

Each function is compiled by XLA on its own. One program for a whole training step would be
slower: XLA then runs small pieces of it on a thread pool that all shards share, and picks
layouts in which the fast bfloat16 kernels do not apply (benchmarks/RESULTS.md).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from chargen.training.plan import Plan


def separate(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    """Return the function as a graph function that shares its program with no other one.

    XLA's CPU runtime may crash when two threads run the same program for the first time at
    once (seen with TensorFlow 2.21, in the set-up of its YNNPACK kernels). So products
    that nothing keeps from running at the same time need programs of their own.
    """
    return tf.function(function, jit_compile=plan.xla, autograph=False)


@functools.cache
def compiled(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    """Return the function as a graph function, traced anew for every shape.

    Each plan has its own, and so does each shard, because its plan names the shard: see
    `separate`. Within a shard, the layers share one and use it one after the other.
    """
    return separate(function, plan)


def total(parts: Iterable[tf.Tensor]) -> tf.Tensor:
    """Return the sum of tensors of one shape, added up in their order.

    `tf.add_n` begins with whichever tensor it may overwrite, which depends on what other
    threads have done by then: with three tensors or more, the last bits of its sum vary.
    So do those of a chain of additions, which TensorFlow rewrites to `tf.add_n`.
    """
    return tf.reduce_sum(tf.stack(list(parts)), 0)


def flat(x: tf.Tensor) -> tf.Tensor:
    """Return (T, B, D) as (T · B, D)."""
    return tf.reshape(x, (-1, x.shape[-1]))


def operand(x: tf.Tensor, precision: str) -> tf.Tensor:
    """Return a tensor as an operand of a product."""
    return tf.cast(x, tf.bfloat16) if precision == "bfloat16" else x


def product(
    a: tf.Tensor, b: tf.Tensor, *, xla: bool, transpose_b: bool = False
) -> tf.Tensor:
    """Return a (M, K) times b (K, N), float32; both operands have one precision.

    With `transpose_b`, b is (N, K).
    """
    if a.dtype == tf.float32:
        return tf.matmul(a, b, transpose_b=transpose_b)
    if xla:  # sums and result in float32; no kernel outside XLA does that
        return tf.raw_ops.BatchMatMulV3(x=a, y=b, Tout=tf.float32, adj_y=transpose_b)
    return tf.cast(tf.matmul(a, b, transpose_b=transpose_b), tf.float32)


def _dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, plan: Plan) -> tf.Tensor:
    a, b = operand(flat(x), plan.precision), operand(kernel, plan.precision)
    return tf.reshape(product(a, b, xla=plan.xla) + bias, [*x.shape[:-1], b.shape[-1]])


def _input_gradient(dy: tf.Tensor, kernel: tf.Tensor, plan: Plan) -> tf.Tensor:
    a, b = operand(flat(dy), plan.precision), operand(kernel, plan.precision)
    dx = product(a, b, xla=plan.xla, transpose_b=True)
    return tf.reshape(dx, [*dy.shape[:-1], b.shape[0]])


def _kernel_gradient(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
    return tf.matmul(flat(x), flat(dy), transpose_a=True)


def _rounded(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.transpose(operand(flat(x), "bfloat16")), operand(flat(dy), "bfloat16")


def _rounded_product(x: tf.Tensor, dy: tf.Tensor, xla: bool) -> tf.Tensor:
    return product(x, dy, xla=xla)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, plan: Plan) -> tf.Tensor:
    """Return the gradient of the kernel (D, N) of a dense layer.

    Args:
        x: (T, B, D), what went in.
        dy: (T, B, N), the gradient of what came out.
        plan: how to compute it.
    """
    # Only the update waits for these gradients: those of all layers may be computed at
    # once.
    if plan.precision == "float32":
        return separate(_kernel_gradient, plan)(x, dy)
    # Two programs: within one, XLA would not transpose x but read it by columns, and
    # fall back to float32.
    return separate(_rounded_product, plan)(*compiled(_rounded, plan)(x, dy), plan.xla)


def _sum(dy: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(flat(dy), 0)


def bias_gradient(dy: tf.Tensor, plan: Plan) -> tf.Tensor:
    """Return the gradient of a bias (N,) that was added to each row of (T, B, N)."""
    return compiled(_sum, plan)(dy)


def dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, plan: Plan) -> tf.Tensor:
    """Return x (T, B, D) times kernel (D, N) plus bias (N,): (T, B, N)."""

    @tf.custom_gradient
    def call(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> Any:
        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, ...]:
            dx = compiled(_input_gradient, plan)(dy, kernel, plan)
            return dx, kernel_gradient(x, dy, plan), bias_gradient(dy, plan)

        return compiled(_dense, plan)(x, kernel, bias, plan), gradient

    return call(x, kernel, bias)


def _tied(
    x: tf.Tensor, kernel: tf.Tensor, embedding: tf.Tensor, bias: tf.Tensor, plan: Plan
) -> tuple[tf.Tensor, tf.Tensor]:
    a, b, c = (operand(t, plan.precision) for t in (flat(x), kernel, embedding))
    y = product(a, b, xla=plan.xla)
    logits = product(operand(y, plan.precision), c, xla=plan.xla, transpose_b=True) + bias
    return (
        tf.reshape(logits, [*x.shape[:-1], bias.shape[0]]),
        tf.reshape(y, [*x.shape[:-1], kernel.shape[1]]),
    )


def _vectors_gradient(dlogits: tf.Tensor, embedding: tf.Tensor, plan: Plan) -> tf.Tensor:
    a, b = operand(flat(dlogits), plan.precision), operand(embedding, plan.precision)
    dy = product(a, b, xla=plan.xla)
    return tf.reshape(dy, [*dlogits.shape[:-1], embedding.shape[1]])


def tied_dense(
    x: tf.Tensor, kernel: tf.Tensor, embedding: tf.Tensor, bias: tf.Tensor, plan: Plan
) -> tf.Tensor:
    """Return x (T, B, H) times kernel (H, E) times the transpose of embedding (V, E),
    plus bias (V,): (T, B, V).
    """

    @tf.custom_gradient
    def call(x: tf.Tensor, kernel: tf.Tensor, embedding: tf.Tensor, bias: tf.Tensor) -> Any:
        logits, y = compiled(_tied, plan)(x, kernel, embedding, bias, plan)

        def gradient(dlogits: tf.Tensor) -> tuple[tf.Tensor, ...]:
            dy = compiled(_vectors_gradient, plan)(dlogits, embedding, plan)
            return (
                compiled(_input_gradient, plan)(dy, kernel, plan),
                kernel_gradient(x, dy, plan),
                kernel_gradient(dlogits, y, plan),
                bias_gradient(dlogits, plan),
            )

        return logits, gradient

    return call(x, kernel, embedding, bias)


def _embedded(
    ids: tf.Tensor, embedding: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
    return tf.gather(tf.matmul(embedding, kernel) + bias, ids)


def _embedded_gradient(
    dy: tf.Tensor, ids: tf.Tensor, embedding: tf.Tensor, kernel: tf.Tensor, plan: Plan
) -> tuple[tf.Tensor, ...]:
    # The sum over equal characters, as a product.
    dtype = tf.bfloat16 if plan.precision == "bfloat16" else tf.float32
    one_hot = tf.one_hot(tf.reshape(ids, [-1]), embedding.shape[0], axis=0, dtype=dtype)
    table = product(one_hot, operand(flat(dy), plan.precision), xla=plan.xla)
    return (
        tf.matmul(table, kernel, transpose_b=True),
        tf.matmul(embedding, table, transpose_a=True),
        tf.reduce_sum(table, 0),
    )


def embedded_dense(
    ids: tf.Tensor, embedding: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, plan: Plan
) -> tf.Tensor:
    """Return the rows `ids` (T, B) of embedding (V, E), times kernel (E, N), plus bias.

    Where the batch has more characters than the vocabulary, rows are taken from the
    product of embedding and kernel, and no row is multiplied twice.
    """
    if embedding.shape[0] > ids.shape[0] * ids.shape[1]:
        return dense(tf.gather(embedding, ids), kernel, bias, plan)

    @tf.custom_gradient
    def call(embedding: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> Any:
        def gradient(dy: tf.Tensor) -> Any:
            return compiled(_embedded_gradient, plan)(dy, ids, embedding, kernel, plan)

        return compiled(_embedded, plan)(ids, embedding, kernel, bias), gradient

    return call(embedding, kernel, bias)
