"""Averaged weights: what an update counts, and how the mean is taken."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.training.plan import Plan

pytestmark = pytest.mark.usefixtures("pools")


def test_the_first_weights_are_the_first_mean():
    from chargen.training.tf.average import newest_share

    assert newest_share(1) == 1.0


@pytest.mark.parametrize("updates", [300, 5000])
def test_the_mean_reaches_back_the_same_share_of_a_run_of_any_length(updates):
    from chargen.training.tf.average import POWER, newest_share

    counts = np.zeros(updates)
    for t in range(1, updates + 1):
        share = newest_share(t)
        counts *= 1 - share
        counts[t - 1] += share
    assert counts.sum() == pytest.approx(1)
    expected = np.arange(1.0, updates + 1) ** POWER
    # Each fifth stands for five.
    found, expected = (x.reshape(-1, 5).sum(1) for x in (counts, expected / expected.sum()))
    assert found == pytest.approx(expected, rel=0.2, abs=2e-3 / updates)
    assert np.count_nonzero(counts[10:]) == (updates - 10) // 5
    age = (counts * np.arange(updates)[::-1]).sum() / updates
    assert age == pytest.approx(1 / (POWER + 2), abs=0.01)


@pytest.mark.parametrize("plan", [Plan(xla=False), Plan()], ids=["plain", "xla"])
def test_weights_count_by_their_share(plan):
    import tensorflow as tf

    from chargen.training.tf.average import Average

    weights = [tf.Variable([[1.0, 2.0]]), tf.Variable([5.0])]
    average = Average(weights, plan)
    assert [mean.numpy().tolist() for mean in average.variables] == [[[1, 2]], [5]]
    for weight in weights:
        weight.assign(weight + 4)
    average.include(tf.constant(0.25))
    assert [mean.numpy().tolist() for mean in average.variables] == [[[2, 3]], [6]]
    assert [weight.numpy().tolist() for weight in weights] == [[[5, 6]], [9]]
