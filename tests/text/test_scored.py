"""How a text is laid out for scoring.

Texts here are `range(n)`: every id is its own place.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text import encoded as encoding
from chargen.text.encoded import encode_text
from chargen.text.parts import Plain, Stretch, ids_of_codes
from chargen.text.scored import EVALUATION_STREAMS, WARM_UP, lay_out, scored_streams
from chargen.text.vocabulary import Vocabulary

property_of = settings(max_examples=60, deadline=None, derandomize=True)


def places(n):
    return np.arange(n, dtype=np.int32)


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
    layout = lay_out(Plain(places(3000)), places(100)).beginning(250)
    part = layout.window(0, 1000)
    for name in ("inputs", "targets", "scored"):
        np.testing.assert_array_equal(
            getattr(part, name), getattr(whole, name)[:, :250], strict=True
        )
    assert layout.characters == whole.scored[:, :250].sum() < whole.characters


@pytest.mark.parametrize("wanted", [1_000, 5_000, 10**6])
def test_what_is_scored_can_be_bounded_by_evenly_spaced_spans(wanted):
    whole = lay_out(Plain(places(50_000)), places(0))
    part = whole.within(wanted)
    assert part.starts == whole.starts
    assert abs(part.characters - min(wanted, 49_999)) <= WARM_UP
    gaps = np.diff(part.starts[:-1])
    assert gaps.max() - gaps.min() == 0


def test_windows_of_a_layout_are_cut_from_the_whole():
    layout = lay_out(Plain(places(3000)), places(100))
    whole = layout.window(0, layout.length)
    part = layout.window(100, 164)
    for name in ("inputs", "targets", "scored"):
        np.testing.assert_array_equal(
            getattr(part, name), getattr(whole, name)[:, 100:164], strict=True
        )


def test_where_the_text_is_kept_makes_no_difference(monkeypatch):
    characters = "".join(map(chr, np.random.default_rng(0).integers(97, 123, 9_000)))
    one = encode_text(characters)
    monkeypatch.setattr(encoding, "IN_MEMORY", 0)
    other = encode_text(characters)
    assert (one.on_disk, other.on_disk) == (False, True)
    vocabulary = Vocabulary.from_text(characters)
    context = vocabulary.encode(characters[:300])
    layouts = [
        lay_out(Stretch(text, ids_of_codes(text, vocabulary), 300, 8_000), context)
        for text in (one, other)
    ]
    assert layouts[0].starts == layouts[1].starts
    assert layouts[0].begins == layouts[1].begins
    for start in range(0, layouts[0].length, 100):
        windows = [layout.window(start, start + 100) for layout in layouts]
        for name in ("inputs", "targets", "scored"):
            np.testing.assert_array_equal(
                getattr(windows[0], name), getattr(windows[1], name), strict=True
            )
    other.codes.close()


@pytest.mark.parametrize("wanted", [1, 15, 100])
def test_a_bound_of_a_few_characters_scores_each_span_a_little(wanted):
    part = lay_out(Plain(places(50_000)), places(0)).within(wanted)
    assert part.characters >= wanted
    assert part.window(0, part.length).characters == part.characters
