"""Generating text: read the seed text, then draw one character after the other.

Imports the engine and `sampling`; never TensorFlow.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import numpy as np

from chargen.config import require_int
from chargen.engine import Engine, State
from chargen.errors import CheckpointError
from chargen.sampling import Uniforms, check_temperature, choose
from chargen.text import normalise_newlines
from chargen.vocabulary import Ids

DEFAULT_LENGTH = 500
DEFAULT_TEMPERATURE = 0.8


def random_seed() -> int:
    """Return a seed that nobody can foresee, short enough to be typed."""
    return secrets.randbits(32)


def generate(
    model: Engine,
    seed_text: str = "",
    *,
    length: int = DEFAULT_LENGTH,
    temperature: float = DEFAULT_TEMPERATURE,
    seed: int | None = None,
) -> Iterator[str]:
    """Generate text, character by character.

    Args:
        model: what `chargen.load` returns.
        seed_text: the text to continue, of any length. Empty: the model starts on a
            newline, or on the commonest character where it knows no newline.
        length: how many characters to generate, at least 0.
        temperature: at least 0. 0 always takes the likeliest character.
        seed: of the random draws, at least 0; the same seed gives the same text. None
            draws one.

    Returns:
        An iterator over `length` new characters; the seed text is not among them.

    Raises:
        UnknownCharacterError: the seed text has characters that the model never saw.
        ValueError: `length`, `temperature` or `seed` is out of range.

    Example:
        >>> model = chargen.load("harbour-plays")
        >>> "".join(chargen.generate(model, "PELL:", length=80, seed=1))
    """
    check_temperature(temperature)
    require_int("length", length, 0)
    seed = random_seed() if seed is None else seed
    require_int("seed", seed, 0)
    ids = model.vocabulary.encode(normalise_newlines(seed_text), what="the seed text")
    return _characters(model, ids, length, temperature, Uniforms(seed))


def _characters(
    model: Engine, ids: Ids, length: int, temperature: float, uniforms: Uniforms
) -> Iterator[str]:
    if not ids.size:
        ids = np.array([model.start_id], np.int32)
    state: State = model.zero_state()
    for place in range(len(ids) - 1):
        _, state = model.step(ids[place : place + 1], state)
    last = ids[-1:]
    for _ in range(length):
        logits, state = model.step(last, state)
        if not np.isfinite(logits).all():
            raise CheckpointError("the model's weights are too large to compute with")
        drawn = choose(logits[0], temperature, uniforms)
        yield model.vocabulary.characters[drawn]
        last = np.array([drawn], np.int32)
