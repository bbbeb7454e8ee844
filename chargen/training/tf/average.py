"""The mean of a model's weights over the last part of its training.

The last updates still jump about the minimum. The mean of their weights is nearer to it
than any one of them, and does not require a learning rate that falls to almost nothing, at
which little is learned. After update t, with w the weights,

    mean = mean + (1 - (1 - 1/t)^(POWER + 1)) · (w - mean)

so that update k of t counts approximately in proportion to k^POWER. The mean age of what is
in the mean is always the same share of the run, 1 / (POWER + 2), however long the run is
(Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models",
arXiv 2312.02696, section 3.1). Weights hardly differ from one update to the next, so every
fifth update stands for the four before it, at a fifth of the cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from chargen.training.plan import Plan
from chargen.training.tf.matmul import separate

POWER = 8.0
EVERY = 5
"""Updates from one that counts to the next; at the very beginning, each one counts."""


def newest_share(updates: int) -> float:
    """Return the share that the weights after so many updates (from 1) have in the mean."""
    if updates > EVERY and updates % EVERY:
        return 0.0
    stood_for = EVERY if updates > EVERY else 1
    return 1 - math.pow(1 - stood_for / updates, POWER + 1)


class Average:
    """The means of some weights, which begin as the weights themselves.

    Args:
        weights: the variables.
        plan: how to compute it.
    """

    def __init__(self, weights: Sequence[tf.Variable], plan: Plan) -> None:
        self._weights = weights
        self._means = [tf.Variable(tf.convert_to_tensor(weight)) for weight in weights]
        self._include = [separate(_include, plan) for _ in weights]

    @property
    def variables(self) -> list[tf.Variable]:
        """The means, in the order of the weights."""
        return self._means

    def include(self, share: tf.Tensor) -> None:
        """Take the weights as they are now into the means, with a share in [0, 1]."""

        def move() -> bool:
            for weight, mean, include in zip(
                self._weights, self._means, self._include, strict=True
            ):
                mean.assign(include(mean, weight, share))
            return True

        tf.cond(share > 0, move, lambda: True)


def _include(mean: tf.Tensor, weight: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return mean + share * (weight - mean)
