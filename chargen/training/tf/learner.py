"""What an update changes: a model's weights, the optimizers' memory, the recurrent states.

A learner learns, scores, and can be put down in arrays and taken up again; when it does so
is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from chargen.errors import TrainingError
from chargen.model.cells import CELLS
from chargen.runs.tensors import Arrays
from chargen.text.scored import Layout
from chargen.training.cadence import EVALUATION_WINDOW
from chargen.training.plan import Plan
from chargen.training.settings import Settings
from chargen.training.tf.average import newest_share
from chargen.training.tf.keras_model import build_model
from chargen.training.tf.own_keras import float32
from chargen.training.tf.update import Update


class Learner:
    """A model that is being trained.

    Args:
        settings: the run's settings, resolved.
        vocabulary_size: V.
        batch_size: B, the number of streams or windows that are trained at once.
        plan: how a step is computed.
        end: the id that is read from zero states: the mark that ends an item, and that
            begins the next one; None if the text is not made of items.
    """

    def __init__(
        self,
        settings: Settings,
        vocabulary_size: int,
        *,
        batch_size: int,
        plan: Plan,
        end: int | None = None,
    ) -> None:
        self._settings = settings
        self._names = list(settings.model.weight_shapes(vocabulary_size))
        with float32():
            model = build_model(
                settings.model, vocabulary_size, seed=settings.seed, end=end
            )
            self._update = Update(model, settings, plan, end=end)
        self._states = self._zero_states(batch_size)

    def start_from(self, weights: Arrays) -> None:
        """Set the weights, by name, before the first update."""
        self._update.start_from([weights[name] for name in self._names])

    def train(
        self,
        inputs: npt.NDArray[np.int32],
        targets: npt.NDArray[np.int32],
        *,
        fresh: bool,
        step: int,
        rate: float,
    ) -> float:
        """Update the weights once.

        Args:
            inputs, targets: int32 (B, T).
            fresh: whether the states start from zero; otherwise they go on from before.
            step: the update, counted from 0; it and the seed determine the dropout masks.
            rate: the learning rate.

        Returns:
            The mean loss before the update, in nats.
        """
        states = self._zero_states(len(inputs)) if fresh else self._states
        key = tf.constant([self._settings.seed % 2**31, step % 2**31], tf.int32)
        rate_now, newest = (
            tf.constant(x, tf.float32) for x in (rate, newest_share(step + 1))
        )
        loss, self._states = self._update.train(
            inputs, targets, states, rate_now, key, newest
        )
        return float(loss)

    def score(
        self,
        layout: Layout,
        before: Callable[[], object],
        after: Callable[[], object],
        *,
        beginning: int,
    ) -> tuple[float, float]:
        """Score a text with the averaged weights and the state carried.

        Args:
            layout: what to score.
            beginning: how many characters of each stream are a sample of it.
            before, after: called before and after the model is called, which happens once
                for every window of `EVALUATION_WINDOW` characters; `before` may raise.

        Returns:
            The mean losses over the targets of the sample and over all, in nats.
        """
        states = self._zero_states(len(layout.starts))
        total, sample = 0.0, 0.0
        window = min(EVALUATION_WINDOW, layout.length)
        for start in range(0, layout.length, window):
            before()
            part = layout.window(start, start + window)
            # All windows have one length: for another one, it would be compiled anew.
            missing = max(0, start + window - layout.length)
            inputs, targets, scored = (
                np.pad(x, ((0, 0), (0, missing)))
                for x in (part.inputs, part.targets, part.scored)
            )
            losses, states = self._update.score(inputs, targets, states)
            each = np.where(scored, losses.numpy(), 0).sum(0, dtype=np.float64)
            sample += float(each[: max(0, beginning - start)].sum())
            total += float(each.sum())
            after()
        characters = layout.beginning(beginning).characters
        return sample / max(1, characters), total / max(1, layout.characters)

    def weights(self) -> dict[str, npt.NDArray]:
        """Return the averaged weights by name: these are scored, sampled and kept."""
        averaged = zip(self._names, self._update.averaged, strict=True)
        return {name: _copy(variable) for name, variable in averaged}

    def memory(self) -> dict[str, npt.NDArray]:
        """Return everything else that an update goes on from."""
        found = {name: _copy(v) for name, v in self._update.private.items()}
        found |= {f"state.{i}": _copy(state) for i, state in enumerate(self._states)}
        return found

    def restore(self, weights: Arrays, memory: Arrays) -> None:
        """Take up what `weights` and `memory` put down.

        Raises:
            TrainingError: they belong to a model or an optimizer of another shape.
        """
        expected = {name: (v.shape, v.dtype) for name, v in self.memory().items()}
        if {name: (v.shape, v.dtype) for name, v in memory.items()} != expected:
            raise TrainingError(
                "the checkpoint's resume part does not fit the model: was it written by "
                "another version of chargen or Keras? Its weights can still be sampled "
                "from"
            )
        for name, averaged in zip(self._names, self._update.averaged, strict=True):
            averaged.assign(weights[name])
        for name, variable in self._update.private.items():
            variable.assign(memory[name])
        self._states = [tf.constant(memory[f"state.{i}"]) for i in range(len(self._states))]

    def _zero_states(self, batch_size: int) -> list[tf.Tensor]:
        shape = self._settings.model
        zeros = tf.zeros((batch_size, shape.units))
        return [zeros] * (len(CELLS[shape.cell].states) * shape.layers)


def _copy(variable: tf.Variable | tf.Tensor) -> npt.NDArray:
    return np.array(variable.numpy())  # a copy: the next update may write to that memory
