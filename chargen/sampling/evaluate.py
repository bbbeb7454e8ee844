"""Scoring a text with the engine: cross-entropy in nats per character, no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.sampling.model import Model
from chargen.sampling.rules import log_softmax
from chargen.text.parts import Joined, Part, Plain
from chargen.text.scored import ScoredStreams, lay_out
from chargen.text.vocabulary import Ids, Vocabulary

COLD_BATCH = 64  # windows scored side by side
WINDOW = 1024  # characters of a stream that are read at a time


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
        unknown: how many characters the model never saw. They were scored as its mark for
            unknown ones if it has that, and left out otherwise.
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
        text: what to score. The character that is read first is scored only if there is a
            `context`, or if it begins an item: a model of items reads an end mark first.
        context: the text just before or, for a backward model, just after, which the model
            may know; the 201 characters next to the text are used. Like the text, it is
            prepared as the model's corpus was.
        cold_every: start from a zero state every so many characters, as models with a
            fixed window must. With None, the state is carried along up to 16 streams, each
            warmed up on the 200 characters before it, as the trainer does.
        skip_unknown: whether to leave characters that the model never saw out of the text
            and the context, if it has no mark for them. It gives them no probability: if
            they were scored, they would make every loss infinite.

    Raises:
        UnknownCharacterError: there are characters that the model never saw, no mark for
            them, and they are not to be skipped.
        ValueError: there is nothing to score, or `cold_every` is below 1.
    """
    vocabulary, policy = model.vocabulary, model.policy
    text, context = (policy.arrange(policy.prepare(each)) for each in (text, context))
    unknown = 0
    if skip_unknown and vocabulary.unknown is None:
        length = len(text)
        text, context = (known_part(vocabulary, part) for part in (text, context))
        unknown = length - len(text)
    ids = vocabulary.encode(text)
    before = vocabulary.encode(context, what="the context")
    if vocabulary.unknown is not None:
        unknown = int((ids == vocabulary.unknown).sum())
    if vocabulary.end is not None and not before.size:
        before = np.array([vocabulary.end], np.int32)
    scored = text if before.size else text[1:]
    found = evaluate_part(model, Plain(ids), before, cold_every=cold_every, unknown=unknown)
    return replace(found, utf8_bytes=len(scored.encode("utf-8")))


def evaluate_part(
    model: Model,
    part: Part,
    context: Ids,
    *,
    cold_every: int | None = None,
    unknown: int = 0,
    tell: Callable[[int], object] = lambda characters: None,
) -> Evaluation:
    """Score a text that is read bit by bit from wherever it lies, as `evaluate` does.

    An end mark counts as a character of one byte, like the newline that it stands for.

    Args:
        model: what `chargen.load` returns.
        part: the ids of the text.
        context: the ids just before, int32 (m,).
        cold_every: see `evaluate`.
        unknown: how many characters were left out of the text, for the record.
        tell: called with the number of characters that were read, as they are.

    Raises:
        ValueError: there is nothing to score, or `cold_every` is below 1.
    """
    sizes = _sizes(model.vocabulary)
    nats, count, size = 0.0, 0, 0
    for streams, losses in _scored(model, part, context, cold_every):
        nats += float(losses[streams.scored].sum())
        count += streams.characters
        size += int(sizes[streams.targets][streams.scored].sum())
        tell(streams.targets.size)
    return Evaluation(nats / count, count, size, unknown)


def _sizes(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """Return how many bytes each id has in UTF-8; a mark counts as one."""
    sizes = [len(c.encode("utf-8")) for c in vocabulary.characters]
    return np.array([*sizes, *(1 for _ in vocabulary.marks)], np.int64)


def _scored(
    model: Model, part: Part, context: Ids, cold_every: int | None
) -> Iterator[tuple[ScoredStreams, npt.NDArray[np.float64]]]:
    """Yield windows of a text, and the cross-entropy of their targets."""
    if cold_every is None:
        layout = lay_out(part, context)
        state = model.zero_state(len(layout.starts))
        for start in range(0, layout.length, WINDOW):
            streams = layout.window(start, start + WINDOW)
            losses, state = read_streams(model, streams.inputs, streams.targets, state)
            yield streams, losses
        return
    if cold_every < 1:
        raise ValueError(f"`cold_every` must be at least 1; got {cold_every}")
    whole = Joined(context[-1:], part)
    if len(whole) < 2:
        raise ValueError("a text of one character and no context has nothing to score")
    for streams in _windows(whole, cold_every):
        state = model.zero_state(len(streams.inputs))
        yield streams, read_streams(model, streams.inputs, streams.targets, state)[0]


def known_part(vocabulary: Vocabulary, text: str) -> str:
    """Return a text without the characters that a vocabulary lacks."""
    unknown = set(text).difference(vocabulary.characters)
    return text.translate({ord(c): None for c in unknown})


def _windows(whole: Part, length: int) -> Iterator[ScoredStreams]:
    """Cut ids into windows of `length` inputs, batched; the last one may be shorter."""
    inputs = len(whole) - 1
    full = inputs // length * length
    for start in range(0, full, length * COLD_BATCH):
        stop = min(full, start + length * COLD_BATCH)
        ids = whole.read(start, stop + 1)
        yield _all_scored(ids[:-1].reshape(-1, length), ids[1:].reshape(-1, length))
    if full < inputs:
        ids = whole.read(full)
        yield _all_scored(ids[None, :-1], ids[None, 1:])


def _all_scored(inputs: Ids, targets: Ids) -> ScoredStreams:
    return ScoredStreams(inputs, targets, np.ones(targets.shape, bool))


def read_streams(
    model: Model, inputs: Ids, targets: Ids, state: Any
) -> tuple[npt.NDArray[np.float64], Any]:
    """Return the cross-entropy of every target, float64 (S, L), and the state after them.

    Args:
        model: what reads.
        inputs, targets: int32 (S, L).
        state: the state of these S streams before the first input.
    """
    count, length = inputs.shape
    losses = np.empty((count, length))
    rows = np.arange(count)
    for t in range(length):
        logits, state = model.step(inputs[:, t], state)
        losses[:, t] = -log_softmax(logits)[rows, targets[:, t]]
    return losses, state


def costs(model: Model, texts: Sequence[Ids]) -> list[float]:
    """Return what the ids after the first one of each text cost, in nats.

    They are read side by side, each from a zero state: better texts of about one length.

    Args:
        model: what reads.
        texts: int32 (n,) each, at least one id.
    """
    ids = np.zeros((len(texts), max(map(len, texts))), np.int32)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    state = model.zero_state(len(texts))
    losses, _ = read_streams(model, ids[:, :-1], ids[:, 1:], state)
    pairs = zip(losses, texts, strict=True)
    return [float(row[: len(text) - 1].sum()) for row, text in pairs]
