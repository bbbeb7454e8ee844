"""Generating text: read the seed text, then draw one character after the other."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Unpack

import numpy as np

from chargen.errors import CheckpointError
from chargen.sampling.draw import Uniforms, draw
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling, SamplingOptions
from chargen.sampling.rules import apply_rules
from chargen.text.reading import normalise_newlines
from chargen.text.vocabulary import Ids

HISTORY = 2**14
"""How many of the last characters the rules are shown."""


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

    Args:
        model: what `chargen.load` returns.
        seed_text: the text to continue, of any length. If it is empty, the model starts on
            a newline, or on the commonest character if it knows no newline.
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
    ids = model.vocabulary.encode(normalise_newlines(seed_text), what="the seed text")
    return _characters(model, ids, sampling)


def _characters(model: Model, ids: Ids, sampling: Sampling) -> Iterator[str]:
    uniforms = Uniforms(random_seed() if sampling.seed is None else sampling.seed)
    history = [deque(ids.tolist(), maxlen=HISTORY)]
    if not ids.size:
        ids = np.array([model.start_id], np.int32)
    state = model.zero_state()
    for place in range(len(ids) - 1):
        _, state = model.step(ids[place : place + 1], state)
    last = ids[-1:]
    for _ in range(sampling.length):
        logits, state = model.step(last, state)
        if not np.isfinite(logits).all():
            raise CheckpointError("the model's weights are too large to compute with")
        drawn = draw(apply_rules(logits, history, sampling)[0], uniforms.next())
        yield model.vocabulary.characters[drawn]
        history[0].append(drawn)
        last = np.array([drawn], np.int32)
