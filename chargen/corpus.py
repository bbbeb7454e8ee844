"""Texts as ids, split and cut into batches. Imports layers 0–1 and NumPy.

The split comes first and windows are cut after it, so that nothing leaks. The batch of
step k is a pure function of (seed, k, corpus): nothing about the data order has to be
saved for a resume.

Axes: B streams or windows a batch, T characters a window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chargen.config import Settings
from chargen.errors import TextError, describe, printable
from chargen.text import Text
from chargen.vocabulary import MAX_CHARACTERS, Ids, Vocabulary

SMALL_TEXT = 2_000
"""A text with fewer characters is not split unless that is asked for."""

DEFAULT_VALIDATION = 0.1
EVALUATION_STREAMS = 16
WARM_UP = 200


def _none() -> Ids:
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Corpus:
    """A corpus: its vocabulary and its parts.

    Attributes:
        sources: the files it was read from: the text, and those that validation and test
            have to themselves, in this order.
        vocabulary: of all the text, every part.
        train: ids of the training part, int32 (n,).
        validation: ids of the validation part, int32 (m,); empty if there is none.
        context: the last ids of the text just before the validation part: known, but not
            scored; empty if validation is a file of its own.
        test: ids of the part that training never scores, int32 (k,); often empty.
        test_context: what `context` is, of the test part.
    """

    sources: tuple[Text, ...]
    vocabulary: Vocabulary
    train: Ids
    validation: Ids
    context: Ids
    test: Ids = field(default_factory=_none)
    test_context: Ids = field(default_factory=_none)

    @property
    def name(self) -> str:
        """The name of the file it is trained on."""
        return self.sources[0].name

    @property
    def unseen(self) -> float:
        """Share of the validation characters that never occur in training."""
        if not self.validation.size:
            return 0.0
        return float(1 - np.isin(self.validation, np.unique(self.train)).mean())

    @property
    def commonest_character(self) -> str:
        """The training part's commonest character, the lowest id of equals."""
        return self.vocabulary.characters[int(np.bincount(self.train).argmax())]


def split(
    text: Text,
    validation: float | Text | None,
    vocabulary: Vocabulary | None = None,
    *,
    test: float | Text | None = None,
) -> Corpus:
    """Make a corpus of a text: train, then validation, then test.

    Args:
        text: what to train on.
        validation: the share of the text that is held out to validate on, in [0, 1); a
            text of its own; or None for a tenth, and for nothing where the text has
            under 2,000 characters.
        vocabulary: that of the model, which may know more characters; None: the texts'.
        test: the last part, held out from everything but a later scoring: a share of the
            text, a text of its own, or None for nothing.

    Raises:
        TextError: there is too little text to learn from, it has more different
            characters than a checkpoint may have, or some that `vocabulary` lacks.
    """
    characters = text.characters
    _check(characters, text.name)
    if validation is None:
        validation = 0.0 if len(characters) < SMALL_TEXT else DEFAULT_VALIDATION
    files = [held for held in (validation, test) if isinstance(held, Text)]
    vocabulary = vocabulary or vocabulary_of([text, *files])
    ids = vocabulary.encode(characters)
    end = len(ids)
    parts: dict[str, tuple[Ids, Ids]] = {}
    for name, held in (("test", test or 0.0), ("validation", validation)):
        if isinstance(held, Text):
            if len(held.characters) < 2:
                raise TextError(f"{held.name}: too short for a {name} part")
            parts[name] = vocabulary.encode(held.characters), _none()
            continue
        cut = end - round(len(ids) * held)
        if held > 0 and cut < 2 and end < len(ids):
            raise TextError("--validation and --test leave nothing to train on")
        if held > 0 and (cut < 2 or cut == end):
            raise TextError(
                f"{text.name} has {len(ids)} characters, too few to hold out "
                f"{held:g} of them: use --{name} 0"
            )
        # One more than the warm-up: the first warm-up target has an input before it.
        context = ids[max(0, cut - WARM_UP - 1) : cut] if cut < end else _none()
        parts[name] = ids[cut:end], context
        end = cut
    if np.ptp(ids[:end]) == 0:
        raise TextError(
            f"the training part of {text.name} holds a single distinct character"
        )
    return Corpus(
        (text, *files), vocabulary, ids[:end], *parts["validation"], *parts["test"]
    )


def vocabulary_of(texts: Iterable[Text], known: str = "") -> Vocabulary:
    """Return the vocabulary of texts, with the characters that are known besides.

    Raises:
        TextError: a checkpoint cannot have so many characters.
    """
    texts = list(texts)
    vocabulary = Vocabulary.from_text(known, *(text.characters for text in texts))
    if len(vocabulary) > MAX_CHARACTERS:
        raise TextError(
            f"there would be {len(vocabulary):,} different characters, more than the "
            f"{MAX_CHARACTERS:,} that a model can have: "
            + (
                "leave out those of the other model with --drop-unused"
                if known
                else f"is {printable(texts[0].name)} a text?"
            )
        )
    return vocabulary


def _check(characters: str, name: str) -> None:
    if not characters:
        raise TextError(f"{name} is empty: there is nothing to learn from")
    if len(set(characters)) == 1:
        raise TextError(
            f"{name} holds a single distinct character, {describe(characters[0])}: "
            "there is nothing to learn from"
        )


class Batches(Protocol):
    """Batches by step number: what the trainer asks of a way of cutting windows."""

    batch_size: int
    seq_length: int
    steps_per_epoch: int

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """Return (inputs (B, T), targets (B, T), fresh) of a step, counted from 0.

        Targets are the inputs shifted by one character. `fresh` says that the states
        start from zero; otherwise they go on from the step before.
        """
        ...


class Streams:
    """Windows that slide along B parallel streams, the state carried from one to the next.

    Each epoch starts from another random rotation of the training text: the text is taken
    as a circle, cut at a random place, and dealt out as B streams of equal length. So the
    windows' borders vary, and what is left over at the end is not always the same.
    """

    def __init__(self, ids: Ids, *, batch_size: int, seq_length: int, seed: int):
        self._ids = ids
        self.seq_length = min(seq_length, len(ids) - 1)
        self.batch_size = min(batch_size, len(ids) // self.seq_length)
        self._stream_length = len(ids) // self.batch_size
        self.steps_per_epoch = self._stream_length // self.seq_length
        self._seed = seed
        self._epoch = -1
        self._rotation = 0

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """See `Batches.batch`: fresh at the start of an epoch."""
        epoch, window = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, epoch])
            self._rotation = int(random.integers(len(self._ids)))
            self._epoch = epoch
        start = self._rotation + window * self.seq_length
        streams = np.arange(self.batch_size) * self._stream_length
        places = start + streams[:, None] + np.arange(self.seq_length + 1)  # (B, T+1)
        windows = self._ids[places % len(self._ids)]
        return windows[:, :-1], windows[:, 1:], window == 0


class Shuffled:
    """Overlapping windows in random order, each from a zero state: the articles' way.

    A window starts every `stride` characters. An epoch is as many trained characters as
    the text has, so at a stride below T it visits a random part of the windows; no window
    comes twice in an epoch.
    """

    def __init__(
        self, ids: Ids, *, batch_size: int, seq_length: int, stride: int, seed: int
    ):
        self._ids = ids
        self.seq_length = min(seq_length, len(ids) - 1)
        self._windows = (len(ids) - self.seq_length - 1) // stride + 1
        fitting = max(1, len(ids) // self.seq_length)
        self.batch_size = min(batch_size, self._windows, fitting)
        self.steps_per_epoch = max(
            1,
            min(
                len(ids) // (self.batch_size * self.seq_length),
                self._windows // self.batch_size,
            ),
        )
        self._stride = stride
        self._seed = seed
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def batch(self, step: int) -> tuple[Ids, Ids, bool]:
        """See `Batches.batch`: always fresh."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, epoch])
            count = self.steps_per_epoch * self.batch_size
            self._order = random.choice(self._windows, count, replace=False)
            self._epoch = epoch
        chosen = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        starts = chosen * self._stride
        windows = self._ids[starts[:, None] + np.arange(self.seq_length + 1)]
        return windows[:, :-1], windows[:, 1:], True


def cut_windows(ids: Ids, settings: Settings) -> Streams | Shuffled:
    """Return the batches that `settings` ask for, shrunk to what the text can fill.

    The batch and the window that result are `batch_size` and `seq_length` of what is
    returned; both are at least 1 for two characters or more.
    """
    if settings.windows == "shuffled":
        return Shuffled(
            ids,
            batch_size=settings.batch_size,
            seq_length=settings.seq_length,
            stride=settings.stride,
            seed=settings.seed,
        )
    return Streams(
        ids,
        batch_size=settings.batch_size,
        seq_length=settings.seq_length,
        seed=settings.seed,
    )


@dataclass(frozen=True)
class ScoredStreams:
    """A text laid out for scoring with carried state, S streams of length L side by side.

    Attributes:
        inputs, targets: ids, int32 (S, L).
        scored: bool (S, L); the rest warms the state up. Every target that is to be
            scored is scored exactly once.
    """

    inputs: Ids
    targets: Ids
    scored: npt.NDArray[np.bool_]

    @property
    def characters(self) -> int:
        """How many targets are scored."""
        return int(self.scored.sum())

    def beginning(self, length: int) -> ScoredStreams:
        """Return the first `length` characters of each stream."""
        part = np.s_[:, :length]
        return ScoredStreams(self.inputs[part], self.targets[part], self.scored[part])


def scored_streams(ids: Ids, context: Ids) -> ScoredStreams:
    """Lay a text out as up to 16 streams, each warmed on the 200 characters before it.

    Args:
        ids: the text, int32 (n,).
        context: the ids just before it, which are known and not scored. Without any, the
            text's first character is not scored (nothing precedes it) and the first
            stream starts without warm-up.

    Raises:
        ValueError: there is no character to score.
    """
    context = context[-WARM_UP - 1 :]
    whole = np.concatenate([context, ids])
    total = len(whole) - 1  # inputs; input i predicts target i + 1
    first = max(0, len(context) - 1)  # the first input whose target is scored
    if total - first < 1:
        raise ValueError("a text of one character and no context has nothing to score")
    # Streams overlap by the warm-up and have one length, the last one ends with the text.
    length = -(-(total + (EVALUATION_STREAMS - 1) * WARM_UP) // EVALUATION_STREAMS)
    length = min(total, length)
    starts: list[int] = []
    begins: list[int] = []
    done = first
    while done < total:
        start = min(max(0, done - WARM_UP) if starts else 0, total - length)
        starts.append(start)
        begins.append(done - start)
        done = start + length
    places = np.array(starts)[:, None] + np.arange(length)
    return ScoredStreams(
        inputs=whole[places],
        targets=whole[places + 1],
        scored=np.arange(length) >= np.array(begins)[:, None],
    )
