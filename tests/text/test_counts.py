"""The loss of plain counts, against a slow model of dictionaries."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text import counts
from chargen.text.parts import Plain
from chargen.text.sources import BUNDLED_CORPORA
from chargen.text.vocabulary import Vocabulary

property_of = settings(max_examples=60, deadline=None, derandomize=True)

texts = st.lists(st.integers(0, 3), min_size=1, max_size=60)


def ids(values):
    return np.array(values, np.int32)


def floor(train, scored, size, context=()):
    return counts.floor(*map(Plain, (train, scored)), size, context=Plain(ids(context)))


class Reference:
    """Modified Kneser-Ney as the paper has it, one n-gram at a time."""

    def __init__(self, train, size, order=8):
        self.size, self.order = size, order
        n = len(train)
        circle = [tuple(train[(i - j) % n] for j in range(order, -1, -1)) for i in range(n)]
        self.counts = [None] * (order + 1)
        self.counts[order] = Counter(gram[-order:] for gram in circle)
        for k in range(order - 1, 0, -1):
            self.counts[k] = Counter(gram[1:] for gram in self.counts[k + 1])

    def discount(self, k, count):
        kinds = Counter(self.counts[k].values())
        y = kinds[1] / max(1, kinds[1] + 2 * kinds[2])
        c = min(count, 3)
        d = c - (c + 1) * y * kinds[c + 1] / kinds[c] if kinds[c] else 0.75 * c
        return min(max(d, 0.1), 0.95 * c)

    def probability(self, known, character, k=None):
        k = min(self.order, len(known) + 1) if k is None else k
        if k == 0:
            return 1 / self.size
        lower = self.probability(known, character, k - 1)
        context = tuple(known[len(known) - k + 1 :])
        after = {g[-1]: c for g, c in self.counts[k].items() if g[:-1] == context}
        if not after:
            return lower
        kept = after.get(character, 0)
        kept -= self.discount(k, kept) if kept else 0
        left = sum(self.discount(k, c) for c in after.values())
        return (kept + left * lower) / sum(after.values())

    def loss(self, known, scored):
        whole = [*known, *scored]
        each = [
            -math.log(self.probability(whole[:i], whole[i]))
            for i in range(len(known), len(whole))
        ]
        return sum(each) / len(each)


@property_of
@given(texts, texts, st.lists(st.integers(0, 4), max_size=10))
def test_it_is_what_a_slow_model_says(train, scored, known):
    expected = Reference(train, 6).loss(known, scored)
    found = floor(ids(train), ids(scored), 6, context=ids(known))
    assert found == pytest.approx(expected, rel=1e-9)


@property_of
@given(texts, st.lists(st.integers(0, 4), max_size=10))
def test_the_probabilities_of_what_may_come_next_add_up_to_one(train, known):
    losses = [floor(ids(train), ids([c]), 6, context=ids(known)) for c in range(6)]
    assert sum(math.exp(-loss) for loss in losses) == pytest.approx(1, rel=1e-9)


def test_a_character_that_was_not_counted_has_a_loss_that_is_finite():
    train = ids([0, 1] * 50)
    unseen = floor(train, ids([2]), 3, context=train)
    assert floor(train, ids([0]), 3, context=train) < 0.1 < unseen < 20


def test_a_large_vocabulary_fits():
    size = 2**17 + 2
    train = np.arange(size, dtype=np.int32)
    assert floor(train, ids([5]), size, context=ids(range(5))) < math.log(size) / 2


def test_of_a_long_text_the_end_is_counted(monkeypatch):
    random = np.random.default_rng(0)
    train, scored = random.integers(4, size=(2, 90), dtype=np.int32)
    whole, end = floor(train, scored, 4), floor(train[-40:], scored, 4)
    monkeypatch.setattr(counts, "MOST_COUNTED", 40)
    assert floor(train, scored, 4) == end != whole


def test_of_a_long_text_evenly_spaced_pieces_are_scored(monkeypatch):
    monkeypatch.setattr(counts, "MOST_SCORED", 48)
    random = np.random.default_rng(0)
    train, scored, known = random.integers(4, size=(3, 200), dtype=np.int32)
    slow, whole = Reference(train.tolist(), 4), [*known.tolist(), *scored.tolist()]
    starts = [200 + int(i * 197 / 15) for i in range(16)]
    assert starts[0] == 200 and starts[-1] + 3 == 400
    assert min(b - a for a, b in pairwise(starts)) == 13
    expected = np.mean([slow.loss(whole[:s], whole[s : s + 3]) for s in starts])
    assert floor(train, scored, 4, context=known) == pytest.approx(expected, rel=1e-9)


def test_the_first_piece_may_have_nothing_before_it(monkeypatch):
    monkeypatch.setattr(counts, "MOST_SCORED", 16)
    train, scored = ids([0, 1, 2, 3] * 5), ids([3, 2, 1, 0] * 10)
    slow, whole = Reference(train.tolist(), 4), scored.tolist()
    places = [int(i * 39 / 15) for i in range(16)]
    expected = np.mean([slow.loss(whole[:p], whole[p : p + 1]) for p in places])
    assert floor(train, scored, 4) == pytest.approx(expected, rel=1e-9)


def test_the_figure_of_a_real_text():
    text = (BUNDLED_CORPORA / "harbour-plays.txt").read_text("utf-8")
    vocabulary = Vocabulary.from_text(text)
    train, scored = np.split(vocabulary.encode(text), [len(text) - len(text) // 10])
    loss = floor(train, scored, len(vocabulary), context=train)
    assert loss == pytest.approx(1.3076, abs=5e-4)


@pytest.mark.parametrize(("train", "scored"), [([], [0]), ([0], [])])
def test_nothing_to_count_or_to_score_is_refused(train, scored):
    with pytest.raises(ValueError, match="takes a text to count"):
        floor(ids(train), ids(scored), 2)
