"""Whole texts: one stream of random numbers, refusals, labels, and the report card."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from item_models import item_engine

from chargen.errors import UnknownCharacterError
from chargen.sampling.draw import Uniforms
from chargen.sampling.generate import generate
from chargen.sampling.items import (
    Sample,
    TrainingItems,
    generate_texts,
    report_card,
    unrepeated,
    without_label,
)
from chargen.sampling.options import Sampling
from chargen.text.documents import item_hash
from sampling.test_generate import Remembers

wild = settings(max_examples=60, deadline=None, derandomize=True)


def texts(model, count, *, seed=1, **options):
    sampling = Sampling(seed=seed, **options.pop("sampling", {}))
    found = generate_texts(model, sampling, **options)
    return [sample.text for sample in itertools.islice(found, count)]


# --- drawing ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed_text", ["", "ab"])
def test_the_first_text_is_what_generate_gives(seed_text):
    for model in (item_engine(), Remembers("abc", start="a")):
        for seed in range(5):
            (first,) = texts(model, 1, seed=seed, seed_text=seed_text)
            assert first == seed_text + "".join(generate(model, seed_text, seed=seed))


def test_a_text_does_not_depend_on_how_many_are_asked_for():
    assert texts(item_engine(), 3) == texts(item_engine(), 20)[:3]
    assert len(set(texts(item_engine(), 20))) > 3


def test_all_come_from_one_stream_of_random_numbers(monkeypatch):
    taken = []

    class Counted(Uniforms):
        def next(self):
            taken.append(super().next())
            return taken[-1]

    monkeypatch.setattr("chargen.sampling.items.Uniforms", Counted)
    found = texts(item_engine(), 9, seed=3)
    plain = Uniforms(3)
    drawn = sum(len(text) + 1 for text in found)  # each with its end mark
    assert taken == [plain.next() for _ in range(drawn)]


def test_a_sample_says_whether_it_ended():
    drawn = generate_texts(item_engine(ends=-1), Sampling(seed=1, length=4))
    samples = list(itertools.islice(drawn, 50))
    assert {sample.ended for sample in samples} == {True, False}
    assert all(len(sample.text) == 4 for sample in samples if not sample.ended)
    assert all(len(sample.text) < 4 for sample in samples if sample.ended)


def test_running_texts_have_the_length_asked_for_and_do_not_end():
    model = Remembers()
    samples = generate_texts(model, Sampling(seed=1, length=30))
    first, second = itertools.islice(samples, 2)
    assert not first.ended
    assert len(first.text) == len(second.text) == 30
    assert first.text != second.text


def test_a_text_that_will_not_do_is_drawn_again():
    every = texts(item_engine(), 200)
    wanted = [text for text in every if len(text) > 1]
    assert 5 < len(wanted) < 150
    found = texts(item_engine(), 5, accept=lambda text: len(text) > 1)
    assert found == wanted[:5]


def test_the_seed_text_is_part_of_what_is_accepted():
    asked = []
    texts(item_engine(), 3, seed_text="ab", accept=lambda text: not asked.append(text))
    assert len(asked) == 3
    assert all(text.startswith("ab") for text in asked)


def test_after_100_refusals_in_a_row_no_more_are_drawn():
    asked = []

    def accept(text):
        asked.append(text)
        return len(asked) in (5, 105)

    assert len(texts(item_engine(), 9, accept=accept)) == 2  # 99 refusals were few enough
    assert len(asked) == 205


def test_repeats_are_refused():
    model = item_engine(ends=-1)
    found = texts(model, 30, accept=unrepeated())
    every = texts(model, 500)
    assert found == list(dict.fromkeys(every))[:30]
    assert len(set(every[:30])) < 30


def test_what_is_wrong_is_an_error_of_the_call():
    with pytest.raises(UnknownCharacterError, match="the seed text"):
        generate_texts(item_engine(unknown=False), seed_text="x")
    labelled = item_engine("\tab", label=True, unknown=False)
    with pytest.raises(UnknownCharacterError, match="the label"):
        generate_texts(labelled, label="x")
    with pytest.raises(ValueError, match="`label`"):
        generate_texts(item_engine(), label="a")


# --- labels -----------------------------------------------------------------------------


def test_a_label_that_is_asked_for_comes_before_the_item_and_is_no_part_of_it():
    model = item_engine("\tab", label=True, ends=-1)
    for seed in range(5):
        (found,) = texts(model, 1, seed=seed, label="ab", seed_text="b")
        assert found == "b" + "".join(generate(model, "ab\tb", seed=seed))


def test_a_label_that_is_not_asked_for_is_written():
    model = item_engine("\tab", label=True, ends=-1)
    assert texts(model, 5) == texts(item_engine("\tab", ends=-1), 5)


@pytest.mark.parametrize(
    ("text", "item"), [("a\tb", "b"), ("a\tb\tc", "b\tc"), ("\tb", "b"), ("ab", "")]
)
def test_a_label_ends_at_the_first_tab(text, item):
    assert without_label(text) == item


# --- the training items -----------------------------------------------------------------


@wild
@given(st.lists(st.text("abé中", max_size=4)), st.text("abé中", max_size=4))
def test_training_items_are_known_and_nothing_else_is(items, other):
    known = TrainingItems.of(items)
    assert all(item in known for item in items)
    assert (other in known) is (other in items)
    assert known.hashes.tolist() == sorted({item_hash(item) for item in items})


@wild
@given(st.lists(st.integers(0, 300), min_size=1, max_size=300))
def test_98_of_100_training_items_have_a_plausible_length(lengths):
    least, most = TrainingItems.of("a" * length for length in lengths).lengths
    assert least in lengths
    assert most in lengths
    below = sum(length < least for length in lengths)
    above = sum(length > most for length in lengths)
    assert max(below, above) <= len(lengths) / 100


def test_lengths_at_the_edges():
    lengths = [1, *[5] * 100, *[9] * 100, 50]
    assert TrainingItems.of("a" * length for length in lengths).lengths == (5, 9)
    assert TrainingItems.of(["abc"]).lengths == (3, 3)
    assert TrainingItems.of([]).lengths is None


# --- the report card --------------------------------------------------------------------

SAMPLES = [
    *(Sample("aa", True), Sample("aa", True), Sample("ab", True), Sample("b", True)),
    *(Sample("abab", True), Sample("aaaaaaa", False), Sample("", True), Sample("ab", True)),
]


def test_a_report_card():
    training = TrainingItems(np.array(sorted(map(item_hash, ["aa", "b", "x"]))), (2, 4))
    asked = []
    card = report_card(
        SAMPLES, training=training, check=lambda text: asked.append(text) or "b" in text
    )
    assert card.count == 8
    assert card.new == 5 / 8
    assert card.unique == 6 / 8
    assert card.plausible == 5 / 8  # not "b", not "", not what did not end
    assert card.lengths == (2, 4)
    assert card.ended == 7 / 8
    assert card.accepted == 4 / 8
    assert card.copied == ("aa", "b")
    assert card.rejected == ("aa", "aaaaaaa", "")
    assert asked == ["aa", "ab", "b", "abab", "aaaaaaa", ""]


def test_a_report_card_says_what_was_not_measured():
    card = report_card(SAMPLES)
    assert (card.new, card.accepted, card.lengths) == (None, None, None)
    assert card.plausible == card.ended == 7 / 8
    assert (card.copied, card.rejected) == ((), ())


def test_what_did_not_end_has_no_plausible_length():
    training = TrainingItems(np.zeros(0, np.uint64), (0, 9))
    assert report_card(SAMPLES, training=training).plausible == 7 / 8


def test_labels_do_not_count_as_parts_of_items():
    training = TrainingItems.of(["quartz"])
    samples = [Sample("oxide\tquartz", True), Sample("quartz\toxide", True)]
    card = report_card(samples, labelled=True, training=training)
    assert card.copied == ("oxide\tquartz",)
    assert card.lengths == (6, 6)
    assert card.plausible == 1 / 2
    assert report_card(samples, training=training).new == 1


def test_three_examples_are_shown():
    samples = [Sample(text, True) for text in "edcba"]
    card = report_card(samples, check=lambda text: text == "d")
    assert card.rejected == ("e", "c", "b")
