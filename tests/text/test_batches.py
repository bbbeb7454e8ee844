"""How the training part of a text is cut into batches.

Texts here are `range(n)`: every id is its own place, so that a window shows where it was
cut.
"""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text import batches as module
from chargen.text import encoded as encoding
from chargen.text.batches import WINDOWS, Shuffled, Streams
from chargen.text.encoded import Encoder, encode_text
from chargen.text.parts import Items, Plain, Stretch, ids_of_codes
from chargen.text.vocabulary import Vocabulary

property_of = settings(max_examples=60, deadline=None, derandomize=True)
tiny = st.integers(2, 40)
sizes = st.integers(1, 50)


def places(n):
    return np.arange(n, dtype=np.int32)


# Streams


def streams(n, *, batch_size=4, seq_length=5, seed=0):
    return Streams(
        Plain(places(n)), batch_size=batch_size, seq_length=seq_length, seed=seed
    )


def epoch_of(cut, epoch=0):
    first = epoch * cut.steps_per_epoch
    return [cut.batch(first + step) for step in range(cut.steps_per_epoch)]


def same(one, other):
    return (
        np.array_equal(one[0], other[0])
        and np.array_equal(one[1], other[1])
        and one[2] == other[2]
    )


def test_streams_have_the_size_that_was_asked_for():
    cut = streams(103)
    assert (cut.batch_size, cut.seq_length, cut.steps_per_epoch) == (4, 5, 5)
    inputs, targets, _ = cut.batch(0)
    assert inputs.shape == targets.shape == (4, 5)
    assert inputs.dtype == targets.dtype == np.int32


def test_stream_windows_are_consecutive_characters_on_the_circle():
    for inputs, _, _ in epoch_of(streams(103)):
        assert ((inputs[:, 1:] - inputs[:, :-1]) % 103 == 1).all()


def test_stream_targets_are_the_inputs_shifted_by_one_on_the_circle():
    cut = streams(40)
    wrapped = False
    for inputs, targets, _ in epoch_of(cut):
        np.testing.assert_array_equal(targets, (inputs + 1) % 40)
        wrapped |= bool((targets == 0).any())
    assert wrapped


def test_a_stream_goes_on_where_the_step_before_ended():
    cut = streams(103)
    for before, after in itertools.pairwise(epoch_of(cut)):
        np.testing.assert_array_equal(before[1][:, -1], after[0][:, 0])


def test_streams_are_fresh_at_the_start_of_an_epoch_only():
    cut = streams(103)
    fresh = [cut.batch(step)[2] for step in range(3 * cut.steps_per_epoch)]
    assert fresh == ([True] + [False] * (cut.steps_per_epoch - 1)) * 3


def test_no_character_comes_twice_in_an_epoch_of_streams():
    inputs = np.concatenate([batch[0].ravel() for batch in epoch_of(streams(103))])
    assert len(inputs) == len(np.unique(inputs)) == 100


def test_every_epoch_of_streams_begins_elsewhere():
    cut = streams(10_007)
    begins = {int(epoch_of(cut, epoch)[0][0][0, 0]) for epoch in range(8)}
    assert len(begins) == 8


def test_the_streams_of_a_batch_are_spread_evenly_over_the_text():
    begins = streams(111).batch(0)[0][:, 0]
    assert ((begins[1:] - begins[:-1]) % 111 == 27).all()


CUT = {"streams": Streams, "shuffled": partial(Shuffled, stride=1)}


@pytest.mark.parametrize("windows", WINDOWS)
class TestPurity:
    """A batch depends on the seed, the step and the text, and on nothing else."""

    def cut(self, windows, seed=0):
        return CUT[windows](Plain(places(211)), batch_size=4, seq_length=5, seed=seed)

    def test_steps_in_any_order_equal_steps_in_order(self, windows):
        cut = self.cut(windows)
        steps = range(3 * cut.steps_per_epoch)
        in_order = [cut.batch(step) for step in steps]
        for step in np.random.default_rng(0).permutation(steps):
            assert same(cut.batch(int(step)), in_order[step])

    def test_a_new_instance_gives_the_same_batch_at_once(self, windows):
        step = 2 * self.cut(windows).steps_per_epoch + 3
        cut = self.cut(windows)
        for before in range(step):
            cut.batch(before)
        assert same(self.cut(windows).batch(step), cut.batch(step))

    def test_another_seed_gives_other_batches(self, windows):
        one, other = self.cut(windows, seed=0), self.cut(windows, seed=1)
        assert not same(one.batch(0), other.batch(0))

    def test_the_largest_seed_is_taken(self, windows):
        assert self.cut(windows, seed=2**63 - 1).batch(10**6)[0].shape == (4, 5)

    def test_the_text_is_left_alone(self, windows):
        cut = self.cut(windows)
        inputs, targets, _ = cut.batch(0)
        inputs[:], targets[:] = -1, -1
        assert cut.batch(0)[0].min() >= 0


@property_of
@given(tiny, sizes, sizes, st.integers(0, 5))
def test_streams_shrink_to_what_a_tiny_text_can_fill(n, batch_size, seq_length, seed):
    cut = streams(n, batch_size=batch_size, seq_length=seq_length, seed=seed)
    assert 1 <= cut.batch_size <= batch_size
    assert 1 <= cut.seq_length <= min(seq_length, n - 1)
    assert cut.batch_size * cut.seq_length * cut.steps_per_epoch <= n
    for step in range(2 * cut.steps_per_epoch):
        inputs, targets, _ = cut.batch(step)
        assert inputs.shape == targets.shape == (cut.batch_size, cut.seq_length)
        assert ((inputs >= 0) & (inputs < n)).all()
        np.testing.assert_array_equal(targets, (inputs + 1) % n)


@property_of
@given(tiny, sizes, sizes)
def test_streams_are_not_smaller_than_they_must_be(n, batch_size, seq_length):
    cut = streams(n, batch_size=batch_size, seq_length=seq_length)
    assert cut.seq_length == min(seq_length, n - 1)
    fits_one_more = (cut.batch_size + 1) * cut.seq_length <= n
    assert cut.batch_size == batch_size or not fits_one_more


# Shuffled windows


def shuffled(n, *, batch_size=4, seq_length=5, stride=1, seed=0):
    return Shuffled(
        Plain(places(n)),
        batch_size=batch_size,
        seq_length=seq_length,
        stride=stride,
        seed=seed,
    )


def starts_of(cut, epoch=0):
    return np.concatenate([inputs[:, 0] for inputs, _, _ in epoch_of(cut, epoch)])


def test_shuffled_windows_are_always_fresh():
    cut = shuffled(103)
    assert all(cut.batch(step)[2] for step in range(3 * cut.steps_per_epoch))


def test_shuffled_windows_are_consecutive_characters_and_never_wrap():
    cut = shuffled(103)
    for step in range(5 * cut.steps_per_epoch):
        inputs, targets, _ = cut.batch(step)
        np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(5))
        np.testing.assert_array_equal(targets, inputs + 1)


def test_shuffled_windows_reach_both_ends_of_the_text():
    cut = shuffled(50)
    starts = np.concatenate([starts_of(cut, epoch) for epoch in range(60)])
    assert starts.min() == 0
    assert starts.max() == 50 - 5 - 1


@pytest.mark.parametrize("stride", [2, 3, 5, 12])
def test_shuffled_windows_start_at_multiples_of_the_stride(stride):
    starts = starts_of(shuffled(503, stride=stride))
    assert (starts % stride == 0).all()
    assert (starts % (2 * stride) != 0).any()


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_no_window_comes_twice_in_a_shuffled_epoch(stride):
    cut = shuffled(503, stride=stride)
    for epoch in range(3):
        starts = starts_of(cut, epoch)
        assert len(np.unique(starts)) == len(starts)


def test_shuffled_windows_are_in_random_order():
    starts = starts_of(shuffled(503))
    assert (np.diff(starts) < 0).mean() > 0.3


def test_every_shuffled_epoch_has_another_order():
    cut = shuffled(503)
    assert len({tuple(starts_of(cut, epoch)) for epoch in range(6)}) == 6


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_a_shuffled_epoch_trains_about_as_many_characters_as_the_text_has(stride):
    cut = shuffled(2011, stride=stride)
    trained = cut.steps_per_epoch * cut.batch_size * cut.seq_length
    assert 2011 - 2 * 4 * 5 < trained <= 2011


def test_a_stride_beyond_the_window_visits_every_window():
    cut = shuffled(2000, stride=10)
    assert sorted(starts_of(cut)) == list(range(0, 2000, 10))


@property_of
@given(tiny, sizes, sizes, st.integers(1, 60), st.integers(0, 5))
def test_shuffled_shrink_to_what_a_tiny_text_can_fill(
    n, batch_size, seq_length, stride, seed
):
    cut = shuffled(
        n, batch_size=batch_size, seq_length=seq_length, stride=stride, seed=seed
    )
    assert 1 <= cut.batch_size <= batch_size
    assert cut.seq_length == min(seq_length, n - 1)
    for epoch in range(2):
        starts = starts_of(cut, epoch)
        assert len(np.unique(starts)) == len(starts)
        assert len(starts) * cut.seq_length <= n
        for inputs, targets, _ in epoch_of(cut, epoch):
            assert inputs.shape == targets.shape == (cut.batch_size, cut.seq_length)
            assert inputs.min() >= 0
            assert targets.max() < n
            np.testing.assert_array_equal(targets, inputs + 1)


def test_a_random_order_too_large_to_be_drawn_visits_no_window_twice(monkeypatch):
    monkeypatch.setattr(module, "MANY", 100)
    for n in (503, 504, 1000, 1031):
        cut = shuffled(n, seq_length=1, batch_size=3)
        for epoch in range(3):
            starts = starts_of(cut, epoch)
            assert len(np.unique(starts)) == len(starts) == (n - 1) // 3 * 3
        assert (starts_of(cut) != starts_of(cut, 1)).any()
        assert 0.2 < (np.diff(starts_of(cut)) < 0).mean() < 0.8
        in_order = [cut.batch(step) for step in range(20)]
        assert all(same(cut.batch(step), in_order[step]) for step in reversed(range(20)))


# Items


NAMES = [f"{'abc'[n % 3] * (n % 5 + 1)}{n}" for n in range(40)]
VOCABULARY = Vocabulary("0123456789abc", end=True)


def encoded(names=NAMES, text=""):
    """A text of items, or a running one."""
    encoder = Encoder()
    encoder.add(text)
    for name in names:
        encoder.add_item(name, name)
    return encoder.finish([])


def items_of(text, vocabulary=VOCABULARY):
    ids = ids_of_codes(text, vocabulary)
    return Items(text, ids, np.arange(len(text.hashes)))


def passed(part, epoch=0, seed=0):
    """What one stream with no left-over reads in an epoch, from an item's beginning on."""
    cut = Streams(part, batch_size=1, seq_length=1, seed=seed)
    assert cut.steps_per_epoch == len(part)
    ids = np.concatenate([inputs.ravel() for inputs, _, _ in epoch_of(cut, epoch)])
    first = int(np.flatnonzero(ids == VOCABULARY.end)[0]) + 1
    return np.roll(ids, -first)


def names_in(ids):
    ends = np.flatnonzero(ids == VOCABULARY.end)
    return [VOCABULARY.decode(each) for each in np.split(ids, ends + 1)][: len(ends)]


def test_a_pass_over_items_is_each_of_them_once_whole_and_ended():
    ids = passed(items_of(encoded()))
    assert ids[-1] == VOCABULARY.end
    assert sorted(names_in(ids)) == sorted(NAMES)


def test_items_come_in_another_order_in_each_epoch_and_for_each_seed():
    part = items_of(encoded())
    orders = [names_in(passed(part, *which)) for which in ((0, 0), (1, 0), (0, 1))]
    turned = [set(itertools.pairwise(order)) for order in orders]
    assert len(turned[0] & turned[1]) < 10
    assert len(turned[0] & turned[2]) < 10
    assert names_in(passed(items_of(encoded()), 1, 0)) == orders[1]


@pytest.mark.parametrize("windows", WINDOWS)
class TestItems:
    def cut(self, windows, text=None, seed=0):
        part = items_of(text or encoded())
        return CUT[windows](part, batch_size=3, seq_length=7, seed=seed)

    def test_a_state_is_reset_after_each_end_mark_and_nowhere_else(self, windows):
        """What follows an end mark begins an item; nothing else does."""
        firsts = {name[0] for name in NAMES}
        cut = self.cut(windows)
        for step in range(2 * cut.steps_per_epoch):
            inputs, targets, _ = cut.batch(step)
            np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
            after = targets[inputs == VOCABULARY.end]
            assert set(VOCABULARY.decode(after)) <= firsts
            for row in np.concatenate([inputs, targets[:, -1:]], axis=1):
                for name in names_in(row)[1:]:
                    assert name in NAMES

    def test_steps_in_any_order_equal_steps_in_order(self, windows):
        cut = self.cut(windows)
        steps = range(3 * cut.steps_per_epoch)
        in_order = [cut.batch(step) for step in steps]
        for step in np.random.default_rng(0).permutation(steps):
            assert same(cut.batch(int(step)), in_order[step])
        assert same(self.cut(windows).batch(steps[-1]), in_order[-1])

    @pytest.mark.parametrize("names", [NAMES, []], ids=["items", "a running text"])
    def test_where_the_text_is_kept_makes_no_difference(self, windows, names, monkeypatch):
        one = encoded(names, "".join(NAMES) * (not names))
        monkeypatch.setattr(encoding, "IN_MEMORY", 0)
        other = encoded(names, "".join(NAMES) * (not names))
        assert (one.on_disk, other.on_disk) == (False, True)
        cuts = []
        for text in (one, other):
            ids = ids_of_codes(text, VOCABULARY)
            part = items_of(text) if names else Stretch(text, ids, 0, len(text))
            cuts.append(CUT[windows](part, batch_size=3, seq_length=7, seed=5))
        for step in range(2 * cuts[0].steps_per_epoch + 1):
            assert same(cuts[0].batch(step), cuts[1].batch(step))
        other.codes.close()


# Backward


STORY = "".join("abc0123456789"[n * n % 13] for n in range(211))


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("kind", ["a running text", "items", "items on disk"])
def test_a_backward_text_is_cut_as_the_reversed_text_is(kind, windows, monkeypatch):
    """So that what is learned of it is the same, to the last bit."""
    parts = []
    for turned in (False, True):
        step = -1 if turned else 1
        if kind == "a running text":
            text = encode_text(STORY[::step])
            ids = ids_of_codes(text, VOCABULARY)
            parts.append(Stretch(text, ids, 0, len(text), backward=not turned))
        else:
            if kind == "items on disk":
                monkeypatch.setattr(encoding, "IN_MEMORY", 0)
            text = encoded([name[::step] for name in NAMES])
            ids = ids_of_codes(text, VOCABULARY)
            parts.append(Items(text, ids, np.arange(len(NAMES)), backward=not turned))
            assert text.on_disk is (kind == "items on disk")
    cuts = [CUT[windows](part, batch_size=3, seq_length=7, seed=5) for part in parts]
    for step in range(2 * cuts[0].steps_per_epoch + 1):
        assert same(cuts[0].batch(step), cuts[1].batch(step))
    for part in parts:
        if part.text.on_disk:
            part.text.codes.close()
