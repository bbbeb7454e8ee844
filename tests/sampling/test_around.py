"""Texts around a word: what comes before it, what comes after it, and that it occurs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from item_models import item_engine

from chargen.errors import UnknownCharacterError
from chargen.sampling.around import BEGINNINGS, CHOICE, LEFTWARD, generate_around
from chargen.sampling.draw import Uniforms
from chargen.sampling.evaluate import evaluate
from chargen.sampling.generate import generate
from sampling.test_generate import Remembers


def around(word, count=8, **options):
    models = Remembers(), Remembers(direction="backward")
    found = generate_around(*models, word, **{"seed": 1, "count": count, **options})
    return list(found)


@pytest.mark.parametrize("word", ["a", "bad", "中 é"])
def test_every_text_contains_the_word_in_one_line(word):
    found = around(word)
    assert len(found) == 8
    assert len({sample.text for sample in found}) > 4
    for sample in found:
        assert word in sample.text
        assert "\n" not in sample.text
        assert sample.text.startswith(sample.seed_text)
        assert sample.seed_text.endswith(word)
        assert len(sample.text) == len(sample.seed_text) + len(sample.nats)


def beginnings(word, number):
    """What the backward model writes before a word, and what that costs it."""
    for j in range(BEGINNINGS):
        left = generate(Remembers(direction="backward"), word, seed=1, lines=1)
        left._draft.uniforms = Uniforms(1, LEFTWARD + number * BEGINNINGS + j)
        costs = [(character, left.nats) for character in left]
        text = "".join(character for character, _ in costs)[::-1] + word
        yield text, sum(nats for _, nats in costs)


def test_what_comes_before_a_word_is_chosen_by_what_both_models_think_of_it():
    model = Remembers()
    for number, sample in enumerate(around("bad", 4)):
        found, odds = [], []
        for text, backward in beginnings("bad", number):
            forward = evaluate(model, text, context="\n")
            found.append(text)
            odds.append(np.exp(backward - forward.nats * forward.characters))
        uniform, reached = Uniforms(1, CHOICE + number).next(), np.cumsum(odds)
        place = next(i for i, c in enumerate(reached) if c > uniform * reached[-1])
        assert sample.seed_text == found[place]


def test_what_comes_after_is_what_the_model_writes_from_the_beginning_of_the_line():
    first = around("bad", 1)[0]
    text = "".join(generate(Remembers(), "\n" + first.seed_text, seed=1, lines=1))
    assert first.text == first.seed_text + text


def test_a_text_around_a_word_does_not_depend_on_how_many_there_are(monkeypatch):
    every = around("bad", 9)
    assert around("bad", 4) == every[:4]
    assert around("bad", 9, accept=lambda text: "a" in text) == every
    some = around("bad", 5, accept=lambda text: len(text) > 9)
    assert [s for s in around("bad", 60) if len(s.text) > 9][:5] == some


def test_a_stop_string_bounds_both_sides():
    for sample in around("bad", stop="c", length=400):
        assert sample.text.count("c") == 0
        assert sample.ended


def test_items_contain_the_word_as_a_whole():
    models = item_engine(ends=-1), item_engine(ends=-1, seed=1)
    models[1].policy = replace(models[1].policy, direction="backward")
    found = list(generate_around(*models, "ca", seed=1, count=5))
    assert all("ca" in sample.text and sample.ended for sample in found)


@pytest.mark.parametrize(
    ("word", "options", "message"),
    [
        ("", {}, "`containing` must be a text"),
        ("a", {"pattern": "a+"}, "`pattern` shapes a text from its beginning"),
        ("a", {"acrostic": "a"}, "`acrostic` shapes a text from its beginning"),
    ],
)
def test_what_cannot_be_around_a_word_is_an_error_of_the_call(word, options, message):
    with pytest.raises(ValueError, match=message):
        around(word, **options)


def test_around_a_word_the_directions_have_to_be_right():
    model, backward = Remembers(), Remembers(direction="backward")
    for pair in [(model, model), (backward, backward), (backward, model)]:
        with pytest.raises(ValueError, match="a forward and a backward model are needed"):
            generate_around(*pair, "a")
    with pytest.raises(UnknownCharacterError):
        generate_around(model, backward, "X")
