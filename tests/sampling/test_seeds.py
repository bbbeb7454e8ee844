"""Seed texts: how they are prepared, what unknown characters become, reading many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from item_models import item_engine

from chargen.errors import UnknownCharacterError
from chargen.sampling.generate import generate
from chargen.sampling.seeds import read_seeds, seed_text_of
from sampling.test_generate import Remembers

wild = settings(max_examples=40, deadline=None, derandomize=True)


def test_a_seed_text_is_prepared_as_the_corpus_was():
    model = Remembers(normalize="nfc", lowercase=True, newlines="any")
    seed = seed_text_of(model, "A\rE\u0301")
    assert seed.text == "a\né"
    assert seed.ids.tolist() == model.vocabulary.encode("a\né").tolist()
    assert seed.replaced == {}


def test_a_backward_model_reads_it_from_its_end():
    model = Remembers(direction="backward")
    seed = seed_text_of(model, "abc")
    assert seed.text == "abc"
    assert seed.ids.tolist() == model.vocabulary.encode("cba").tolist()


@pytest.mark.parametrize(
    ("text", "unknown", "found"),
    [
        ("aXb", "skip", "ab"),
        ("“a”", "skip", "“a"),
        ("Äb”", "nearest", "ab“"),
        ("ab", "nearest", "ab"),
        ("", "nearest", ""),
    ],
)
def test_unknown_characters_are_left_out_or_replaced(text, unknown, found):
    seed = seed_text_of(Remembers(), text, unknown=unknown)
    assert seed.text == found
    assert text.translate({ord(c): to for c, to in seed.replaced.items()}) == found
    assert set(seed.replaced) == set(text) - set(Remembers().vocabulary.characters)


@pytest.mark.parametrize("unknown", ["error", "nearest"])
def test_a_character_with_nothing_near_is_an_error(unknown):
    with pytest.raises(UnknownCharacterError, match="the seed text has a character"):
        seed_text_of(Remembers(), "aX", unknown=unknown)


def test_a_mark_takes_unknown_characters_unless_they_are_to_be_replaced():
    model = item_engine()
    assert seed_text_of(model, "aÄ").ids.tolist() == [0, model.vocabulary.unknown]
    assert seed_text_of(model, "aÄ", unknown="nearest").text == "aa"


def test_generate_obeys_unknown():
    one, other = (
        "".join(generate(Remembers(), text, unknown="nearest", seed=1, length=30))
        for text in ("Äb", "ab")
    )
    assert one == other


@wild
@given(st.lists(st.text("abc", max_size=6), min_size=1, max_size=6))
def test_seed_texts_read_side_by_side_are_read_as_each_alone(texts):
    for model in (Remembers("abc", start="a"), item_engine()):
        seeds = [seed_text_of(model, text) for text in texts]
        for seed, start in zip(seeds, read_seeds(model, seeds), strict=True):
            (alone,) = read_seeds(model, [seed])
            assert start.seed is seed
            assert start.last == alone.last
            logits = [
                model.step(np.array([each.last], np.int32), each.state)[0]
                for each in (start, alone)
            ]
            np.testing.assert_allclose(*logits, rtol=1e-5, atol=1e-6)
