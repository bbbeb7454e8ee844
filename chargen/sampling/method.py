"""What the options of sampling mean for one model: compiled once, for many texts."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chargen.sampling.model import Model
from chargen.sampling.options import Sampling
from chargen.sampling.rules import Chain, History, Mask
from chargen.sampling.seeds import SeedText

if TYPE_CHECKING:
    from chargen.sampling.copies import CopyGuard
    from chargen.sampling.pattern import Pattern

LENGTH = 500
"""How many characters are drawn where no length is given and nothing else ends a text."""

LONGEST = 10_000
"""How many characters are drawn where no length is given and something else ends a text."""


def random_seed() -> int:
    """Return a seed that nobody can foresee, short enough to be typed."""
    return secrets.randbits(32)


def longest(model: Model, sampling: Sampling) -> int:
    """Return how many characters are drawn at most."""
    if sampling.length is not None:
        return sampling.length
    shapes = (sampling.lines, sampling.pattern, sampling.acrostic)
    ends = model.vocabulary.end is not None or sampling.stop
    return LONGEST if ends or any(shape is not None for shape in shapes) else LENGTH


class Method:
    """How texts are drawn from a model: the rules and the shape that a user chose.

    Args:
        model: what draws.
        sampling: what was chosen.
        guard: what keeps texts from copying; None to let them.

    Attributes:
        seed: the random seed; drawn if `sampling` has none.
        characters: what the ids below V stand for; marks come after them.
        end: the end mark's id, or None.
        newline: the newline's id, or None.
        longest: how many characters are drawn at most.
        lines: after how many lines a text ends, or None.
        letters: what the lines begin with: (letter, the id that is read for it or None).
        stops: what ends a text, as it comes: for a model that writes backwards, reversed.
        keep_stop: whether that is written.
        pattern: what the whole text matches, or None.
        guard: what keeps texts from copying, or None.
        masks: whether the shape or the guard may rule ids out.

    Raises:
        UnknownCharacterError: a stop string, or a character of `bias`, has characters that
            the model never saw.
        ValueError: options contradict each other or the model.
    """

    def __init__(
        self, model: Model, sampling: Sampling, guard: CopyGuard | None = None
    ) -> None:
        vocabulary, policy = model.vocabulary, model.policy
        self.seed = random_seed() if sampling.seed is None else sampling.seed
        self.characters, self.end = vocabulary.characters, vocabulary.end
        self.newline = int(vocabulary.encode("\n")[0]) if "\n" in vocabulary else None
        _require_possible(model, sampling)
        self.chain = Chain(sampling, vocabulary, policy)
        self.longest = longest(model, sampling)
        self.lines = sampling.lines
        self.letters = self._letters(model, sampling)
        if self.letters:
            self.lines = len(self.letters)
        stops = [policy.prepare(stop) for stop in sampling.stop]
        for stop in stops:
            vocabulary.encode(stop, what="a stop string", strict=True)
        self.stops = tuple(policy.arrange(stop) for stop in stops)
        self.keep_stop = sampling.keep_stop
        self.pattern: Pattern | None = None
        if sampling.pattern is not None:
            from chargen.sampling.pattern import Pattern  # needs a library of its own

            without = np.flatnonzero(self.chain.forbidden)
            self.pattern = Pattern(sampling.pattern, vocabulary, without=without)
        self.guard = guard
        self.masks = bool(self.letters or self.pattern or guard)

    def _letters(
        self, model: Model, sampling: Sampling
    ) -> tuple[tuple[str, int | None], ...]:
        """Return the letters that lines begin with, and what is read for each."""
        vocabulary, found = model.vocabulary, []
        word = "".join((sampling.acrostic or "").split())
        forbidden = model.policy.prepare(sampling.forbid or "")
        for letter in model.policy.prepare(word):
            if letter in forbidden:
                raise ValueError(f"`forbid` excludes {letter!r} of `acrostic`")
            known = letter if letter in vocabulary else vocabulary.nearest(letter)
            place = None
            if known is not None and len(known) == 1:
                place = int(vocabulary.encode(known)[0])
            if place is not None and self.chain.forbidden[place]:
                place = None
            found.append((letter, place))
        return tuple(found)

    def begin(self, seed: SeedText) -> int:
        """Return the state of the pattern after a seed text; 0 without a pattern.

        Raises:
            ValueError: no text of this shape begins with it.
        """
        if self.letters and seed.text and not seed.text.endswith("\n"):
            raise ValueError("with `acrostic`, a seed text has to end with a newline")
        if self.pattern is None:
            return 0
        state = self.pattern.read(seed.ids)
        if state is None:
            raise ValueError(f"no match of `pattern` begins with {seed.text!r}")
        least = self.pattern.distance(state)
        if least > self.longest:
            raise ValueError(
                f"`length` must be at least {least} for `pattern`; got {self.longest}"
            )
        return state

    def only(self, place: int) -> Mask:
        """Return a mask that allows one id, bool (V,)."""
        found = np.zeros(len(self.chain.forbidden), bool)
        found[place] = True
        return found

    def allowed(self, masks: Sequence[Mask | None], history: History) -> Mask | None:
        """Return which ids may be drawn, bool (B, V); None for all but the forbidden ones.

        Args:
            masks: for each text, what its shape allows; None for everything.
            history: what the texts are so far.

        A row has no True where nothing is left to draw.
        """
        if self.guard is None and all(mask is None for mask in masks):
            return None
        size = len(self.chain.forbidden)
        found = np.ones((len(masks), size), bool)
        for row, mask in zip(found, masks, strict=True):
            if mask is not None:
                row &= mask
        if self.guard is not None:
            found &= ~self.guard.copies(history)
        found &= ~self.chain.forbidden
        return found


def _require_possible(model: Model, sampling: Sampling) -> None:
    """Refuse a shape that the model cannot write in."""
    shapes = ("acrostic", "lines", "pattern")
    given = next((s for s in shapes if getattr(sampling, s) is not None), None)
    if given in ("acrostic", "lines") and "\n" not in model.vocabulary:
        raise ValueError(
            f"`{given}` is for texts of several lines, and this model never saw a newline: "
            "use `count` for several items"
        )
    if given in ("acrostic", "pattern") and model.policy.backward:
        raise ValueError(f"`{given}` needs a model that writes forwards")
