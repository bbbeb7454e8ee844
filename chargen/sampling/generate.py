"""Generating a text, character by character."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np

from chargen.sampling.batch import Batch, nats
from chargen.sampling.draft import Cost, Draft
from chargen.sampling.draw import Uniforms
from chargen.sampling.method import Method
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling, SamplingOptions
from chargen.sampling.seeds import read_seeds, seed_text_of

if TYPE_CHECKING:
    from chargen.sampling.copies import CopyGuard


class Generation(Iterator[str]):
    """A text that is written as it is asked for: an iterator over its new characters.

    `generate` makes one. Several may be in use at once, in several threads, one each.

    Attributes:
        seed_text: what the text goes on from, prepared as the model's corpus was.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._draft = batch.drafts[0]
        self.seed_text = self._draft.seed.text
        self._cost: Cost = math.nan

    def __next__(self) -> str:
        draft = self._draft
        while not draft.ready:
            if draft.over:
                raise StopIteration
            self._batch.step()
        character, self._cost = draft.ready.popleft()
        return character

    @property
    def nats(self) -> float:
        """What the character that came last costs the model, -ln p.

        That is before any rule changed the odds; NaN before the first character, and for a
        letter of an acrostic that the model never saw.
        """
        self._cost = nats(self._cost)
        return self._cost

    @property
    def ended(self) -> bool:
        """Whether the text has ended by itself, rather than by its length."""
        return self._draft.ended

    def clone(self, seed: int | None = None) -> Generation:
        """Return a text that goes on from here by itself; nothing is read again.

        Args:
            seed: its random seed from here on; None to go on as this text does.
        """
        found = Generation(self._batch.copy())
        found._cost = self._cost
        if seed is not None:
            found._draft.uniforms = Uniforms(seed)
        return found

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """Return what the next character may be: the likeliest ones, each with its odds.

        Odds are probabilities in [0, 1] after all rules; the empty string is the end mark.
        Characters that are held back, because a stop string may begin with them, count as
        written. What ends a text besides (`lines`, `stop`, `length`, a pattern that is
        matched) and the letters of `acrostic` are not foreseen.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"`count` must be 0 or more; got {count}")
        if self._draft.over:
            return []
        odds = np.exp(self._batch.odds()[0])
        odds /= odds.sum()
        names = self._batch.model.vocabulary.characters
        order = [i for i in np.argsort(-odds, kind="stable")[:count] if odds[i] > 0]
        return [(names[i] if i < len(names) else "", float(odds[i])) for i in order]


def generate(
    model: Model,
    seed_text: str = "",
    sampling: Sampling | None = None,
    *,
    guard: CopyGuard | None = None,
    **options: Unpack[SamplingOptions],
) -> Generation:
    """Generate text, character by character.

    A model of items writes one item and stops where it ends. A model that learned to write
    backwards gives the characters that come before the seed text, the last one first.

    Args:
        model: what `chargen.load` returns.
        seed_text: the text to continue, of any length; it is prepared as the model's corpus
            was. If it is empty, the model starts on a newline, or on the commonest
            character if it knows no newline; a model of items starts an item.
        sampling: how to draw; None for the defaults of `Sampling`.
        guard: what keeps the text from copying; None to let it. With a `pattern` the text
            may end before it matches, where all that could follow would copy; then `ended`
            is False.
        options: fields of `Sampling`, by name, that are to be different.

    Returns:
        An iterator over the new characters; the seed text is not among them.

    Raises:
        UnknownCharacterError: the seed text has characters that the model never saw.
        ValueError: an option is out of range, or asks for what the model cannot write.

    Example:
        >>> model = chargen.load("harbour-plays")
        >>> "".join(chargen.generate(model, "PELL:", length=80, seed=1))
    """
    sampling = replace(sampling or Sampling(), **options)
    method = Method(model, sampling, guard)
    seed = seed_text_of(model, seed_text, unknown=sampling.unknown)
    draft = Draft(method, seed)  # refuses before anything is read
    batch = Batch(model, method, lazy=True)
    batch.add(read_seeds(model, [seed]), [draft])
    return Generation(batch)
