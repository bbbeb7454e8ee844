"""The shape of a text: its length, stop strings, lines, acrostics; dead ends."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from item_models import item_engine

from chargen.errors import UnknownCharacterError
from chargen.sampling.generate import generate
from chargen.sampling.method import Method, longest
from chargen.sampling.options import Sampling
from chargen.text.vocabulary import Vocabulary
from sampling.test_generate import CHARACTERS, Remembers

wild = settings(max_examples=60, deadline=None, derandomize=True)


class Script(Remembers):
    """A model that is all but sure of the next character of a text, which it repeats."""

    def __init__(self, text, characters=CHARACTERS, **policy):
        super().__init__(characters, start=characters[0], **policy)
        self.text = text

    def step(self, ids, state):
        _, after = super().step(ids, state)
        logits = np.zeros((len(ids), len(self.vocabulary)), np.float32)
        for row, (count, _) in zip(logits, after, strict=True):
            row[self.vocabulary.encode(self.text[(count - 1) % len(self.text)])] = 50
        return logits, after


def written(model, seed_text="", **options):
    text = generate(model, seed_text, **{"seed": 1, **options})
    return "".join(text), text.ended


# --- stop strings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "keep", "expected"),
    [
        (("c",), False, "ab"),
        (("c",), True, "abc"),
        (("cd", "d"), False, "ab"),  # both end at the same place: the first that was given
        (("d", "cd"), False, "abc"),
        (("bc", "abcd"), False, "a"),  # the one that is complete first
        (("de\na",), False, "abc"),
        (("de\na",), True, "abcde\na"),
        ("ea", False, "abcde\nabcde\nab"),  # never: the length ends it
    ],
)
def test_a_stop_string_ends_a_text_across_borders_of_characters(stop, keep, expected):
    text, ended = written(Script("abcde\n"), stop=stop, keep_stop=keep, length=14)
    assert text == expected
    assert ended is (stop != "ea")


def naive(text, stops, keep):
    """What is left of a text, by looking at every beginning of it."""
    for end in range(1, len(text) + 1):
        for stop in stops:
            if text[:end].endswith(stop):
                return text[:end] if keep else text[: end - len(stop)]
    return text


@wild
@given(
    st.integers(0, 10**6),
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3),
    st.booleans(),
)
def test_stop_strings_cut_where_a_search_of_the_whole_text_would(seed, stops, keep):
    model = Remembers("abc", start="a")
    whole, _ = written(model, seed=seed, length=40)
    found, _ = written(model, seed=seed, length=40, stop=tuple(stops), keep_stop=keep)
    assert found == naive(whole, stops, keep)


def test_what_was_held_back_is_written_when_the_length_ends_a_text():
    assert written(Script("abcde\n"), stop="cdX".replace("X", "é"), length=4)[0] == "abcd"


def test_a_stop_string_in_the_seed_text_ends_nothing():
    text, ended = written(Script("abcde\n"), "ab", stop="abc", length=5)
    assert (len(text), ended) == (5, False)


def test_a_stop_string_is_prepared_as_the_corpus_was():
    model = Script("abcde\n", lowercase=True)
    assert written(model, stop="C")[0] == "ab"


def test_a_stop_string_that_cannot_occur_is_an_error_of_the_call():
    for model in (Remembers(), item_engine(unknown=True)):
        with pytest.raises(UnknownCharacterError, match="a stop string has a character"):
            generate(model, stop=("a", "X"))


def test_a_backward_model_stops_before_the_string_that_it_reads_from_its_end():
    model = Script("abcde\n", direction="backward")
    assert written(model, stop="dc")[0] == "ab"  # last character first


# --- lines --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"), [(1, "ab"), (2, "ab\n"), (3, "ab\n\ncd"), (4, "ab\n\ncd\nab")]
)
def test_a_text_ends_after_so_many_lines(lines, expected):
    assert written(Script("ab\n\ncd\n"), lines=lines) == (expected, True)


def test_lines_need_a_newline_in_the_vocabulary():
    with pytest.raises(ValueError, match="`lines` is for texts of several lines"):
        generate(item_engine(), lines=2)


def test_a_shaped_text_may_be_longer_than_an_unshaped_one(monkeypatch):
    assert longest(Remembers(), Sampling()) == 500
    for shape in ({"lines": 3}, {"stop": "a"}, {"acrostic": "ab"}):
        assert longest(Remembers(), Sampling(**shape)) == 10_000
    assert longest(item_engine(), Sampling()) == 10_000
    assert longest(item_engine(), Sampling(length=7, lines=3)) == 7
    text, ended = written(Script("ab\n"), lines=1000, length=20)
    assert (len(text), ended) == (20, False)


# --- acrostics ----------------------------------------------------------------------------


@wild
@given(st.integers(0, 10**6), st.text("abcdeé中😀", min_size=1, max_size=6))
def test_the_lines_of_an_acrostic_begin_with_its_letters(seed, word):
    text, ended = written(Remembers(), seed=seed, acrostic=word)
    assert ended
    lines = text.split("\n")
    assert "".join(line[0] for line in lines) == word


def test_blanks_of_an_acrostic_are_no_letters():
    text, _ = written(Remembers(), acrostic=" a b\n")
    assert [line[0] for line in text.split("\n")] == ["a", "b"]


def test_for_a_letter_that_the_model_lacks_it_reads_the_nearest_one():
    strange, known = (written(Remembers(), acrostic=word)[0] for word in ("ä”", "a“"))
    assert strange[0] == "ä"
    assert strange.replace("ä", "a", 1).replace("”", "“", 1) == known


def test_a_letter_with_no_nearest_one_is_written_and_not_read():
    generation = generate(Remembers(), acrostic="XaX", seed=1)
    costs = [(character, generation.nats) for character in generation]
    text = "".join(character for character, _ in costs)
    assert [line[0] for line in text.split("\n")] == ["X", "a", "X"]
    assert all(math.isnan(nats) == (character == "X") for character, nats in costs)
    first = text.split("\n")[0]
    assert written(Remembers(), lines=1)[0] == first[1:]


def test_an_item_does_not_end_before_the_last_letter():
    model = item_engine("\nab", documents="blank-lines", ends=2, unknown=False)
    for seed in range(20):
        text, ended = written(model, acrostic="abab", seed=seed)
        assert [line[0] for line in text.split("\n")] == [*"abab"]
        assert ended


@pytest.mark.parametrize(
    ("seed_text", "options", "message"),
    [
        ("ab", {"acrostic": "ab"}, "a seed text has to end with a newline"),
        ("", {"acrostic": "ab", "forbid": "b"}, "`forbid` excludes 'b' of `acrostic`"),
        ("", {"forbid": CHARACTERS}, "`forbid` leaves no character"),
    ],
)
def test_a_shape_that_cannot_be_is_an_error_of_the_call(seed_text, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        generate(Remembers(), seed_text, **options)


@pytest.mark.parametrize("shape", [{"acrostic": "ab"}, {"pattern": "a+"}])
def test_a_backward_model_is_not_shaped_from_the_beginning(shape):
    with pytest.raises(ValueError, match="needs a model that writes forwards"):
        generate(Remembers(direction="backward"), **shape)


def test_a_seed_text_that_ends_a_line_may_come_before_an_acrostic():
    text, _ = written(Remembers(), "abc\n", acrostic="de")
    assert [line[0] for line in text.split("\n")] == ["d", "e"]


# --- forbidden characters and dead ends ---------------------------------------------------


def test_forbidden_characters_are_not_written_and_unknown_ones_do_no_harm():
    text, _ = written(Remembers(), forbid="aeX", length=400)
    assert set(text) == set(CHARACTERS) - set("ae")


def test_a_biased_character_is_likelier_or_less_likely():
    plain, more, less = (
        written(Remembers(), bias={"a": value}, length=400)[0].count("a")
        for value in (0, 2, -2)
    )
    assert less < plain / 2 < plain * 2 < more


def test_a_bias_for_a_character_that_the_model_lacks_is_an_error():
    with pytest.raises(UnknownCharacterError, match="`bias` has a character"):
        generate(Remembers(), bias={"X": 1})


class Never:
    """A guard that lets nothing follow a certain id."""

    def __init__(self, vocabulary, last):
        self.size, self.last = len(vocabulary), vocabulary.encode(last)[0]

    def copies(self, history):
        found = np.zeros((len(history), self.size), bool)
        for row, ids in zip(found, history, strict=True):
            row[:] = bool(ids) and ids[-1] == self.last
        return found


def test_a_text_ends_where_nothing_is_left_to_draw():
    model = Script("abc")
    text, ended = written(model, guard=Never(model.vocabulary, "c"))
    assert (text, ended) == ("abc", False)


def test_the_random_seed_is_drawn_once_for_all_texts(monkeypatch):
    monkeypatch.setattr("chargen.sampling.method.random_seed", lambda: 7)
    assert Method(Remembers(), Sampling()).seed == 7
    assert Method(Remembers(), Sampling(seed=0)).seed == 0


def test_ids_after_the_characters_are_marks():
    method = Method(item_engine(), Sampling())
    assert method.end == len(method.characters)
    assert method.newline is None
    assert Vocabulary("abc", end=True).end == method.end
