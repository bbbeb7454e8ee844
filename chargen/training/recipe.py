"""The size and the recipe that suit a text and a length, where none are asked for.

docs/recipe.md explains the rule and shows what it was made from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chargen.system.blas import one_thread
from chargen.system.hardware import cores
from chargen.training.plan import chosen_precision
from chargen.training.settings import Settings

CHOSEN = ("units", "tied", "batch_size", "seq_length", "learning_rate", "dropout")
"""Settings that the rule chooses."""

START = 9.0  # about how many seconds of a run pass before its first update
EVALUATING = 0.05  # share of a run's time that evaluations take, at most

# Characters per second that a step of the middle rung trains, for each GFLOP/s at which all
# cores together multiply float32 matrices; measured (benchmarks/RESULTS.md).
PER_GFLOPS = {"bfloat16": 130.0, "float32": 100.0}
STOCK_SHARE = 0.5  # of that, with Keras's own layers

# What the output layer and the embedding add to a rung's `cost` for each character of the
# vocabulary: so much, and so much for each number that the output layer multiplies a
# character's vector with; measured (benchmarks/RESULTS.md).
OUTPUT, OUTPUT_WIDTH = 7.1e-5, 6.4e-7

SHORT = 50_000
"""A text with fewer characters wants more updates a pass than a larger model makes."""

TIED_FROM = 1000
"""From so many different characters on, tied models are better (docs/recipe.md)."""


@dataclass(frozen=True)
class Rung:
    """One size of model, with the settings that suit it.

    Attributes:
        units: the units of each of two LSTM layers.
        batch_size, seq_length, learning_rate: see `Settings`.
        cost: the time that a character takes, relative to the middle rung, where the
            vocabulary is so small that the output layer costs nothing.
        worth: how many characters have to be trained for this size to be better than the
            one before, counted as those that the middle rung would train in the time.
        corpus: how many characters of training text this takes.
    """

    units: int
    batch_size: int
    seq_length: int
    learning_rate: float
    cost: float
    worth: float
    corpus: int

    def cost_with(self, vocabulary_size: int, tied_to: int | None = None) -> float:
        """Return the time that a character takes, relative to the middle rung's `cost`.

        Args:
            vocabulary_size: V.
            tied_to: the embedding size of a tied model; None for a model of its own output
                layer.
        """
        return self.cost + vocabulary_size * (
            OUTPUT + OUTPUT_WIDTH * (tied_to or self.units)
        )


LADDER = (
    Rung(128, 16, 32, 7e-3, cost=0.38, worth=0, corpus=0),
    Rung(256, 32, 32, 1e-2, cost=1.0, worth=0.5e6, corpus=15_000),
    Rung(512, 64, 32, 8e-3, cost=3.4, worth=6e6, corpus=300_000),
)


@dataclass(frozen=True)
class Recommendation:
    """What the rule chose.

    Attributes:
        settings: settings by name; those that were asked for are not among them.
        passes: how many passes over the training text are expected.
    """

    settings: dict[str, Any]
    passes: float


def measured_speed(settings: Settings) -> float:
    """Return the characters per second that the middle rung can be expected to train.

    This multiplies matrices for about a tenth of a second. TensorFlow's own speed would
    take seconds of compiling to measure; the ladder's rungs are far enough apart without.
    """
    # Large enough to come near to what the machine can do: how near small products come
    # differs by a factor of two between machines.
    a = np.ones((512, 512), np.float32)
    best, end = math.inf, time.perf_counter() + 0.1
    with one_thread:
        product = a @ a
        while time.perf_counter() < end:
            started = time.perf_counter()
            np.matmul(a, a, out=product)
            best = min(best, time.perf_counter() - started)
    gflops = 2 * a.shape[0] ** 3 / best / 1e9 * (settings.threads or cores())
    speed = gflops * PER_GFLOPS[chosen_precision(settings.precision)]
    return speed * STOCK_SHARE if settings.stock else speed


def recommend(
    settings: Settings,
    given: Mapping[str, Any],
    characters: int,
    *,
    vocabulary_size: int,
    seconds: float | None,
    speed: float,
) -> Recommendation:
    """Choose what was not asked for.

    Args:
        settings: the settings that were asked for, and defaults.
        given: what was asked for, by name.
        characters: how many characters the training text has.
        vocabulary_size: how many different characters the model has.
        seconds: the run's length if it is a time; None if `settings` has steps or epochs.
        speed: what `measured_speed` returns; not used if `seconds` is None.
    """
    trained = _trained(settings, characters, seconds, speed)
    tied = settings.tied if "tied" in given else vocabulary_size >= TIED_FROM
    tied_to = settings.embedding_size if tied else None
    rung = LADDER[0]
    for candidate in LADDER:
        if "units" in given:
            fits = candidate.units <= settings.units
        else:
            slower = candidate.cost_with(vocabulary_size, tied_to) / candidate.cost
            enough = trained >= candidate.worth * (slower if seconds is not None else 1)
            fits = enough and characters >= candidate.corpus
        if fits:
            rung = candidate
    batches = LADDER[0] if characters < SHORT else rung
    chosen = {
        "units": rung.units,
        "tied": tied,
        "batch_size": batches.batch_size,
        "seq_length": batches.seq_length,
        "learning_rate": batches.learning_rate,
    }
    if seconds is not None:
        trained /= rung.cost_with(vocabulary_size, tied_to)
    passes = trained / max(1, characters)
    chosen["dropout"] = dropout(passes)
    left = {name: value for name, value in chosen.items() if name not in given}
    return Recommendation(left, passes)


def dropout(passes: float) -> float:
    """Return the dropout that so many passes over a text call for, to two places."""
    return round(min(0.5, max(0.0, 0.1 * math.log2(1 + passes) - 0.08)), 2)


def _trained(
    settings: Settings, characters: int, seconds: float | None, speed: float
) -> float:
    """Return how many characters the run trains; on the middle rung, if it is timed."""
    if seconds is not None:
        return speed * max(0.3 * seconds, (1 - EVALUATING) * seconds - START)
    if settings.epochs is not None:
        return float(settings.epochs * characters)
    return float((settings.steps or 0) * settings.batch_size * settings.seq_length)
