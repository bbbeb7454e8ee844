"""A model to sample from: all that generating and scoring know about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chargen.errors import CheckpointError
from chargen.sampling.rules import Floats
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Ids, Vocabulary


class Model(Protocol):
    """Anything that turns ids into logits, one character at a time.

    A state belongs to the model: only the model makes one, looks into it and knows what it
    is, and nothing changes it. So a state may be kept and used again.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """What the V ids stand for: characters, and marks if there are any."""
        ...

    @property
    def policy(self) -> TextPolicy:
        """How a text is prepared for the model, and what its items are."""
        ...

    @property
    def start_id(self) -> int:
        """The id that a text without a seed text starts from; the text does not have it.

        In a vocabulary with an end mark it is that mark.
        """
        ...

    def zero_state(self, batch_size: int = 1) -> Any:
        """Return the state of B texts before their first character."""
        ...

    def step(self, ids: Ids, state: Any) -> tuple[Floats, Any]:
        """Read one character or mark of each text; an end mark is read from a zero state.

        Args:
            ids: int32 (B,).
            state: the state of these texts; it is not changed.

        Returns:
            The logits (B, V) of the next characters, and the new state.
        """
        ...

    def rows(self, state: Any, places: npt.NDArray[np.integer[Any]]) -> Any:
        """Return the state of some of the texts.

        Args:
            state: the state of B texts; it is not changed.
            places: which of them, 0 … B - 1, int (n,), in the order in which they are to
                be; a text that is named twice can be gone on with twice.
        """
        ...

    def join(self, states: Sequence[Any]) -> Any:
        """Return the state of all the texts of one or more states, side by side."""
        ...


def step(model: Model, ids: Ids, state: Any) -> tuple[Floats, Any]:
    """Let a model step, and look at what comes out.

    Raises:
        CheckpointError: it computes numbers that are not finite.
    """
    logits, state = model.step(ids, state)
    if np.count_nonzero(np.isfinite(logits)) < logits.size:
        raise CheckpointError("the model's weights are too large to compute with")
    return logits, state


def with_start(model: Model, ids: Ids) -> Ids:
    """Return what a model reads of a seed text, int32 (n,), from the beginning.

    A text without a seed text, and each item, starts from an id of its own; a running text
    with a seed text starts with that itself.
    """
    if ids.size and model.vocabulary.end is None:
        return ids
    return np.concatenate([np.array([model.start_id], np.int32), ids])
