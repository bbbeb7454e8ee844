"""Generating text: read the seed text, then draw one character after the other."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from chargen.errors import CheckpointError
from chargen.sampling.draw import Uniforms, draw
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling, SamplingOptions
from chargen.sampling.rules import apply_rules
from chargen.text.vocabulary import Ids

HISTORY = 2**14
"""How many of the last characters the rules are shown."""

LENGTH = 500
"""How many characters of a running text are drawn where no length is given."""

LONGEST_ITEM = 10_000
"""How many characters an item may have that does not end by itself."""


def random_seed() -> int:
    """Return a seed that nobody can foresee, short enough to be typed."""
    return secrets.randbits(32)


def generate(
    model: Model,
    seed_text: str = "",
    sampling: Sampling | None = None,
    **options: Unpack[SamplingOptions],
) -> Iterator[str]:
    """Generate text, character by character.

    A model of items writes one item and stops where it ends.

    Args:
        model: what `chargen.load` returns.
        seed_text: the text to continue, of any length; it is prepared as the model's corpus
            was. If it is empty, the model starts on a newline, or on the commonest
            character if it knows no newline; a model of items starts an item.
        sampling: how to draw; None for the defaults of `Sampling`.
        options: fields of `Sampling`, by name, that are to be different.

    Returns:
        An iterator over the new characters; the seed text is not among them.

    Raises:
        UnknownCharacterError: the seed text has characters that the model never saw.
        ValueError: an option is out of range.

    Example:
        >>> model = chargen.load("harbour-plays")
        >>> "".join(chargen.generate(model, "PELL:", length=80, seed=1))
    """
    sampling = replace(sampling or Sampling(), **options)
    seed_text = model.policy.prepare(seed_text)
    ids = model.vocabulary.encode(seed_text, what="the seed text")
    return _characters(model, ids, sampling)


def _characters(model: Model, ids: Ids, sampling: Sampling) -> Iterator[str]:
    uniforms = Uniforms(random_seed() if sampling.seed is None else sampling.seed)
    for drawn in draw_ids(model, read_seed(model, ids), sampling, uniforms):
        if drawn != model.vocabulary.end:
            yield model.vocabulary.characters[drawn]


@dataclass(frozen=True)
class Start:
    """Where a text goes on from; any number of texts may go on from it.

    Attributes:
        ids: the seed text, int32 (n,).
        last: the id to read next, int32 (1,).
        state: the model's state before that.
    """

    ids: Ids
    last: Ids
    state: Any


def read_seed(model: Model, ids: Ids) -> Start:
    """Read a seed text, int32 (n,), after the id that a text without one starts from.

    A running text with a seed text starts with that itself.
    """
    read = ids
    if not ids.size or model.vocabulary.end is not None:
        read = np.concatenate([np.array([model.start_id], np.int32), ids])
    state = model.zero_state()
    for place in range(len(read) - 1):
        _, state = model.step(read[place : place + 1], state)
    return Start(ids, read[-1:], state)


def longest(model: Model, sampling: Sampling) -> int:
    """Return how many characters are drawn at most."""
    if sampling.length is not None:
        return sampling.length
    return LENGTH if model.vocabulary.end is None else LONGEST_ITEM


def draw_ids(
    model: Model, start: Start, sampling: Sampling, uniforms: Uniforms
) -> Iterator[int]:
    """Draw one id after the other, until the text is long enough or an end mark is drawn.

    Raises:
        CheckpointError: the model computes numbers that are not finite.
    """
    history = [deque(start.ids.tolist(), maxlen=HISTORY)]
    last, state, vocabulary = start.last, start.state, model.vocabulary
    for _ in range(longest(model, sampling)):
        logits, state = model.step(last, state)
        if not np.isfinite(logits).all():
            raise CheckpointError("the model's weights are too large to compute with")
        odds = apply_rules(logits, history, sampling, vocabulary.unknown)
        drawn = draw(odds[0], uniforms.next())
        yield drawn
        if drawn == vocabulary.end:
            return
        history[0].append(drawn)
        last = np.array([drawn], np.int32)
