"""A model to sample from: all that generating and scoring know of one."""

from __future__ import annotations

from typing import Any, Protocol

from chargen.sampling.rules import Floats
from chargen.text.vocabulary import Ids, Vocabulary


class Model(Protocol):
    """Anything that turns ids into logits, one character at a time.

    Its state belongs to it: `zero_state` and `step` make one, `step` takes one, and nobody
    else looks into it or changes it, so that it may be kept, and gone on with twice.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """The V characters."""
        ...

    @property
    def start_id(self) -> int:
        """The id that a text without a seed text starts from; it is not part of it."""
        ...

    def zero_state(self, batch_size: int = 1) -> Any:
        """Return the state of B texts before their first character."""
        ...

    def step(self, ids: Ids, state: Any) -> tuple[Floats, Any]:
        """Read one character of each text.

        Args:
            ids: int32 (B,).
            state: of these texts; it is not changed.

        Returns:
            The logits (B, V) of the next characters, and the new state.
        """
        ...
