"""Parts of a text: stretches and items, read from anywhere as if they were at hand."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text import encoded as encoding
from chargen.text import parts as module
from chargen.text.encoded import Encoder, encode_text
from chargen.text.parts import (
    NOWHERE,
    Items,
    Joined,
    Plain,
    Stretch,
    blocks,
    ids_of_codes,
    occurring,
)
from chargen.text.vocabulary import Vocabulary

property_of = settings(max_examples=60, deadline=None, derandomize=True)

ITEMS = ["ab", "c", "中文a", "b\nb", "cab", "aa"]
VOCABULARY = Vocabulary("\nabc中文", end=True)


@contextlib.contextmanager
def text_of(items, *, on_disk=False):
    encoder = Encoder()
    with pytest.MonkeyPatch.context() as patch:
        if on_disk:
            patch.setattr(encoding, "IN_MEMORY", 0)
        for item in items:
            encoder.add_item(item, item)
        found = encoder.finish([])
    assert found.on_disk is on_disk
    try:
        yield found
    finally:
        if on_disk:
            found.codes.close()


def laid_out(items, vocabulary=VOCABULARY, *, backward=False):
    """What a part of items is to be: their ids, each ended by the mark."""
    items = [item[::-1] for item in items] if backward else items
    return [i for item in items for i in [*vocabulary.encode(item), vocabulary.end]]


def items_of(text, chosen, *, backward=False):
    """The items of a text, by number."""
    ids = ids_of_codes(text, VOCABULARY)
    return Items(text, ids, np.array(chosen, np.int64), backward=backward)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("chosen", [[0, 1, 2, 3, 4, 5], [5, 0, 3], [2], []])
def test_items_in_some_order_are_those_texts_with_their_marks(chosen, backward, on_disk):
    with text_of(ITEMS, on_disk=on_disk) as text:
        part = items_of(text, chosen, backward=backward)
        expected = laid_out([ITEMS[i] for i in chosen], backward=backward)
        assert part.read().tolist() == expected
        assert part.read().dtype == np.int32
        assert len(part) == len(expected)
        assert part.count == len(chosen)
        assert [*part.texts(labelled=False)] == [ITEMS[i] for i in chosen]


@property_of
@given(
    st.lists(st.text("abc\n中文", min_size=1, max_size=6), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
    st.integers(0, 90),
    st.integers(0, 90),
    st.booleans(),
    st.booleans(),
)
def test_any_window_of_items_is_that_of_the_whole(
    items, random, start, length, backward, on_disk
):
    chosen = random.sample(range(len(items)), random.randint(0, len(items)))
    with text_of(items, on_disk=on_disk) as text:
        part = items_of(text, chosen, backward=backward)
        expected = laid_out([items[i] for i in chosen], backward=backward)
        found = part.read(start, start + length).tolist()
        assert found == expected[start : start + length]
        assert part.read(start).tolist() == expected[start:]


@property_of
@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 40),
    st.integers(0, 40),
    st.booleans(),
)
def test_any_window_of_a_stretch_is_that_of_the_whole(begin, size, start, length, backward):
    characters = "abc中文\n" * 10
    text = encode_text(characters)
    ids = ids_of_codes(text, VOCABULARY)
    part = Stretch(text, ids, begin, begin + size, backward=backward)
    expected = VOCABULARY.encode(characters[begin : begin + size])
    expected = expected[::-1] if backward else expected
    assert len(part) == size
    assert part.read(start, start + length).tolist() == [*expected[start : start + length]]
    assert part.read(start).tolist() == [*expected[start:]]
    assert part.read().dtype == np.int32


@pytest.mark.parametrize("in_memory", [0, 2**20])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 60])
def test_before_a_stretch_stands_what_is_read_before_it(count, in_memory, monkeypatch):
    monkeypatch.setattr(encoding, "IN_MEMORY", in_memory)
    characters = "".join("abc中文"[n * n % 5] for n in range(60))
    text = encode_text(characters)
    ids = ids_of_codes(text, VOCABULARY)
    forward = Stretch(text, ids, 10, 50).before(count)
    backward = Stretch(text, ids, 10, 50, backward=True).before(count)
    if text.on_disk:
        text.codes.close()
    known = characters[:10][max(0, 10 - count) :]
    follows = characters[50:][:count]
    assert VOCABULARY.decode(forward) == known
    assert VOCABULARY.decode(backward) == follows[::-1]
    assert forward.dtype == backward.dtype == np.int32


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("start", [0, 5, 30, 31, 40])
def test_a_stretch_on_disk_ends_where_one_in_memory_ends(start, backward, monkeypatch):
    one = encode_text("abcab" * 12)
    monkeypatch.setattr(encoding, "IN_MEMORY", 0)
    other = encode_text("abcab" * 12)
    ids = ids_of_codes(one, VOCABULARY)
    found = [
        Stretch(text, ids, 10, 40, backward=backward).read(start, start + 20)
        for text in (one, other)
    ]
    other.codes.close()
    assert found[0].tolist() == found[1].tolist()
    assert len(found[0]) == max(0, min(20, 30 - start))


def test_labels_are_left_out_where_there_are_some():
    with text_of(["x\tab", "y\tc\tb"]) as text:
        part = Items(text, ids_of_codes(text, VOCABULARY), np.array([1, 0]))
        assert [*part.texts(labelled=True)] == ["c\tb", "ab"]


def test_items_are_named_and_shuffled_alike_in_both_directions():
    with text_of(ITEMS) as text:
        parts = [items_of(text, [4, 0, 3], backward=each) for each in (False, True)]
        shuffled = [part.shuffled(np.random.default_rng(1)) for part in parts]
        assert shuffled[0].chosen.tolist() == shuffled[1].chosen.tolist()
        assert [*shuffled[0].texts(labelled=False)] == [*shuffled[1].texts(labelled=False)]
        expected = laid_out([ITEMS[i] for i in shuffled[1].chosen], backward=True)
        assert shuffled[1].read().tolist() == expected


def test_shuffled_items_are_the_same_items():
    items = [f"{'ab' * n}" for n in range(1, 40)]
    with text_of(items) as text:
        part = Items(text, ids_of_codes(text, VOCABULARY), np.arange(39))
        one, other = (part.shuffled(np.random.default_rng(seed)) for seed in (1, 2))
        again = part.shuffled(np.random.default_rng(1))
    assert one.chosen.tolist() == again.chosen.tolist() != other.chosen.tolist()
    assert sorted(one.chosen) == list(range(39)) != one.chosen.tolist()
    assert part.chosen.tolist() == list(range(39))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_what_stands_before_a_part_is_read_like_it(count):
    before = np.arange(count, dtype=np.int32)
    whole = Joined(before, Plain(np.arange(count, 10, dtype=np.uint8)))
    assert len(whole) == 10
    for start in range(11):
        for stop in (*range(start, 11), None):
            found = whole.read(start, stop)
            assert found.tolist() == list(range(10))[start:stop]
    assert whole.read().dtype == np.int32


def test_blocks_are_the_whole_part(monkeypatch):
    monkeypatch.setattr(module, "SCANNED", 4)
    found = [block.tolist() for block in blocks(Plain(np.arange(10)))]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [*blocks(module.NOTHING)] == []


def test_ids_of_codes_are_those_that_the_vocabulary_gives():
    text = encode_text("ab中Xé")
    ids = ids_of_codes(text, Vocabulary("中ba"))
    assert ids[text.read(0, 5)].tolist() == [2, 1, 0, NOWHERE, NOWHERE]
    assert ids[encoding.END] == NOWHERE
    marked = Vocabulary("中ba", end=True, unknown=True)
    ids = ids_of_codes(text, marked)
    assert ids[text.read(0, 5)].tolist() == [2, 1, 0, marked.unknown, marked.unknown]
    assert ids[encoding.END] == marked.end


def test_an_end_mark_without_an_id_is_no_unknown_character():
    text = encode_text("ab")
    assert ids_of_codes(text, Vocabulary("a", unknown=True))[encoding.END] == NOWHERE


def test_occurring_characters_are_sorted_and_have_no_marks():
    with text_of(["b中", "aé"]) as text:
        assert occurring(text) == "abé中"
    assert occurring(encode_text("")) == ""
