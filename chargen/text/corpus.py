"""A corpus: a text as ids, split into its parts.

The split comes first and windows are cut after it (`batches`), so that nothing leaks. A
running text is cut in two or three; items go to a part each, by a hash of what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from chargen.display import describe
from chargen.errors import TextError
from chargen.text.documents import parts_of
from chargen.text.encoded import END, Encoded
from chargen.text.parts import (
    NOWHERE,
    Items,
    Part,
    Plain,
    Stretch,
    blocks,
    ids_of_codes,
    occurring,
)
from chargen.text.scored import WARM_UP
from chargen.text.sources import HELD_OUT, PARTS, Source
from chargen.text.vocabulary import MAX_CHARACTERS, Counts, Folding, Ids, Vocabulary

SMALL_TEXT = 2_000
"""A text with fewer characters is not split unless that is asked for."""

DEFAULT_VALIDATION = 0.1


def _none() -> Ids:
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Corpus:
    """A corpus: its vocabulary and its parts.

    Attributes:
        name: what messages call it.
        vocabulary: the vocabulary of the whole text, with all its parts.
        train: the training part, which, like the others, is in the model's order.
        validation: the validation part; empty if there is none.
        context: the ids of the text that are read just before the validation part: known,
            but not scored; empty if there is no such text. Before items, an end mark.
        test: the part that training never scores; often empty.
        test_context: what `context` is to the validation part, for the test part.
        counts: how often each id occurs in the training part, int64 (V,).
        unseen: the share of the validation characters that never occur in training.
        folded: the share of all characters that the mark for unknown ones stands for.
        sources: what it was read from.
    """

    name: str
    vocabulary: Vocabulary
    train: Part
    validation: Part
    context: Ids
    test: Part
    test_context: Ids
    counts: Counts
    unseen: float = 0.0
    folded: float = 0.0
    sources: tuple[Source, ...] = field(default=())

    @property
    def commonest_character(self) -> str:
        """The training part's commonest character; among equals, the lowest id."""
        characters = self.vocabulary.characters
        return characters[int(self.counts[: len(characters)].argmax())]


def split(
    text: Encoded,
    validation: float | Encoded | None,
    vocabulary: Vocabulary | None = None,
    *,
    test: float | Encoded | None = None,
    folding: Folding | None = None,
    backward: bool = False,
    name: str = "the text",
    sources: Iterable[Source] = (),
) -> Corpus:
    """Make a corpus of a text: train, then validation, then test.

    Args:
        text: what to train on.
        validation: the share that is held out to validate on, in [0, 1); or a text of its
            own; or None for a tenth, which is nothing if there are under 2,000 characters.
        vocabulary: that of the model, which may know more characters; None for the texts'
            own.
        test: the last part, held out from everything but a later scoring: a share of the
            text, a text of its own, or None for nothing.
        folding: which characters of the texts' own vocabulary are folded.
        backward: whether each part is read from its end. The parts are the same.
        name: what messages call the text.
        sources: what the texts were read from.

    Raises:
        TextError: there is too little text to learn from, it has more different
            characters than a checkpoint may have, or it has some that `vocabulary` lacks.
    """
    _check(text, name)
    texts, shares = _texts_and_shares(text, validation, test)
    vocabulary = vocabulary or vocabulary_of(texts.values(), folding=folding, name=name)
    ids = _ids(text, vocabulary, name)
    divide = _divided if len(text.hashes) else _cut
    parts, counted = divide(text, ids, shares, name, backward)
    contexts = {role: _context(text, vocabulary, parts[role]) for role in HELD_OUT}
    for role in texts.keys() - {"train"}:
        parts[role], contexts[role] = whole(
            texts[role], vocabulary, f"the {role} part", backward=backward
        )
        counted[role] = texts[role].counts
    counts = {
        role: _by_id(found, _ids(texts.get(role, text), vocabulary, name), vocabulary)
        for role, found in counted.items()
    }
    _check_training_part(counts["train"], vocabulary, name)
    return Corpus(
        name=name,
        vocabulary=vocabulary,
        train=parts["train"],
        validation=parts["validation"],
        context=contexts["validation"],
        test=parts["test"],
        test_context=contexts["test"],
        counts=counts["train"],
        unseen=_unseen(counts["train"], counts["validation"]),
        folded=_folded(counts.values(), vocabulary),
        sources=tuple(sources),
    )


def _texts_and_shares(
    text: Encoded, validation: float | Encoded | None, test: float | Encoded | None
) -> tuple[dict[str, Encoded], dict[str, float]]:
    """Return the texts of their own, and the shares that are held out of the first."""
    validation = _default_validation(text) if validation is None else validation
    held = {"validation": validation, "test": 0.0 if test is None else test}
    texts = {role: own for role, own in held.items() if isinstance(own, Encoded)}
    shares = {role: 0.0 if isinstance(own, Encoded) else own for role, own in held.items()}
    return {"train": text, **texts}, shares


def _check_training_part(counts: Counts, vocabulary: Vocabulary, name: str) -> None:
    """Refuse a training part that nothing can be learned from."""
    if len(vocabulary.characters) < 2:
        raise TextError(
            f"fewer than two characters of {name} are left to learn: fold fewer of them "
            "with `min_count` and `max_vocabulary`"
        )
    if np.count_nonzero(counts[: len(vocabulary.characters)]) < 2:
        raise TextError(f"the training part of {name} consists of one character repeated")


def _default_validation(text: Encoded) -> float:
    small = len(text) < SMALL_TEXT or len(text.hashes) == 1
    return 0.0 if small else DEFAULT_VALIDATION


def _unseen(train: Counts, validation: Counts) -> float:
    """Return the share of the validation characters that never occur in training."""
    total = validation.sum()
    return float(1 - validation[train > 0].sum() / total) if total else 0.0


def _folded(counts: Iterable[Counts], vocabulary: Vocabulary) -> float:
    """Return the share of all characters that the mark for unknown ones stands for."""
    together = np.sum(list(counts), axis=0)
    unknown = vocabulary.unknown
    return 0.0 if unknown is None else float(together[unknown] / together.sum())


def _cut(
    text: Encoded, ids: Ids, shares: Mapping[str, float], name: str, backward: bool
) -> tuple[dict[str, Part], dict[str, Counts]]:
    """Cut a running text: the test part is its end, the validation part comes before."""
    length = end = len(text)
    parts: dict[str, Part] = {}
    counted: dict[str, Counts] = {}
    for role in reversed(HELD_OUT):
        share = shares[role]
        cut = end - round(length * share)
        if share > 0 and cut < 2 and end < length:
            raise TextError("`validation` and `test` leave nothing to train on")
        if share > 0 and (cut < 2 or cut == end):
            raise TextError(
                f"{name} has {length} characters, too few to hold out "
                f"{share:g} of them: use `{role}=0`"
            )
        parts[role] = Stretch(text, ids, cut, end, backward=backward)
        counted[role] = text.count(cut, end)
        end = cut
    parts["train"] = Stretch(text, ids, 0, end, backward=backward)
    counted["train"] = text.counts - counted["validation"] - counted["test"]
    return parts, counted


def _divided(
    text: Encoded, ids: Ids, shares: Mapping[str, float], name: str, backward: bool
) -> tuple[dict[str, Part], dict[str, Counts]]:
    """Divide items between the parts, by their hashes."""
    try:
        part = parts_of(text.hashes, shares["validation"], shares["test"])
    except ValueError as error:
        raise TextError(f"{name}: {error}") from error
    counted = text.count_by_part(part)
    parts = {
        role: Items(text, ids, np.flatnonzero(part == number), backward=backward)
        for number, role in enumerate(PARTS)
    }
    return dict(parts), {role: counted[number] for number, role in enumerate(PARTS)}


def _context(text: Encoded, vocabulary: Vocabulary, part: Part) -> Ids:
    """Return what is known before a part of the text that is held out."""
    if not len(part):
        return _none()
    if isinstance(part, Stretch):
        # One more than the warm-up, whose first target has an input before it.
        return part.before(WARM_UP + 1)
    return _start(text, vocabulary)


def scorable(
    text: Encoded, vocabulary: Vocabulary, *, backward: bool = False
) -> tuple[Part, Ids, int]:
    """Return a text that any characters may occur in, as a model reads it.

    Returns:
        The text, without the characters that the vocabulary has neither an id nor a mark
        for; the ids that are known before it; and how many characters it does not know.
    """
    ids = ids_of_codes(text, vocabulary)
    strange = vocabulary.find(text.code_points) == NOWHERE
    strange[END] = False
    unknown = int(text.counts[strange].sum())
    left_out = (ids == NOWHERE) & (text.counts > 0)
    part = _undivided(text, ids, vocabulary, backward)
    if left_out.any():
        # What is left is of the smallest type that holds it: a text may be large.
        small = np.min_scalar_type(len(vocabulary))
        left = [block[block != NOWHERE].astype(small) for block in blocks(part)]
        part = Plain(np.concatenate(left))
    return part, _start(text, vocabulary), unknown


def _start(text: Encoded, vocabulary: Vocabulary) -> Ids:
    """Return what is known before a text: before items, an end mark."""
    if vocabulary.end is None or not len(text.hashes):
        return _none()
    return np.array([vocabulary.end], np.int32)


def whole(
    text: Encoded, vocabulary: Vocabulary, name: str, *, backward: bool = False
) -> tuple[Part, Ids]:
    """Return a text as one part, and the ids that are known before it.

    Raises:
        TextError: it has too few characters, or some that the vocabulary lacks.
    """
    if len(text) < 2:
        raise TextError(f"{name} is too short: it has {len(text)} characters")
    ids, start = _ids(text, vocabulary, name), _start(text, vocabulary)
    return _undivided(text, ids, vocabulary, backward), start


def _undivided(text: Encoded, ids: Ids, vocabulary: Vocabulary, backward: bool) -> Part:
    """Return all of a text; its items, if the model knows of items."""
    if vocabulary.end is None or not len(text.hashes):
        return Stretch(text, ids, 0, len(text), backward=backward)
    return Items(text, ids, np.arange(len(text.hashes)), backward=backward)


def _ids(text: Encoded, vocabulary: Vocabulary, name: str) -> Ids:
    """Return the id of each code of a text, all of whose characters have one."""
    ids = ids_of_codes(text, vocabulary)
    if (ids[text.counts > 0] == NOWHERE).any():
        if text.counts[END] and vocabulary.end is None:
            raise TextError(f"{name} is made of items, and the model has no end mark")
        vocabulary.encode(occurring(text), what=name)  # fails, and says which ones
    return ids


def _by_id(counts: Counts, ids: Ids, vocabulary: Vocabulary) -> Counts:
    """Return how often each id occurs, given how often each code does."""
    found = np.zeros(len(vocabulary), np.int64)
    used = np.flatnonzero(counts)
    np.add.at(found, ids[used], counts[used])
    return found


def vocabulary_of(
    texts: Iterable[Encoded],
    known: Vocabulary | None = None,
    *,
    folding: Folding | None = None,
    name: str = "the text",
) -> Vocabulary:
    """Return the vocabulary of texts, plus what is known already.

    Args:
        texts: the texts of all parts.
        known: the vocabulary of another model, whose characters stay.
        folding: which rare characters are folded; None to keep all.
        name: what messages call the text.

    Raises:
        TextError: a checkpoint cannot have so many characters.
    """
    texts = list(texts)
    counted: dict[str, int] = {}
    for text in texts:
        used = np.flatnonzero(text.counts)
        points = text.code_points
        for code in used[used != END].tolist():
            character = chr(points[code])
            counted[character] = counted.get(character, 0) + int(text.counts[code])
    characters = sorted(counted)
    counts = np.array([counted[c] for c in characters], np.int64)
    kept = np.ones(len(counts), bool) if folding is None else folding.kept(counts)
    old = known.characters if known else ()
    chosen = sorted(
        {c for c, stays in zip(characters, kept, strict=True) if stays} | {*old}
    )
    unknown = len({*characters} - {*chosen}) > 0 or bool(
        known and known.unknown is not None
    )
    if len(chosen) > MAX_CHARACTERS:
        raise TextError(
            f"there would be {len(chosen):,} different characters, more than the "
            f"{MAX_CHARACTERS:,} that a model can have: "
            + (
                "leave out those of the other model with `drop_unused=True`"
                if known
                else f"is {name} a text?"
            )
        )
    end = any(len(text.hashes) for text in texts)
    return Vocabulary(chosen, end=end, unknown=unknown)


def _check(text: Encoded, name: str) -> None:
    characters = occurring(text)
    if not characters:
        raise TextError(f"{name} is empty: there is nothing to learn from")
    if len(characters) == 1:
        raise TextError(
            f"{name} consists of one character repeated, {describe(characters)}: "
            "there is nothing to learn from"
        )
    if characters.isspace():
        raise TextError(f"{name} is all white space: there is nothing to learn from")
