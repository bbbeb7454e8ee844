"""What a model would write next, while a text is edited."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import tiny_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from item_models import item_engine

from chargen.errors import CheckpointError, UnknownCharacterError
from chargen.sampling import companion
from chargen.sampling.companion import LOOKAHEAD, Companion, Suggestion, next_word
from chargen.sampling.engine import Engine
from chargen.sampling.generate import generate
from chargen.sampling.options import Sampling
from chargen.text.policy import TextPolicy

CHARACTERS = "\n abcdeé"
MODEL = Engine.from_checkpoint(tiny_checkpoint(characters=CHARACTERS, units=7))
BOLD = Sampling(temperature=1.5, seed=4, unknown="nearest")


EDITS = st.tuples(
    *(st.integers(0, 40), st.integers(0, 9), st.text("ab\n", max_size=9), st.booleans())
)
"""Where, how many characters go, which ones come, and whether nobody waits for it."""


class Counted:
    """A model that counts what it reads, and may fail."""

    def __init__(self, model=MODEL):
        self._model, self.count = model, 0

    def __getattr__(self, name):
        return getattr(self._model, name)

    def step(self, ids, state):
        self.count += len(ids)
        return self._model.step(ids, state)


def said(text, sampling=BOLD, *, by=None):
    """Return all that a companion says in the end."""
    *_, last = (by or Companion(MODEL)).follow(text, sampling)
    return last


def odds_of(suggestions):
    """Return the odds of what comes next, which depend on all that was read."""
    return next(found.likeliest for found in suggestions if found.likeliest)


# --- what is written ---------------------------------------------------------------------


def test_at_the_beginning_it_is_what_generate_writes():
    written = "".join(generate(MODEL, "", seed=4, temperature=1.5, length=70))
    found = said("").continuation
    assert found.rstrip("\n") and written.startswith(found)


@pytest.mark.parametrize("text", ["a", "abc e\nde", "\n\n", "é" * 700])
def test_it_is_what_reading_and_drawing_step_by_step_gives(text):
    """Each character is drawn by the number that has its place in the seed's stream."""
    numbers, state = np.random.PCG64(4), MODEL.zero_state()
    numbers.random_raw(len(text))
    for character in text:
        logits, state = MODEL.step(MODEL.vocabulary.encode(character), state)
    expected = ""
    while not expected.endswith("\n") and len(expected) < 40:
        odds = np.exp((logits[0].astype(float) - logits[0].max()) / 1.5).cumsum()
        drawn = int((odds <= (numbers.random_raw() >> 11) * 2.0**-53 * odds[-1]).sum())
        expected += CHARACTERS[drawn]
        logits, state = MODEL.step(np.array([drawn], np.int32), state)
    assert said(text).continuation[:40] == expected


def test_it_stays_when_its_beginning_is_typed_and_comes_back_when_that_is_undone():
    by = Companion(MODEL)
    first = said("ab", by=by).continuation
    assert len(first) > 3
    for size in (1, 2, len(first) - 1, 3, 0):
        rest = first[size:]
        assert said("ab" + first[:size], by=by).continuation.startswith(rest)
    assert said("ab", by=by).continuation == first


def test_another_seed_or_temperature_gives_another_one():
    others = [
        BOLD,
        Sampling(temperature=1.5, seed=5),
        Sampling(temperature=0, seed=4),
        Sampling(temperature=1.5, seed=4, forbid="\n"),
    ]
    by = Companion(MODEL)
    assert len({said("abc", each, by=by).continuation for each in others}) == 4


def test_it_ends_with_the_line_and_the_newline_belongs_to_it():
    for seed in range(20):
        found = said("a", Sampling(temperature=1.5, seed=seed)).continuation
        assert found.find("\n") in (-1, len(found) - 1)
        assert found.endswith("\n") or len(found) >= LOOKAHEAD


def test_a_long_one_ends_where_a_word_does():
    sampling = Sampling(temperature=1.5, seed=4, forbid="\n")
    found = said("a", sampling).continuation
    following = said("a" + found, sampling).continuation
    assert len(found) >= LOOKAHEAD and following.startswith(" ")
    endless = said("a", Sampling(temperature=1.5, seed=4, forbid="\n ")).continuation
    assert len(endless) == companion.LONGEST


def test_the_likeliest_characters_are_those_that_generate_would_draw_from():
    found = said("abc")
    expected = generate(MODEL, "abc", BOLD).likeliest(companion.LIKELIEST)
    assert found.likeliest == tuple(expected)
    assert sum(odds for _, odds in found.likeliest) == pytest.approx(1)


# --- what is read ------------------------------------------------------------------------


def test_of_a_text_that_grew_only_what_is_new_is_read():
    model, text = Counted(), "abc de\n" * 500
    by = Companion(model)
    said(text, by=by)
    for more in ("a", "ab", "abc", "ab"):  # the last is a backspace
        before = model.count
        assert odds_of(by.follow(text + more, BOLD)) == odds_of(
            Companion(MODEL).follow(text + more, BOLD)
        )
        assert model.count - before <= 3


def test_of_a_text_that_was_changed_far_back_the_beginning_is_not_read_again():
    model, text = Counted(), "abc de\n" * 500
    by = Companion(model)
    said(text, by=by)
    before = model.count
    said(text[:3000] + "e" + text[3000:3100], by=by)
    assert model.count - before < companion.STRIDE + 100 + companion.LONGEST
    before = model.count
    said(text[:10], by=by)  # the cursor goes up, and down again
    said(text[:3000], by=by)
    assert model.count - before < companion.STRIDE + 2 * companion.LONGEST + 20


def test_a_reading_that_is_given_up_goes_on_later():
    model, text = Counted(), "abc de\n" * 500
    by = Companion(model)
    shares = [found.read for found in itertools.islice(by.follow(text, BOLD), 30)]
    assert shares == sorted(shares) and 0.5 < shares[-1] < 0.6
    before = model.count
    assert said(text, by=by) == said(text)
    assert model.count - before < len(text) - 1000 + companion.STRIDE


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.integers(0, 9),
            st.text("ab\n", max_size=9),
            st.booleans(),
        ),
        max_size=9,
    )
)
def test_whatever_is_edited_it_says_what_a_fresh_one_would(edits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(companion, "STRIDE", 4)
        patch.setattr(companion, "SLICE", 2)
        patch.setattr(companion, "RECENT", 3)
        by, text = Companion(MODEL), "abcde a\nb"
        for at, count, more, given_up in edits:
            text = text[:at] + more + text[at + count :]
            if given_up:
                next(itertools.islice(by.follow(text, BOLD), 2, None), None)
            else:
                found, fresh = by.follow(text, BOLD), Companion(MODEL).follow(text, BOLD)
                assert odds_of(found) == odds_of(fresh)


# --- characters that it never saw --------------------------------------------------------


def test_what_it_never_saw_is_read_as_the_nearest_and_else_not_at_all():
    found = said("aÉb中c")
    assert found.replaced == {"É": "é", "中": ""}
    assert found.likeliest == said("aébc").likeliest


def test_it_can_be_left_out_instead():
    found = said("aÉb", Sampling(temperature=1.5, seed=4, unknown="skip"))
    assert found.replaced == {"É": ""}
    assert found.likeliest == said("ab").likeliest


def test_a_mark_for_unknown_characters_is_read_where_there_is_no_nearest():
    model = item_engine("abc")
    found = said("a中", by=Companion(model))
    assert found.replaced == {}
    marked = generate(model, "a中", BOLD).likeliest(companion.LIKELIEST)
    assert found.likeliest == tuple(marked) != said("a", by=Companion(model)).likeliest


def test_a_text_is_prepared_as_the_corpus_was():
    checkpoint = tiny_checkpoint(
        characters=CHARACTERS, units=7, text=TextPolicy(normalize="nfc", lowercase=True)
    )
    model = Engine.from_checkpoint(checkpoint)
    found = said("ABE\u0301", by=Companion(model))
    assert found.text == "ABE\u0301" and not found.replaced
    assert found.likeliest == said("abé", by=Companion(model)).likeliest


# --- items -------------------------------------------------------------------------------


def items(documents="lines", **more):
    characters = "abc" if documents == "lines" else "abc\n"
    return Companion(item_engine(characters, documents=documents, **more))


def test_of_items_it_reads_the_last_one_alone():
    by = items(ends=-2)
    assert said("abc\nab", by=by).likeliest == said("ab", by=by).likeliest
    assert said("abc\nab", by=by).likeliest != said("abcab", by=by).likeliest


def test_it_ends_where_the_item_ends_and_the_next_one_is_another():
    by = items(ends=2)
    found = said("ab", by=by).continuation
    assert found.endswith("\n") and "\n" not in found[:-1]
    following = [said("\n" * place, by=by).continuation for place in range(8)]
    assert len(set(following)) > 1  # other places, other random numbers


@pytest.mark.parametrize(
    ("text", "rest"), [("ab", "\n\n"), ("ab\n", "\n"), ("ab\n\nb\n", "\n"), ("", "\n\n")]
)
def test_a_blank_line_between_items_is_completed(text, rest):
    by = items("blank-lines", ends=1e9)
    assert said(text, by=by).continuation == rest


@pytest.mark.parametrize("documents", ["files", "column"])
def test_items_that_may_have_several_lines_are_not_cut_at_one(documents):
    by = items(documents, ends=1e9)
    assert said("ab\n", by=by).continuation == ""
    by = items(documents)
    assert said("ab\na", by=by).likeliest != said("a", by=by).likeliest


def test_a_label_is_read_before_each_item():
    model = item_engine("abc\t", label=True)
    expected = generate(model, "b\tac", BOLD).likeliest(companion.LIKELIEST)
    assert said("c\nac", by=Companion(model, label="b")).likeliest == tuple(expected)
    with pytest.raises(UnknownCharacterError, match="the label has a character"):
        Companion(item_engine("abc\t", label=True, unknown=False), label="x")


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(ValueError, match="`label` is for models whose items have labels"):
        Companion(MODEL, label="a")
    backward = Engine.from_checkpoint(
        tiny_checkpoint(text=TextPolicy(direction="backward"))
    )
    with pytest.raises(ValueError, match="writes from the end"):
        Companion(backward)


def test_weights_that_are_not_finite_are_said():
    checkpoint = tiny_checkpoint(characters=CHARACTERS, scale=float("inf"))
    by = Companion(Engine.from_checkpoint(checkpoint))
    with pytest.raises(CheckpointError, match="too large to compute with"):
        said("abc", by=by)


# --- what is left of it, and words -------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "rest"),
    [("", "bcd"), ("b", "cd"), ("bcd", ""), ("c", ""), ("bcde", "")],
)
def test_the_rest_is_what_was_not_typed_yet(typed, rest):
    assert Suggestion("xa", continuation="bcd").rest("xa" + typed) == rest


@pytest.mark.parametrize("text", ["", "x", "xb", "ya", "xabc"])
def test_nothing_is_left_for_another_text(text):
    assert Suggestion("xab", continuation="bcd").rest(text) == ""


@pytest.mark.parametrize(
    ("continuation", "word"),
    [
        ("", ""),
        ("he sea, my", "he"),
        (" sea, my", " sea,"),
        ("  don’t go", "  don’t"),
        (", and", ","),
        ("...\n", "..."),
        ("\n", "\n"),
        ("\n\n", "\n\n"),
        (" \n", " \n"),
        ("12.5%", "12.5%"),
        ("明月，光", "明"),
        ("月，光", "月，"),
        ("。」他", "。」"),
        ("「月」光", "「"),
        (" OK 月", " OK"),
        ("OK月", "OK"),
        ("ひらがな", "ひ"),
        ("안녕 하세요", "안녕"),
    ],
)
def test_the_next_word(continuation, word):
    assert next_word(continuation) == word
