"""A corpus: the ids of a text, split into its parts.

The split comes first and windows are cut after it (`batches`), so that nothing leaks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from chargen.display import describe
from chargen.errors import TextError
from chargen.text.reading import Text
from chargen.text.scored import WARM_UP
from chargen.text.sources import Source
from chargen.text.vocabulary import MAX_CHARACTERS, Ids, Vocabulary

SMALL_TEXT = 2_000
"""A text with fewer characters is not split unless that is asked for."""

DEFAULT_VALIDATION = 0.1


def _none() -> Ids:
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Corpus:
    """A corpus: its vocabulary and its parts.

    Attributes:
        sources: the files it was read from: the text, then those of held-out parts.
        vocabulary: the vocabulary of the whole text, with all its parts.
        train: ids of the training part, int32 (n,).
        validation: ids of the validation part, int32 (m,); empty if there is none.
        context: the last ids of the text just before the validation part: known, but not
            scored; empty if validation is a file of its own.
        test: ids of the part that training never scores, int32 (k,); often empty.
        test_context: what `context` is to the validation part, for the test part.
    """

    sources: tuple[Source, ...]
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
        """The share of the validation characters that never occur in training."""
        if not self.validation.size:
            return 0.0
        return float(1 - np.isin(self.validation, np.unique(self.train)).mean())

    @property
    def commonest_character(self) -> str:
        """The training part's commonest character; among equals, the lowest id."""
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
        validation: the share of the text that is held out to validate on, in [0, 1); or a
            text of its own; or None for a tenth, which is nothing if the text has under
            2,000 characters.
        vocabulary: that of the model, which may know more characters; None for the texts'
            own.
        test: the last part, held out from everything but a later scoring: a share of the
            text, a text of its own, or None for nothing.

    Raises:
        TextError: there is too little text to learn from, it has more different
            characters than a checkpoint may have, or it has some that `vocabulary` lacks.
    """
    characters = text.characters
    _check(characters, text.name)
    if validation is None:
        validation = 0.0 if len(characters) < SMALL_TEXT else DEFAULT_VALIDATION
    texts = {"train": text, "validation": validation, "test": test}
    files = {role: held for role, held in texts.items() if isinstance(held, Text)}
    vocabulary = vocabulary or vocabulary_of(files.values())
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
            raise TextError("`validation` and `test` leave nothing to train on")
        if held > 0 and (cut < 2 or cut == end):
            raise TextError(
                f"{text.name} has {len(ids)} characters, too few to hold out "
                f"{held:g} of them: use `{name}=0`"
            )
        # One more than the warm-up, whose first target has an input before it.
        context = ids[max(0, cut - WARM_UP - 1) : cut] if cut < end else _none()
        parts[name] = ids[cut:end], context
        end = cut
    if np.ptp(ids[:end]) == 0:
        raise TextError(
            f"the training part of {text.name} consists of one character repeated"
        )
    sources = tuple(Source.of(held, role) for role, held in files.items())
    return Corpus(sources, vocabulary, ids[:end], *parts["validation"], *parts["test"])


def vocabulary_of(texts: Iterable[Text], known: str = "") -> Vocabulary:
    """Return the vocabulary of texts, plus the characters that are known already.

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
                "leave out those of the other model with `drop_unused=True`"
                if known
                else f"is {texts[0].name} a text?"
            )
        )
    return vocabulary


def _check(characters: str, name: str) -> None:
    if not characters:
        raise TextError(f"{name} is empty: there is nothing to learn from")
    if len(set(characters)) == 1:
        raise TextError(
            f"{name} consists of one character repeated, {describe(characters[0])}: "
            "there is nothing to learn from"
        )
