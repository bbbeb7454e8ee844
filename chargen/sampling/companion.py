"""What a model would write next, while a text is being edited: the core of an editor.

Edited texts share most of their characters with what was read before. So states are kept:
of the latest characters, and at equal distances of the whole text, and only what comes
after the last of them that still holds is read.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chargen.sampling.batch import Batch
from chargen.sampling.draft import Draft
from chargen.sampling.draw import Uniforms
from chargen.sampling.generate import Generation
from chargen.sampling.method import Method
from chargen.sampling.model import Model, with_start
from chargen.sampling.options import Sampling
from chargen.sampling.seeds import SeedText, Start, replacements, seed_text_of
from chargen.text.vocabulary import Ids

LOOKAHEAD = 60
"""After so many characters a continuation ends with the word that it is in."""

LONGEST = LOOKAHEAD + 20
"""How many characters it has at most."""

LIKELIEST = 12
"""How many of the likeliest next characters are named."""

STRIDE = 512
"""At every so many ids of a text, the model's state is kept."""

RECENT = 64
"""So many of the latest states are kept as well."""

SLICE = 64
"""After every so many ids that were read, the reader may be abandoned."""

IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""What is written without spaces: Chinese characters and kana."""

_WORD = re.compile(
    rf"[^\S\n]*(?:[{IDEOGRAPH}]|[^\s{IDEOGRAPH}]+)(?:(?![{IDEOGRAPH}])[^\w\s])*"
)


_BETWEEN = re.compile(rf"[^\S\n]|[{IDEOGRAPH}]")
"""What a word does not go on with; a line may end there, and be seen to."""


@dataclass(frozen=True)
class Suggestion:
    """What a model says of a text, as far as it has come.

    Attributes:
        text: the text before the cursor, as it was typed.
        replaced: what the model reads for each character that it never saw.
        read: the share of the text that it has read, in [0, 1]; below 1, the rest is empty.
        likeliest: what may come next, with probabilities; see `Generation.likeliest`.
        continuation: what it would write: some 60 characters, or to the end of the line
            with the newline, or to the end of the item with what separates it from the
            next one.
        failed: why there is no continuation; empty if nothing went wrong.
    """

    text: str
    replaced: dict[str, str] = field(default_factory=dict)
    read: float = 0.0
    likeliest: tuple[tuple[str, float], ...] = ()
    continuation: str = ""
    failed: str = ""

    def rest(self, text: str) -> str:
        """Return what is left of the continuation if the text is now this one.

        It is empty unless what was typed since then is what the continuation begins with.
        """
        typed = text[len(self.text) :]
        if text.startswith(self.text) and self.continuation.startswith(typed):
            return self.continuation[len(typed) :]
        return ""


def next_word(continuation: str) -> str:
    """Return the first word of a continuation, with the spaces before and the signs after.

    Of Chinese and Japanese, it is one character, with the signs after it.
    """
    found = _WORD.match(continuation)
    return found[0] if found else continuation


class Companion:
    """A model that follows a text as it is edited, and says what might come next.

    The continuation is a pure function of the text before the cursor and the `Sampling`: a
    character is drawn by the number that has its place in the text in the random stream of
    the seed. So it stays when its beginning is typed, and comes back when that is undone.

    Of a model of items, only the item that the text ends with is read.

    Args:
        model: a model that writes forwards.
        label: the label of the items, for a model whose items have labels.

    Raises:
        UnknownCharacterError: the label has characters that the model never saw.
        ValueError: the model writes backwards; or a label is given, and items have none.
    """

    def __init__(self, model: Model, *, label: str | None = None) -> None:
        if model.policy.backward:
            raise ValueError("this model writes from the end of a text: it cannot go on")
        self._model = model
        self._label = seed_text_of(model, "", label=label).ids
        self._separator = _separator(model)
        self._reader = _Reader(model)

    def follow(self, text: str, sampling: Sampling) -> Iterator[Suggestion]:
        """Yield what the model says of a text, more and more of it.

        It may be abandoned at any time; what was read by then is not read again.

        Args:
            text: the text before the cursor.
            sampling: how to draw; its `length` plays no part.

        Raises:
            CheckpointError: the model computes numbers that are not finite.
            UnknownCharacterError, ValueError: see `generate`.
        """
        item = self._item(text)
        seed = self._seed(item, sampling.unknown)
        found = Suggestion(text, seed.replaced)
        yield found
        whole = with_start(self._model, seed.ids)
        for share in self._reader.read(whole[:-1]):
            yield replace(found, read=share)
        method = Method(self._model, replace(sampling, length=LONGEST))
        draft = Draft(method, seed)
        draft.uniforms = _Placed(method.seed, len(text))
        batch = Batch(self._model, method)
        batch.add([Start(seed, int(whole[-1]), self._reader.state)], [draft])
        written = Generation(batch)
        found = replace(found, read=1.0, likeliest=tuple(written.likeliest(LIKELIEST)))
        yield found
        for character in written:
            if len(found.continuation) >= LOOKAHEAD and _BETWEEN.match(character):
                return
            found = replace(found, continuation=found.continuation + character)
            yield found
            if character == "\n":
                return
        if written.ended:
            whole_item = item + found.continuation
            newlines = len(whole_item) - len(whole_item.rstrip("\n"))
            rest = self._separator[newlines:]  # of a blank line, one may be there
            yield replace(found, continuation=found.continuation + rest)

    def _item(self, text: str) -> str:
        """Return the item that a text ends with; all of a running text."""
        return text.rpartition(self._separator)[2] if self._separator else text

    def _seed(self, text: str, unknown: str) -> SeedText:
        """Prepare a text; what the model never saw is never an error."""
        vocabulary = self._model.vocabulary
        text = self._model.policy.prepare(text)
        replaced = replacements(vocabulary, text, unknown)
        if vocabulary.unknown is None:  # what has no nearest one is left out
            replaced = {**replacements(vocabulary, text, "skip"), **replaced}
        text = text.translate({ord(c): instead for c, instead in replaced.items()})
        ids = vocabulary.encode(text)
        return SeedText(text, np.concatenate([self._label, ids]), replaced)


def _separator(model: Model) -> str:
    """Return what stands between two items; empty if it may stand within one as well."""
    if model.vocabulary.end is None or model.policy.documents == "files":
        return ""
    if model.policy.documents == "column" and "\n" in model.vocabulary:
        return ""
    return model.policy.separator


class _Placed(Uniforms):
    """A stream of uniform numbers from some place on."""

    def __init__(self, seed: int, place: int) -> None:
        super().__init__(seed)
        self._bits.advance(place)


class _Reader:
    """Reads texts one after the other, and keeps states.

    Attributes:
        state: the state after the text that was read last.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.state: Any = model.zero_state()
        self._ids: Ids = np.zeros(0, np.int32)  # the longest text that the states are of
        self._kept = [self.state]  # after 0, STRIDE, 2 · STRIDE, … ids
        self._recent: deque[tuple[int, Any]] = deque(maxlen=RECENT)  # (how many ids, state)

    def read(self, ids: Ids) -> Iterator[float]:
        """Read a text, and yield the share that is read after every few ids.

        Once the iterator is exhausted, `state` is the state after the text.
        """
        same = _common(ids, self._ids)
        if same < len(ids):
            self._ids = ids[:same]
            del self._kept[same // STRIDE + 1 :]
        recent = [pair for pair in self._recent if pair[0] <= same]
        self._recent = deque(recent, RECENT)
        place = same // STRIDE
        at, state = max(
            [(place * STRIDE, self._kept[place]), *recent], key=lambda pair: pair[0]
        )
        for place in range(at, len(ids)):
            _, state = self._model.step(ids[place : place + 1], state)
            if (place + 1) % STRIDE == 0 and (place + 1) // STRIDE == len(self._kept):
                self._kept.append(state)
            self._recent.append((place + 1, state))
            if place >= len(self._ids):
                self._ids = ids[: place + 1]
            if (place + 1) % SLICE == 0:
                yield (place + 1) / len(ids)
        self.state = state


def _common(first: Ids, second: Ids) -> int:
    """Return with how many equal ids two texts begin."""
    size = min(len(first), len(second))
    different = np.flatnonzero(first[:size] != second[:size])
    return int(different[0]) if different.size else size
