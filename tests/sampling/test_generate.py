"""Generating text, with tiny random models."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from chargen.errors import UnknownCharacterError
from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.sampling.draw import Uniforms, choose
from chargen.sampling.engine import Engine
from chargen.sampling.generate import generate, random_seed
from chargen.text.vocabulary import Vocabulary

CHARACTERS = "\n abcdeé“中😀"


def engine(cell="lstm", *, characters=CHARACTERS, layers=1, **options):
    config = ModelConfig(cell=cell, units=4, layers=layers, embedding_size=3)
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(0, 1, shape).astype(np.float32)
        for name, shape in config.weight_shapes(len(characters)).items()
    }
    return Engine(config, Vocabulary(characters), weights, **options)


def written(model, seed_text="", **options):
    return "".join(generate(model, seed_text, **{"length": 60, "seed": 1, **options}))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_the_text_is_what_reading_and_choosing_step_by_step_gives(cell, layers):
    model = engine(cell, layers=layers)
    seed_text, uniforms, expected = "abé 中\n", Uniforms(5), ""
    state = model.zero_state()
    for character in seed_text:
        logits, state = model.step(model.vocabulary.encode(character), state)
    for _ in range(60):
        drawn = choose(logits[0], 0.9, uniforms)
        expected += CHARACTERS[drawn]
        logits, state = model.step(np.array([drawn], np.int32), state)
    assert written(model, seed_text, temperature=0.9, seed=5) == expected


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_gives_the_same_text(cell):
    assert written(engine(cell), "ab", seed=3) == written(engine(cell), "ab", seed=3)


def test_another_seed_gives_another_text():
    assert len({written(engine(), seed=seed) for seed in range(5)}) == 5


def test_one_model_writes_several_texts_at_a_time():
    model = engine()
    pairs = zip(
        generate(model, "a", length=40, seed=1),
        generate(model, "b", length=40, seed=2),
        strict=True,
    )
    one, two = ("".join(characters) for characters in zip(*pairs, strict=True))
    assert one == written(model, "a", length=40, seed=1)
    assert two == written(model, "b", length=40, seed=2)


@pytest.mark.parametrize("length", [0, 1, 2, 77])
def test_the_length_counts_new_characters(length):
    assert len(written(engine(), "abc", length=length)) == length


def test_a_longer_text_begins_like_a_shorter_one():
    assert written(engine(), length=50).startswith(written(engine(), length=20))


def test_500_characters_are_generated_where_no_length_is_given():
    assert sum(1 for _ in generate(engine(), seed=0)) == 500


def test_characters_come_one_by_one():
    text = generate(engine(), length=10**12, seed=1)
    assert "".join(itertools.islice(text, 60)) == written(engine())


def test_all_characters_are_of_the_vocabulary():
    text = written(engine(), length=500, temperature=1e6)
    assert set(text) == set(CHARACTERS)


def test_an_empty_seed_text_starts_from_a_newline():
    assert written(engine(), "") == written(engine(), "\n")
    assert written(engine(), "") != written(engine(), "a")


def test_an_empty_seed_text_starts_from_the_start_character_without_a_newline():
    model = engine(characters="abcdef", start="d")
    assert written(model, "") == written(model, "d")
    assert written(model, "") != written(model, "a")


def test_without_newline_and_start_character_a_text_starts_from_the_first():
    model = engine(characters="fabcde")
    assert written(model, "") == written(model, "f")


def test_the_seed_text_is_read_whole():
    model = engine("gru")
    logits = []
    for seed_text in ("aab", "bab"):
        logits.append(written(model, seed_text, length=200))
    assert logits[0] != logits[1]


def test_crlf_in_the_seed_text_is_a_newline():
    assert written(engine(), "a\r\nb") == written(engine(), "a\nb")


def test_temperature_zero_needs_no_luck():
    texts = {written(engine(), "a", temperature=0, seed=seed) for seed in range(5)}
    assert len(texts) == 1


def test_without_a_seed_one_is_drawn(monkeypatch):
    monkeypatch.setattr(sys.modules["chargen.generate"], "random_seed", lambda: 7)
    assert written(engine(), seed=None) == written(engine(), seed=7)


def test_seed_zero_is_a_seed(monkeypatch):
    monkeypatch.setattr(sys.modules["chargen.generate"], "random_seed", lambda: 7)
    assert written(engine(), seed=0) != written(engine(), seed=7)


def test_random_seeds_are_short_and_differ():
    seeds = [random_seed() for _ in range(100)]
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert len(set(seeds)) > 90


# Errors are raised by the call: nothing here asks for a character.


def test_an_unknown_character_of_the_seed_text_is_an_error_of_the_call():
    with pytest.raises(UnknownCharacterError) as caught:
        generate(engine(), "abX")
    message = str(caught.value)
    assert message.startswith("the seed text has a character that the model never saw")
    assert "'X' (U+0058 LATIN CAPITAL LETTER X): once at character 3" in message


def test_an_undecodable_byte_of_the_command_line_is_an_unknown_character():
    with pytest.raises(UnknownCharacterError, match=r"U\+DCE9"):
        generate(engine(), "caf\udce9")


def test_a_negative_length_is_an_error_of_the_call():
    with pytest.raises(
        ValueError, match=r"`length` must be a whole number, at least 0; got -1"
    ):
        generate(engine(), length=-1)


@pytest.mark.parametrize("temperature", [-0.5, float("nan"), float("inf")])
def test_a_bad_temperature_is_an_error_of_the_call(temperature):
    with pytest.raises(ValueError, match="`temperature`"):
        generate(engine(), temperature=temperature)


def test_a_negative_seed_is_an_error_of_the_call():
    with pytest.raises(ValueError):
        generate(engine(), seed=-1)
