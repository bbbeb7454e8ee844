"""A text that is being written: where it stands in its shape, and what is ready to show."""

from __future__ import annotations

import copy
import math
from array import array
from collections import deque

from chargen.sampling.draw import Uniforms
from chargen.sampling.method import Method
from chargen.sampling.rules import Floats, Mask
from chargen.sampling.seeds import SeedText
from chargen.text.vocabulary import Ids

HISTORY = 2**14
"""How many of the last characters the rules are shown, at least."""


Cost = float | tuple[Floats, Ids]
"""What a character costs the model, in nats, or what `batch.nats` needs to tell that."""


class Draft:
    """A text that is being written.

    Characters are held back while they may turn out to be the beginning of a stop string.

    Args:
        method: how it is written.
        seed: what it goes on from.
        number: which of the independent texts of the random seed it is.

    Attributes:
        seed: the seed text.
        uniforms: its random numbers.
        history: the ids so far, with those of the seed text; no more than the latest.
        ready: characters to be shown, each with its nats, in the model's order.
        over: whether it is complete.
        ended: whether it ended by itself, in its shape; False if it became too long, or if
            nothing was left to draw.
    """

    def __init__(self, method: Method, seed: SeedText, number: int = 0) -> None:
        self.seed = seed
        self.uniforms = Uniforms(method.seed, number)
        self.history = array("i", seed.ids[-HISTORY:].tolist())
        self.ready: deque[tuple[str, Cost]] = deque()
        self.over = self.ended = False
        self._method = method
        self._held: list[tuple[str, Cost]] = []
        self._count = self._lines = 0
        self._due = bool(method.letters)  # whether a letter of the acrostic comes next
        self._state = method.begin(seed)  # of the pattern
        self._check_end()

    def copy(self) -> Draft:
        """Return a draft that goes on from here by itself."""
        found = copy.copy(self)
        found.uniforms = self.uniforms.copy()
        found.history, found.ready = self.history[:], self.ready.copy()
        found._held = self._held.copy()
        return found

    def mask(self) -> Mask | None:
        """Return which ids the shape allows next, bool (V,); None for all."""
        method = self._method
        if self._due:
            letter, place = method.letters[self._lines]
            if place is not None:
                return method.only(place)
            self._due = False  # nothing is read for it
            self._show(letter, math.nan)
            self._check_end()
        if method.end is not None and self._lines < len(method.letters) - 1:
            return ~method.only(method.end)
        if method.pattern is None:
            return None
        found = method.pattern.allowed(self._state, method.longest - self._count)
        if method.pattern.accepts(self._state):
            found = found | ~method.pattern.legal(self._state)  # these would end it
        return found

    def take(self, drawn: int, nats: Cost) -> None:
        """Write what was drawn, or end."""
        method = self._method
        if drawn == method.end:
            self.finish(ended=True)
            return
        if method.pattern is not None:
            state = method.pattern.next(self._state, drawn)
            if state is None:
                self.finish(ended=True)
                return
            self._state = state
        self.history.append(drawn)
        if len(self.history) >= 2 * HISTORY:
            del self.history[:-HISTORY]
        character = method.characters[drawn]
        if self._due:
            self._due, character = False, method.letters[self._lines][0]
        elif drawn == method.newline:
            self._lines += 1
            self._due = self._lines < len(method.letters)
            if self._lines == method.lines:
                self.finish(ended=True)
                return
        self._show(character, nats)
        self._check_end()

    def finish(self, *, ended: bool) -> None:
        """End the text and show what was held back."""
        self.over, self.ended = True, ended
        self.ready.extend(self._held)
        self._held.clear()

    def _show(self, character: str, nats: Cost) -> None:
        """Add a character to what is ready, unless a stop string may begin there."""
        self._count += 1
        shown = (character, nats)
        if not self._method.stops:
            self.ready.append(shown)
            return
        self._held.append(shown)
        held = "".join(character for character, _ in self._held)
        for stop in self._method.stops:
            if held.endswith(stop):
                if not self._method.keep_stop:
                    del self._held[len(held) - len(stop) :]
                self.finish(ended=True)
                return
        free = len(held) - max(_begun(held, stop) for stop in self._method.stops)
        self.ready.extend(self._held[:free])
        del self._held[:free]

    def _check_end(self) -> None:
        """End a text that is long enough, or whose pattern has nothing more to say."""
        pattern = self._method.pattern
        if self.over:
            return
        if pattern is not None and pattern.accepts(self._state):
            if not pattern.legal(self._state).any() or self._count >= self._method.longest:
                self.finish(ended=True)
        elif self._count >= self._method.longest:
            self.finish(ended=False)


def _begun(text: str, stop: str) -> int:
    """Return how many of the last characters of a text may begin a stop string."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(stop[:size])), 0)
