"""SOAP: AdamW in a basis in which a kernel's inputs are uncorrelated.

The algorithm is that of Vyas et al. 2024, "SOAP: Improving and Stabilizing Shampoo using
Adam" (arXiv 2409.11321), one-sided. Let W (M, N) be a kernel, G its gradient, C the running
mean of G Gᵀ, and let the columns of Q (M, M) be the eigenvectors of C. Then

    G' = Qᵀ G
    m = β₁ m + (1 - β₁) G';  v = β₂ v + (1 - β₂) G' ∘ G'
    W = W - rate · (Q (m̂ / (√v̂ + ε)) + decay · W)

where m̂ and v̂ are m and v without the bias of their start at zero. C and Q follow now and
then: Q by one round of orthogonal iteration, Q = qr(C Q), and m is carried over to the new
basis. The units of an RNN are strongly correlated, so far fewer updates are needed than
with AdamW, and beside a training step all this costs little (benchmarks/RESULTS.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from chargen.training.plan import Plan
from chargen.training.tf.matmul import compiled, operand, product, separate, total

BETA_1 = 0.9
BETA_2 = 0.99
EPSILON = 1e-8
REFRESH = 10
"""Updates from one new basis to the next; the first update makes one, too."""
MEMORY = 0.7
"""The share of C that a refresh keeps."""


class Soap:
    """The optimizer of some kernels.

    Args:
        kernels: the variables, (M, N) each.
        plan: how to compute products; C and Q are float32 in any case.
        weight_decay: decoupled, as a share of the learning rate.
    """

    def __init__(
        self, kernels: Sequence[tf.Variable], plan: Plan, *, weight_decay: float
    ) -> None:
        self._kernels = kernels
        self._plan = plan
        self._weight_decay = weight_decay
        self._updates = tf.Variable(0, dtype=tf.int64)
        sides = [kernel.shape[0] for kernel in kernels]
        self._covariances = [tf.Variable(tf.zeros((side, side))) for side in sides]
        self._bases = [tf.Variable(tf.eye(side)) for side in sides]
        self._m = [tf.Variable(tf.zeros(kernel.shape)) for kernel in kernels]
        self._v = [tf.Variable(tf.zeros(kernel.shape)) for kernel in kernels]
        self._apply = [separate(self._applier(i), plan) for i in range(len(kernels))]

    @property
    def variables(self) -> list[tf.Variable]:
        """What it remembers."""
        return [self._updates, *self._covariances, *self._bases, *self._m, *self._v]

    def project(
        self, shards: Sequence[Sequence[tf.Tensor]]
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Return the squared norm of each kernel's gradient G, and each G'.

        Args:
            shards: for each shard, the gradients of all kernels, which add up.
        """
        squared, projected = [], []
        for basis, gradients in zip(self._bases, zip(*shards, strict=True), strict=True):
            rows = compiled(_rows, self._plan)(basis, self._plan)
            call = separate(_project, self._plan)
            norm, new = call(rows, list(gradients), self._plan)
            squared.append(norm)
            projected.append(new)
        return squared, projected

    def apply(
        self,
        shards: Sequence[Sequence[tf.Tensor]],
        projected: Sequence[tf.Tensor],
        scale: tf.Tensor,
        rate: tf.Tensor,
    ) -> None:
        """Update the kernels once.

        Args:
            shards: as for `project`.
            projected: the G' that it returned.
            scale: what all gradients are multiplied by.
            rate: the learning rate.
        """
        updates = self._updates.assign_add(1)
        due = tf.equal((updates - 1) % REFRESH, 0)
        for i, gradients in enumerate(zip(*shards, strict=True)):
            self._apply[i](projected[i], scale, rate, tf.cast(updates, tf.float32))
            tf.cond(due, self._refresher(i, gradients, scale), lambda: True)

    def _applier(self, i: int) -> Callable[..., None]:
        kernel, basis, m, v = self._kernels[i], self._bases[i], self._m[i], self._v[i]
        precision, xla = self._plan.precision, self._plan.xla

        def apply(
            projected: tf.Tensor, scale: tf.Tensor, rate: tf.Tensor, updates: tf.Tensor
        ) -> None:
            gradient = projected * scale
            m.assign(BETA_1 * m + (1 - BETA_1) * gradient)
            v.assign(BETA_2 * v + (1 - BETA_2) * gradient * gradient)
            unbiased = m / (1 - BETA_1**updates)
            step = unbiased / (tf.sqrt(v / (1 - BETA_2**updates)) + EPSILON)
            change = product(operand(basis, precision), operand(step, precision), xla=xla)
            kernel.assign_sub(rate * (change + self._weight_decay * kernel))

        return apply

    def _refresher(
        self, i: int, gradients: Sequence[tf.Tensor], scale: tf.Tensor
    ) -> Callable[[], bool]:
        covariance, basis, m = self._covariances[i], self._bases[i], self._m[i]

        def refresh() -> bool:
            gradient = total(gradients) * scale
            fresh = tf.matmul(gradient, gradient, transpose_b=True)
            covariance.assign(MEMORY * covariance + (1 - MEMORY) * fresh)
            new, _ = tf.linalg.qr(tf.matmul(covariance, basis))
            m.assign(tf.matmul(tf.matmul(new, basis, transpose_a=True), m))
            basis.assign(new)
            return True

        return refresh


def _rows(basis: tf.Tensor, plan: Plan) -> tf.Tensor:
    # A program of its own, for the reason given in `matmul.kernel_gradient`.
    return tf.transpose(operand(basis, plan.precision))


def _project(
    rows: tf.Tensor, gradients: list[tf.Tensor], plan: Plan
) -> tuple[tf.Tensor, tf.Tensor]:
    gradient = total(gradients)
    projected = product(rows, operand(gradient, plan.precision), xla=plan.xla)
    return tf.reduce_sum(gradient * gradient), projected
