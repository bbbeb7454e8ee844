"""Scoring a text with the engine: cross-entropy in nats per character, no TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chargen.sampling.model import Model
from chargen.sampling.rules import log_softmax
from chargen.text.reading import normalise_newlines
from chargen.text.scored import ScoredStreams, scored_streams
from chargen.text.vocabulary import Ids, Vocabulary

COLD_BATCH = 64  # windows scored side by side


def perplexity(nats: float) -> float:
    """Return exp(nats), infinite where that is more than a float can hold."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        nats: mean cross-entropy, natural logarithm, per scored character.
        characters: how many characters were scored.
        utf8_bytes: how many bytes these have in UTF-8.
        unknown: how many characters the model never saw; they were left out.
    """

    nats: float
    characters: int
    utf8_bytes: int
    unknown: int = 0

    @property
    def bits(self) -> float:
        """Bits per character: nats / ln 2."""
        return self.nats / math.log(2)

    @property
    def bits_per_byte(self) -> float:
        """Bits per UTF-8 byte, comparable between models with different units of text."""
        return self.bits * self.characters / self.utf8_bytes

    @property
    def perplexity(self) -> float:
        """exp(nats): the model is as unsure as one that chooses among so many evenly."""
        return perplexity(self.nats)


def evaluate(
    model: Model,
    text: str,
    *,
    context: str = "",
    cold_every: int | None = None,
    skip_unknown: bool = False,
) -> Evaluation:
    """Score a text.

    Args:
        model: what `chargen.load` returns.
        text: what to score. Its first character is scored only if there is a `context`.
        context: the text just before, which the model may know; its last 201 characters
            are used.
        cold_every: start from a zero state every so many characters, as models with a
            fixed window must. With None, the state is carried along up to 16 streams, each
            warmed up on the 200 characters before it, as the trainer does.
        skip_unknown: whether to leave characters that the model never saw out of the text
            and the context. The model gives them no probability: if they were scored,
            they would make every loss infinite.

    Raises:
        UnknownCharacterError: there are characters that the model never saw, and they
            are not to be skipped.
        ValueError: there is nothing to score, or `cold_every` is below 1.
    """
    text, context = normalise_newlines(text), normalise_newlines(context)
    unknown = 0
    if skip_unknown:
        length = len(text)
        text, context = (_known(model.vocabulary, part) for part in (text, context))
        unknown = length - len(text)
    ids = model.vocabulary.encode(text)
    before = model.vocabulary.encode(context, what="the context")
    if cold_every is None:
        streams = scored_streams(ids, before)
        total = float((_losses(model, streams) * streams.scored).sum())
    else:
        if cold_every < 1:
            raise ValueError(f"`cold_every` must be at least 1; got {cold_every}")
        whole = np.concatenate([before[-1:], ids])
        if len(whole) < 2:
            raise ValueError("a text of one character and no context has nothing to score")
        total = sum(float(_losses(model, s).sum()) for s in _windows(whole, cold_every))
    scored = text if context else text[1:]
    count, size = len(scored), len(scored.encode("utf-8"))
    return Evaluation(total / count, count, size, unknown)


def _known(vocabulary: Vocabulary, text: str) -> str:
    """Return a text without the characters that a vocabulary lacks."""
    unknown = set(text).difference(vocabulary.characters)
    return text.translate({ord(c): None for c in unknown})


def _windows(ids: Ids, length: int) -> list[ScoredStreams]:
    """Cut ids into windows of `length` inputs, batched; the last one may be shorter."""
    inputs, targets = ids[:-1], ids[1:]
    whole = len(inputs) // length * length
    batches = []
    for start in range(0, whole, length * COLD_BATCH):
        part = slice(start, min(whole, start + length * COLD_BATCH))
        batches.append(
            (inputs[part].reshape(-1, length), targets[part].reshape(-1, length))
        )
    if whole < len(inputs):
        batches.append((inputs[None, whole:], targets[None, whole:]))
    return [ScoredStreams(x, y, np.ones(x.shape, bool)) for x, y in batches]


def _losses(model: Model, streams: ScoredStreams) -> npt.NDArray[np.float64]:
    """Return the cross-entropy of every target, float64 (S, L)."""
    count, length = streams.inputs.shape
    losses = np.empty((count, length))
    rows = np.arange(count)
    state = model.zero_state(count)
    for t in range(length):
        logits, state = model.step(streams.inputs[:, t], state)
        losses[:, t] = -log_softmax(logits)[rows, streams.targets[:, t]]
    return losses
