"""The split, and how a text is cut into batches and laid out for scoring.

Most texts here are `range(n)`: every id is its own place, so that a window shows where it
was cut.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.batches import Shuffled, Streams, cut_windows
from chargen.text.corpus import SMALL_TEXT, split
from chargen.text.reading import Text
from chargen.text.scored import EVALUATION_STREAMS, WARM_UP, scored_streams
from chargen.training.settings import Settings

ALPHABET = "abcdefghijklmnopqrstuvwxyz\n"
property_of = settings(max_examples=60, deadline=None, derandomize=True)
tiny = st.integers(2, 40)
sizes = st.integers(1, 50)


def text(characters, name="novel.txt"):
    return Text(characters, name, "utf-8", len(characters), "0" * 64)


def letters(count):
    return "".join(itertools.islice(itertools.cycle(ALPHABET), count))


def places(n):
    return np.arange(n, dtype=np.int32)


def decoded(corpus):
    return corpus.vocabulary.decode(corpus.train), corpus.vocabulary.decode(
        corpus.validation
    )


def refusal(*arguments):
    with pytest.raises(TextError) as caught:
        split(*arguments)
    return str(caught.value)


# The split


@pytest.mark.parametrize(("share", "held_out"), [(0.2, 20), (0.01, 1), (0.9, 90)])
def test_the_last_part_of_a_text_is_held_out(share, held_out):
    characters = letters(100)
    train, validation = decoded(split(text(characters), share))
    assert train == characters[:-held_out]
    assert validation == characters[-held_out:]


@pytest.mark.parametrize("share", [0, 0.0])
def test_nothing_is_held_out_for_a_share_of_zero(share):
    corpus = split(text(letters(5000)), share)
    assert decoded(corpus) == (letters(5000), "")
    assert corpus.context.size == 0


@pytest.mark.parametrize(
    ("count", "held_out"), [(SMALL_TEXT - 1, 0), (SMALL_TEXT, 200), (5000, 500)]
)
def test_a_tenth_is_held_out_unless_the_text_is_short(count, held_out):
    corpus = split(text(letters(count)), None)
    assert len(corpus.validation) == held_out
    assert len(corpus.train) == count - held_out


def test_the_parts_are_int32():
    corpus = split(text(letters(3000)), 0.1)
    for ids in (corpus.train, corpus.validation, corpus.context):
        assert ids.dtype == np.int32


def test_the_vocabulary_is_that_of_both_parts():
    corpus = split(text("zyzyzyzyza"), 0.1)
    assert corpus.vocabulary.characters == ("a", "y", "z")


def test_a_text_of_its_own_is_held_out_whole():
    one, other = text(letters(60)), text("cabX", "other.txt")
    corpus = split(one, other)
    assert decoded(corpus) == (letters(60), "cabX")
    assert corpus.sources == (one, other)
    assert "X" in corpus.vocabulary


def test_a_text_of_its_own_has_no_context():
    assert split(text(letters(600)), text("cab")).context.size == 0


def test_the_context_is_what_precedes_the_validation_part():
    characters = letters(1000)
    corpus = split(text(characters), 0.1)
    context = corpus.vocabulary.decode(corpus.context)
    assert context == characters[900 - WARM_UP - 1 : 900]


def test_the_context_of_a_short_text_is_all_of_the_training_part():
    corpus = split(text(letters(100)), 0.1)
    assert corpus.vocabulary.decode(corpus.context) == letters(90)


def test_a_corpus_is_called_like_its_first_file():
    assert split(text("ab", "a.txt"), text("ba", "b.txt")).name == "a.txt"


@pytest.mark.parametrize("validation", [None, 0.1, text("ab")])
def test_an_empty_text_is_refused(validation):
    assert refusal(text("", "void.txt"), validation).startswith("void.txt is empty")


@pytest.mark.parametrize("validation", [None, 0, 0.1, text("ab")])
@pytest.mark.parametrize("characters", ["a", "\n" * 500])
def test_a_text_of_one_distinct_character_is_refused(characters, validation):
    message = refusal(text(characters, "dull.txt"), validation)
    assert message.startswith("dull.txt holds a single distinct character")
    assert ascii(characters[0]) in message


def test_a_training_part_of_one_distinct_character_is_refused():
    message = refusal(text("a" * 90 + "b" * 10, "dull.txt"), 0.1)
    assert "training part of dull.txt holds a single distinct character" in message


@pytest.mark.parametrize(
    ("characters", "share"), [("ab", 0.5), ("abc", 0.9), (letters(10), 0.01)]
)
def test_a_text_that_is_too_short_to_hold_out_is_refused(characters, share):
    message = refusal(text(characters, "short.txt"), share)
    assert message.startswith(f"short.txt has {len(characters)} characters")
    assert "--validation 0" in message


@pytest.mark.parametrize("characters", ["", "a"])
def test_a_validation_text_that_is_too_short_is_named(characters):
    message = refusal(text("abc"), text(characters, "tiny.txt"))
    assert message.startswith("tiny.txt")


@property_of
@given(st.text("abc\n", max_size=60), st.floats(0, 1, exclude_max=True))
def test_a_split_loses_nothing_or_is_refused(characters, share):
    try:
        corpus = split(text(characters), share)
    except TextError:
        return
    assert "".join(decoded(corpus)) == characters
    assert abs(len(corpus.validation) - share * len(characters)) <= 0.5
    assert len(set(decoded(corpus)[0])) > 1
    assert (share > 0) == bool(corpus.validation.size)


def test_the_unseen_share_counts_validation_characters_that_training_lacks():
    assert split(text("ab"), text("abXaYXab")).unseen == 3 / 8


def test_nothing_is_unseen_without_a_validation_part():
    assert split(text("abc"), 0).unseen == 0.0


def test_the_commonest_character_is_that_of_the_training_part():
    assert split(text("abbc"), text("ccccc")).commonest_character == "b"


def test_the_commonest_character_is_the_lowest_of_equals():
    assert split(text("cbcbaz"), 0).commonest_character == "b"


# Streams


def streams(n, *, batch_size=4, seq_length=5, seed=0):
    return Streams(places(n), batch_size=batch_size, seq_length=seq_length, seed=seed)


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


@pytest.mark.parametrize("windows", ["streams", "shuffled"])
class TestPurity:
    """A batch depends on the seed, the step and the text, and on nothing else."""

    def cut(self, windows, seed=0):
        return cut_windows(
            places(211), Settings(batch_size=4, seq_length=5, windows=windows, seed=seed)
        )

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
        places(n), batch_size=batch_size, seq_length=seq_length, stride=stride, seed=seed
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


def test_windows_are_cut_as_the_settings_ask():
    asked = {"batch_size": 3, "seq_length": 7, "stride": 4, "seed": 9}
    ids = places(300)
    cut = cut_windows(ids, Settings(windows="streams", **asked))
    assert isinstance(cut, Streams)
    assert same(cut.batch(5), Streams(ids, batch_size=3, seq_length=7, seed=9).batch(5))
    cut = cut_windows(ids, Settings(windows="shuffled", **asked))
    assert isinstance(cut, Shuffled)
    assert same(
        cut.batch(5), Shuffled(ids, batch_size=3, seq_length=7, stride=4, seed=9).batch(5)
    )


# Scored streams


@property_of
@given(st.integers(0, 5000), st.integers(0, 450))
def test_every_target_is_scored_once_and_warmed_up(n, before):
    context, ids = places(before), places(n) + before
    first = before if before else 1  # nothing precedes the very first character
    if first >= before + n:
        with pytest.raises(ValueError):
            scored_streams(ids, context)
        return
    laid_out = scored_streams(ids, context)
    inputs, targets, scored = laid_out.inputs, laid_out.targets, laid_out.scored
    assert inputs.shape == targets.shape == scored.shape
    assert len(inputs) <= EVALUATION_STREAMS
    np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(inputs.shape[1]))
    np.testing.assert_array_equal(targets, inputs + 1)
    assert sorted(targets[scored]) == list(range(first, before + n))
    assert laid_out.characters == before + n - first
    # How many characters a stream has read before the one that predicts the target.
    read = np.broadcast_to(np.arange(inputs.shape[1]), inputs.shape)
    assert (read >= np.minimum(WARM_UP, inputs))[scored].all()
    assert (scored[:, 1:] >= scored[:, :-1]).all()


@property_of
@given(st.integers(1, 5000), st.integers(WARM_UP + 1, 450))
def test_a_long_context_is_read_from_200_before_the_first_input_scored(n, before):
    laid_out = scored_streams(places(n) + before, places(before))
    assert laid_out.inputs.min() == before - WARM_UP - 1


def test_a_text_is_dealt_out_as_sixteen_streams():
    laid_out = scored_streams(places(50_000), places(0))
    assert laid_out.inputs.shape == (16, (49_999 + 15 * 200 + 15) // 16)
    assert laid_out.inputs.dtype == laid_out.targets.dtype == np.int32


def test_a_short_text_is_one_stream_scored_from_its_beginning():
    laid_out = scored_streams(places(150), places(0))
    assert laid_out.inputs.shape == (1, 149)
    assert laid_out.scored.all()


def test_one_character_after_a_context_is_scored():
    laid_out = scored_streams(np.array([7], np.int32), np.array([3], np.int32))
    assert laid_out.inputs.tolist() == [[3]]
    assert laid_out.targets.tolist() == [[7]]
    assert laid_out.characters == 1


@pytest.mark.parametrize(("n", "before"), [(0, 0), (1, 0), (0, 1), (0, 300)])
def test_nothing_to_score_is_refused(n, before):
    with pytest.raises(ValueError, match="nothing to score"):
        scored_streams(places(n), places(before))


def test_the_beginning_of_scored_streams_is_that_of_each_stream():
    whole = scored_streams(places(3000), places(100))
    part = whole.beginning(250)
    for name in ("inputs", "targets", "scored"):
        np.testing.assert_array_equal(
            getattr(part, name), getattr(whole, name)[:, :250], strict=True
        )
    assert part.characters == whole.scored[:, :250].sum() < whole.characters
