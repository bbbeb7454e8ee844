"""What stands in a corpus, compared with what Python's own `in` says."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.sampling import copies
from chargen.sampling.copies import BASE, PRIME, CopyGuard, CopyIndex
from chargen.text.vocabulary import Vocabulary

wild = settings(max_examples=60, deadline=None, derandomize=True)

repetitive = st.text("ab", max_size=40)
corpora = st.lists(repetitive, max_size=4)
windows = st.integers(1, 7)


def stands(text, texts):
    return any(text in each for each in texts)


def windows_of(texts, size):
    return {text[i : i + size] for text in texts for i in range(len(text) - size + 1)}


def index_of(texts, window):
    return CopyIndex.of([[text] for text in texts], window)


def random_text(count, characters="abcdefgh", seed=0):
    codes = np.random.default_rng(seed).integers(0, len(characters), count)
    return "".join(characters[code] for code in codes)


def thue_morse(levels):
    """Return the Thue-Morse word of 2**levels letters."""
    text = "a"
    for _ in range(levels):
        text += text.translate(str.maketrans("ab", "ba"))
    return text


# --- the index --------------------------------------------------------------------------


@wild
@given(st.lists(st.text(max_size=30), max_size=3), windows)
def test_windows_stand_for_what_is_documented(texts, window):
    expected = set()
    for *before, last in windows_of(texts, window):
        total = sum(ord(c) * BASE**i for i, c in enumerate(before)) % PRIME
        expected.add(total % 2**43 * 2**21 + ord(last))
    assert index_of(texts, window).numbers.tolist() == sorted(expected)


@wild
@given(corpora, windows)
def test_each_window_is_counted_once(texts, window):
    assert len(index_of(texts, window)) == len(windows_of(texts, window))


@wild
@given(st.data(), corpora, windows, st.integers(1, 9))
def test_it_makes_no_difference_where_a_text_is_cut(data, texts, window, piece):
    cut = []
    for text in texts:
        places = data.draw(st.lists(st.integers(0, len(text)), max_size=9).map(sorted))
        cut.append([text[a:b] for a, b in pairwise([0, *places, len(text)])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "PIECE", piece)
        found = CopyIndex.of(map(iter, cut), window)
    assert found.numbers.tolist() == index_of(texts, window).numbers.tolist()


def test_windows_reach_across_blocks_but_not_across_texts():
    assert index_of(["ab", "cd", ""], 2).spans("abcd") == [(0, 2), (2, 4)]
    assert CopyIndex.of([["ab", "", "cd"]], 2).spans("abcd") == [(0, 4)]


@pytest.mark.parametrize("texts", [[], [[]], [["", ""], []], [["ab"], ["a", "b"]]])
def test_nothing_as_long_as_a_window_is_nothing_to_copy(texts):
    index = CopyIndex.of(texts, 3)
    assert len(index) == 0
    assert index.spans("abcabc") == []
    assert not CopyGuard(index, Vocabulary("abc")).copies([[0, 1]]).any()


def test_a_window_without_characters_is_refused():
    with pytest.raises(ValueError, match="`window` must be at least 1; got 0"):
        CopyIndex.of([["ab"]], 0)


def test_a_text_of_many_pieces():
    text = random_text(3 * copies.PIECE + 17)
    index = CopyIndex.of([[text[:9], text[9:50_000], text[50_000:]]], 21)
    assert len(index) == len(text) - 20
    assert index.spans(text) == [(0, len(text))]
    place = 2 * copies.PIECE
    other = f"{text[:place]}!{text[place + 1 :]}"
    assert index.spans(other) == [(0, place), (place + 1, len(text))]


def test_many_short_texts_are_told_apart():
    texts = [random_text(30, seed=i) for i in range(2_000)]
    index = index_of(texts, 20)
    assert len(index) == 2_000 * 11
    assert all(index.spans(text) == [(0, 30)] for text in texts[::100])
    assert index.spans("".join(texts[:3])) == [(0, 30), (30, 60), (60, 90)]


@pytest.mark.parametrize("window", [2, 3, 64, 1_000, 2_048])
def test_a_regular_text_is_not_taken_for_another(window):
    text = thue_morse(13)
    assert len(index_of([text], window)) == len(windows_of([text], window))
    word = thue_morse(11)
    other = word.translate(str.maketrans("ab", "ba"))
    assert index_of([word], 2_048).spans(other) == []


def test_what_is_not_in_the_corpus_is_not_taken_for_it():
    index = index_of([random_text(50_000, "abcd")], 8)
    for characters in ("efgh", "ABCD", "\0\1\2\3", "中文字典"):
        assert index.spans(random_text(50_000, characters, seed=1)) == []


@wild
@given(st.lists(st.integers(0, 2**61 + 6), min_size=1), st.integers(0, 2**61 + 6))
def test_products_are_exact(numbers, other):
    numbers += [0, 1, PRIME - 1, PRIME, PRIME + 1, 2**61 + 6, 2**32 - 1, 2**32]
    for factor in (other, PRIME - 1, 2**61 + 6):
        found = copies._product(np.array(numbers, np.uint64), np.array([factor], np.uint64))
        assert found.tolist() == [number * factor % PRIME for number in numbers]


# --- spans ------------------------------------------------------------------------------


@wild
@given(corpora, repetitive, windows)
def test_spans_are_what_windows_of_the_corpus_cover(texts, text, window):
    starts = [
        i for i in range(len(text) - window + 1) if stands(text[i : i + window], texts)
    ]
    covered = [any(i <= place < i + window for i in starts) for place in range(len(text))]
    joined = [any(i < place < i + window for i in starts) for place in range(len(text))]
    expected = []
    for place in range(len(text)):
        if covered[place] and joined[place]:
            expected[-1][1] += 1
        elif covered[place]:
            expected.append([place, place + 1])
    assert index_of(texts, window).spans(text) == [tuple(span) for span in expected]


def test_spans_that_overlap_are_one_and_spans_that_touch_are_two():
    index = index_of(["abcd", "cdef", "ghij"], 4)
    assert index.spans("-abcdef-ghij") == [(1, 7), (8, 12)]
    assert index.spans("abcdghij") == [(0, 4), (4, 8)]


# --- the guard --------------------------------------------------------------------------

NAMED = "b\n😀a\0"
"""In no order. What is written knows these; corpora have a character more."""


@wild
@given(
    st.lists(st.text(f"{NAMED}x", max_size=30), max_size=4),
    st.lists(st.lists(st.integers(0, 6), max_size=9), max_size=4),
    st.integers(1, 4),
    st.sampled_from([list, deque, np.array]),
)
def test_what_completes_a_window_of_the_corpus_is_a_copy(texts, history, window, kind):
    vocabulary = Vocabulary(NAMED, end=True, unknown=True)
    shown = [*NAMED, "<end>", "<unknown>"]  # marks stand in no corpus
    guard = CopyGuard(index_of(texts, window), vocabulary)
    found = guard.copies([kind(ids) for ids in history])
    assert found.shape == (len(history), 7)
    assert found.dtype == bool
    for row, ids in zip(found, history, strict=True):
        last = [shown[i] for i in ids[len(ids) - window + 1 :]]
        enough = len(ids) >= window - 1
        expected = [enough and stands("".join([*last, c]), texts) for c in shown]
        assert row.tolist() == expected


@wild
@given(st.lists(repetitive, min_size=1, max_size=4), st.integers(2, 6), st.integers(0, 99))
def test_a_guarded_text_never_copies(texts, window, seed):
    vocabulary, random = Vocabulary("abc"), np.random.default_rng(seed)
    guard, ids = CopyGuard(index_of(texts, window), vocabulary), []
    while len(ids) < 60:
        left = np.flatnonzero(~guard.copies([ids])[0])  # "c" is always left
        ids.append(int(random.choice(left[:2])))
    text = vocabulary.decode(ids)
    assert not windows_of([text], window) & windows_of(texts, window)


def test_texts_side_by_side_count_each_by_its_own_end():
    guard = CopyGuard(index_of(["abcab"], 4), Vocabulary("abc"))
    long = [0] * 10_000
    history = [[], [*long, 0, 1, 2], [0, 1], [0, 1, 2, *long], [1, 2, 0]]
    expected = np.zeros((5, 3), bool)
    expected[1, 0] = expected[4, 1] = True
    assert (guard.copies(history) == expected).all()
