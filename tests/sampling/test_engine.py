"""The forward pass in NumPy; that it computes what Keras does is tested with Keras."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from helpers import CHARACTERS, tiny_checkpoint, write_run

from chargen.errors import CheckpointError
from chargen.model.cells import CELLS
from chargen.sampling.draw import Uniforms, draw
from chargen.sampling.engine import Engine, load
from chargen.sampling.generate import generate
from chargen.sampling.options import Sampling
from chargen.sampling.rules import apply_rules
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

cells = pytest.mark.parametrize("cell", CELLS)
depths = pytest.mark.parametrize("layers", [1, 2])


def engine(cell="lstm", **parts):
    return Engine.from_checkpoint(tiny_checkpoint(cell, **parts))


def read(model, text, state=None):
    """Read a text; return the logits (n, V) of each next character, and the state."""
    state, rows = model.zero_state() if state is None else state, []
    for i in model.vocabulary.encode(text):
        logits, state = model.step(np.array([i]), state)
        rows.append(logits[0])
    return np.array(rows), state


@depths
@cells
def test_a_state_can_be_gone_on_with_twice(cell, layers):
    model = engine(cell, layers=layers)
    _, state = read(model, "abc, de")
    before = copy.deepcopy(state._layers)
    one, _ = read(model, "bad", state)
    read(model, "中中中", state)
    other, _ = read(model, "bad", state)
    np.testing.assert_array_equal(one, other)
    for now, then in zip(state._layers, before, strict=True):
        np.testing.assert_array_equal(now, then)


def of_items(cell="lstm", **parts):
    """The engine of a text made of items, whose end mark is the last id."""
    vocabulary = Vocabulary(CHARACTERS, end=True)
    return engine(cell, characters=CHARACTERS + "$", vocabulary=vocabulary, **parts)


@depths
@cells
def test_an_end_mark_is_read_from_a_zero_state(cell, layers):
    model = of_items(cell, layers=layers)
    end = np.array([model.vocabulary.end])
    expected, zero = model.step(end, model.zero_state())
    for text in ("abc", "中中 \n", ""):
        _, state = read(model, text)
        before = copy.deepcopy(state._layers)
        logits, after = model.step(end, state)
        np.testing.assert_array_equal(logits, expected)
        for now, then in zip(state._layers, before, strict=True):
            np.testing.assert_array_equal(now, then)  # what was passed in is as it was
        one, _ = read(model, "bad", after)
        other, _ = read(model, "bad", zero)
        np.testing.assert_array_equal(one, other)


@depths
@cells
def test_an_end_mark_ends_no_item_beside_it(cell, layers):
    model = of_items(cell, layers=layers)
    end = model.vocabulary.end
    ids = np.array([[1, 2, end, 3], [end, 4, 5, end], [6, 7, 8, 9]])
    state, alone = model.zero_state(3), [model.zero_state() for _ in ids]
    _, state = model.step(np.array([5, 6, 7]), state)
    for row in range(3):
        _, alone[row] = model.step(np.array([5 + row]), alone[row])
    for t in range(4):
        logits, state = model.step(ids[:, t], state)
        for row in range(3):
            expected, alone[row] = model.step(ids[row, t : t + 1], alone[row])
            np.testing.assert_allclose(logits[row], expected[0], rtol=1e-5, atol=1e-5)
            assert logits.dtype == expected.dtype == np.float32


@depths
@cells
def test_texts_side_by_side_do_not_mix(cell, layers):
    model = engine(cell, layers=layers)
    texts = ["abcd", "dead", "中, a", "\n\n\n\n"]
    ids = np.array([model.vocabulary.encode(text) for text in texts])
    state = model.zero_state(len(texts))
    for t in range(4):
        logits, state = model.step(ids[:, t], state)
        assert logits.shape == (4, len(CHARACTERS))
        assert logits.dtype == np.float32
        for row, text in zip(logits, texts, strict=True):
            alone, _ = read(model, text[: t + 1])
            np.testing.assert_allclose(row, alone[-1], rtol=1e-5, atol=1e-5)


@depths
@cells
def test_a_text_is_what_reading_and_drawing_step_by_step_gives(cell, layers):
    model = engine(cell, layers=layers)
    seed_text, uniforms, expected = "abé“ 中\n", Uniforms(5), ""
    logits, state = read(model, seed_text)
    logits = logits[-1:]
    for _ in range(60):
        made = apply_rules(logits, [[]], Sampling(temperature=0.9))
        drawn = draw(made[0], uniforms.next())
        expected += CHARACTERS[drawn]
        logits, state = model.step(np.array([drawn], np.int32), state)
    written = generate(model, seed_text, length=60, temperature=0.9, seed=5)
    assert "".join(written) == expected


def test_a_text_starts_from_a_newline():
    model = engine(training={"commonest_character": "a"})
    assert model.vocabulary.characters[model.start_id] == "\n"


def test_an_item_starts_from_the_end_mark():
    model = of_items(training={"commonest_character": "a"})
    assert model.start_id == model.vocabulary.end == len(CHARACTERS)


def test_a_mark_for_unknown_characters_starts_nothing_and_ends_nothing():
    vocabulary = Vocabulary("fabcde", unknown=True)
    model = engine(characters="fabcde$", vocabulary=vocabulary)
    assert model.start_id == 0
    unknown = vocabulary.encode("X")
    _, state = read(model, "abc")
    logits, _ = model.step(unknown, state)
    assert (logits != model.step(unknown, model.zero_state())[0]).any()


@pytest.mark.parametrize(
    ("commonest", "start"), [("d", "d"), (None, "f"), ("X", "f"), (5, "f"), ("", "f")]
)
def test_without_a_newline_a_text_starts_from_the_commonest_or_the_first(commonest, start):
    training = {} if commonest is None else {"commonest_character": commonest}
    model = engine(characters="fabcde", training=training)
    assert model.vocabulary.characters[model.start_id] == start


def test_a_model_says_what_it_is():
    assert repr(engine("gru", units=7, layers=2)) == (
        f"Engine(GRU, 2 × 7 units, {len(CHARACTERS)} characters)"
    )
    assert repr(of_items("rnn")) == (  # a mark is no character
        f"Engine(SimpleRNN, 1 × 5 units, {len(CHARACTERS)} characters)"
    )


def test_a_model_knows_how_its_text_was_read():
    policy = TextPolicy(normalize="nfc", documents="lines")
    assert engine(text=policy).policy == policy
    checkpoint = tiny_checkpoint()
    model = Engine(checkpoint.model, checkpoint.vocabulary, checkpoint.weights)
    assert model.policy == TextPolicy()


@pytest.mark.parametrize("change", ["missing", "unknown", "of another shape"])
def test_wrong_weights_are_refused(change):
    checkpoint = tiny_checkpoint()
    weights = dict(checkpoint.weights)
    if change == "missing":
        del weights["dense.bias"]
    elif change == "unknown":
        weights["dense.gain"] = weights["dense.bias"]
    else:
        weights["dense.bias"] = weights["dense.bias"][:-1]
    with pytest.raises(ValueError, match="weights must have the shapes"):
        Engine(checkpoint.model, checkpoint.vocabulary, weights)


def test_weights_that_are_too_large_compute_without_a_warning():
    checkpoint = tiny_checkpoint()
    weights = {k: np.full_like(array, 3e38) for k, array in checkpoint.weights.items()}
    logits, _ = read(Engine(checkpoint.model, checkpoint.vocabulary, weights), "abc")
    assert not np.isfinite(logits).all()


def test_a_run_is_loaded_by_its_best_checkpoint(tmp_path):
    folder = write_run(tmp_path / "run", 1, 2).folder
    for name in (folder, str(folder)):
        expected, _ = read(engine(seed=1), "abc")
        np.testing.assert_array_equal(read(load(name), "abc")[0], expected)


def test_what_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load(tmp_path / "nowhere")
