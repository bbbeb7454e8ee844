"""What is known of the training items, and the report card."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.sampling.items import TrainingItems, report_card
from chargen.sampling.texts import Sample
from chargen.text.documents import item_hash

wild = settings(max_examples=60, deadline=None, derandomize=True)


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
