"""The split of a text into its parts, and what is known of a corpus."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError, UnknownCharacterError
from chargen.text.corpus import SMALL_TEXT, split, vocabulary_of
from chargen.text.reading import Text
from chargen.text.scored import WARM_UP
from chargen.text.sources import Source
from chargen.text.vocabulary import Vocabulary

ALPHABET = "abcdefghijklmnopqrstuvwxyz\n"
property_of = settings(max_examples=60, deadline=None, derandomize=True)


def text(characters, name="novel.txt"):
    return Text(characters, name, "utf-8", len(characters), "0" * 64)


def letters(count):
    return "".join(itertools.islice(itertools.cycle(ALPHABET), count))


def decoded(corpus):
    return corpus.vocabulary.decode(corpus.train), corpus.vocabulary.decode(
        corpus.validation
    )


def refusal(*arguments, **options):
    with pytest.raises(TextError) as caught:
        split(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(("share", "held_out"), [(0.2, 20), (0.01, 1), (0.9, 90)])
def test_the_last_part_of_a_text_is_held_out(share, held_out):
    characters = letters(100)
    train, validation = decoded(split(text(characters), share))
    assert train == characters[:-held_out]
    assert validation == characters[-held_out:]


@pytest.mark.parametrize("share", [0, 0.0])
def test_nothing_is_held_out_for_a_share_of_zero(share):
    corpus = split(text(letters(5000)), share)
    assert decoded(corpus) == (letters(5000), "")
    assert corpus.context.size == 0


@pytest.mark.parametrize(
    ("count", "held_out"), [(SMALL_TEXT - 1, 0), (SMALL_TEXT, 200), (5000, 500)]
)
def test_a_tenth_is_held_out_unless_the_text_is_short(count, held_out):
    corpus = split(text(letters(count)), None)
    assert len(corpus.validation) == held_out
    assert len(corpus.train) == count - held_out


def test_the_parts_are_int32():
    corpus = split(text(letters(3000)), 0.1)
    for ids in (corpus.train, corpus.validation, corpus.context):
        assert ids.dtype == np.int32


def test_the_vocabulary_is_that_of_both_parts():
    corpus = split(text("zyzyzyzyza"), 0.1)
    assert corpus.vocabulary.characters == ("a", "y", "z")


def test_a_text_of_its_own_is_held_out_whole():
    one, other = text(letters(60)), text("cabX", "other.txt")
    corpus = split(one, other)
    assert decoded(corpus) == (letters(60), "cabX")
    assert corpus.sources == (Source.of(one, "train"), Source.of(other, "validation"))
    assert "X" in corpus.vocabulary


def test_a_text_of_its_own_has_no_context():
    assert split(text(letters(600)), text("cab")).context.size == 0


def test_the_context_is_what_precedes_the_validation_part():
    characters = letters(1000)
    corpus = split(text(characters), 0.1)
    context = corpus.vocabulary.decode(corpus.context)
    assert context == characters[900 - WARM_UP - 1 : 900]


def test_the_context_of_a_short_text_is_all_of_the_training_part():
    corpus = split(text(letters(100)), 0.1)
    assert corpus.vocabulary.decode(corpus.context) == letters(90)


def test_a_corpus_is_called_like_its_first_file():
    assert split(text("ab", "a.txt"), text("ba", "b.txt")).name == "a.txt"


@pytest.mark.parametrize("validation", [None, 0.1, text("ab")])
def test_an_empty_text_is_refused(validation):
    assert refusal(text("", "void.txt"), validation).startswith("void.txt is empty")


@pytest.mark.parametrize("validation", [None, 0, 0.1, text("ab")])
@pytest.mark.parametrize("characters", ["a", "\n" * 500])
def test_a_text_of_one_distinct_character_is_refused(characters, validation):
    message = refusal(text(characters, "dull.txt"), validation)
    assert message.startswith("dull.txt consists of one character repeated")
    assert ascii(characters[0]) in message


def test_a_training_part_of_one_distinct_character_is_refused():
    message = refusal(text("a" * 90 + "b" * 10, "dull.txt"), 0.1)
    assert "training part of dull.txt consists of one character repeated" in message


@pytest.mark.parametrize(
    ("characters", "share"), [("ab", 0.5), ("abc", 0.9), (letters(10), 0.01)]
)
def test_a_text_that_is_too_short_to_hold_out_is_refused(characters, share):
    message = refusal(text(characters, "short.txt"), share)
    assert message.startswith(f"short.txt has {len(characters)} characters")
    assert "`validation=0`" in message


@pytest.mark.parametrize("characters", ["", "a"])
def test_a_validation_text_that_is_too_short_is_named(characters):
    message = refusal(text("abc"), text(characters, "tiny.txt"))
    assert message.startswith("tiny.txt")


@property_of
@given(st.text("abc\n", max_size=60), st.floats(0, 1, exclude_max=True))
def test_a_split_loses_nothing_or_is_refused(characters, share):
    try:
        corpus = split(text(characters), share)
    except TextError:
        return
    assert "".join(decoded(corpus)) == characters
    assert abs(len(corpus.validation) - share * len(characters)) <= 0.5
    assert len(set(decoded(corpus)[0])) > 1
    assert (share > 0) == bool(corpus.validation.size)


def test_the_unseen_share_counts_validation_characters_that_training_lacks():
    assert split(text("ab"), text("abXaYXab")).unseen == 3 / 8


def test_nothing_is_unseen_without_a_validation_part():
    assert split(text("abc"), 0).unseen == 0.0


def test_the_commonest_character_is_that_of_the_training_part():
    assert split(text("abbc"), text("ccccc")).commonest_character == "b"


def test_the_commonest_character_is_the_lowest_of_equals():
    assert split(text("cbcbaz"), 0).commonest_character == "b"


def test_the_vocabulary_of_a_model_is_kept():
    vocabulary = Vocabulary("zba\n")
    corpus = split(text("abbab" * 10), 0.1, vocabulary)
    assert corpus.vocabulary is vocabulary
    assert decoded(corpus) == ("abbab" * 9, "abbab")
    with pytest.raises(UnknownCharacterError, match="'X'"):
        split(text("abXb"), 0, vocabulary)


@pytest.mark.parametrize(
    ("known", "advice"), [("", r"is novel\.txt a text\?"), ("ΑΒΓ", "`drop_unused=True`")]
)
def test_a_vocabulary_that_no_checkpoint_can_have_is_refused(known, advice, monkeypatch):
    monkeypatch.setattr("chargen.text.corpus.MAX_CHARACTERS", 5)
    assert len(vocabulary_of([text("abc"), text("cde")])) == 5
    with pytest.raises(
        TextError, match=f"more than the 5 that a model can have: .*{advice}"
    ):
        vocabulary_of([text("abc"), text("defg")], known)
