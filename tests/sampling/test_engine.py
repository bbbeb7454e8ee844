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
from chargen.sampling.rules import Chain
from chargen.system.blas import OneThread
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


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def plain_step(checkpoint, i, state):
    """One text, one character, in float64, as textbooks have it; in Keras's layout."""
    weights = {name: array.astype(float) for name, array in checkpoint.weights.items()}
    x, after = weights["embedding"][i], []
    for layer, (h, *c) in enumerate(state):
        kernel, recurrent, bias = (
            weights[f"rnn.{layer}.{part}"]
            for part in ("kernel", "recurrent_kernel", "bias")
        )
        if checkpoint.model.cell == "rnn":
            new = [np.tanh(x @ kernel + h @ recurrent + bias)]
        elif checkpoint.model.cell == "lstm":
            i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
            memory = sigmoid(f) * c[0] + sigmoid(i) * np.tanh(g)
            new = [sigmoid(o) * np.tanh(memory), memory]
        else:
            z, r, n = np.split(x @ kernel + bias[0], 3)
            own_z, own_r, own_n = np.split(h @ recurrent + bias[1], 3)
            update = sigmoid(z + own_z)
            candidate = np.tanh(n + sigmoid(r + own_r) * own_n)
            new = [update * h + (1 - update) * candidate]
        after.append(new)
        x = new[0]
    x = x @ weights["dense.kernel"]
    if checkpoint.model.tied:
        x = x @ weights["embedding"].T
    return x + weights["dense.bias"], after


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("texts", [1, 2, 3, 4, 7, 11])
@depths
@cells
def test_a_step_computes_the_equations(cell, layers, texts, halves, tied, monkeypatch):
    checkpoint = tiny_checkpoint(cell, layers=layers, tied=tied)
    model, random = Engine.from_checkpoint(checkpoint), np.random.default_rng(texts)
    state, count = model.zero_state(texts), 2 if cell == "lstm" else 1
    plain = [[[np.zeros(5)] * count] * layers for _ in range(texts)]
    if halves:
        monkeypatch.setattr("chargen.sampling.engine.LARGE", 0)
        monkeypatch.setattr("chargen.sampling.engine._cores", lambda: 2)
    for _ in range(6):
        ids = random.integers(len(CHARACTERS), size=texts, dtype=np.int32)
        logits, state = model.step(ids, state)
        assert logits.shape == (texts, len(CHARACTERS))
        assert logits.dtype == np.float32
        for row, i in enumerate(ids):
            expected, plain[row] = plain_step(checkpoint, i, plain[row])
            np.testing.assert_allclose(logits[row], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tied", [False, True])
@cells
def test_matrices_that_are_moved_together_stay_what_they_are(cell, tied):
    checkpoint = tiny_checkpoint(
        cell, units=230, layers=2, embedding_size=7, scale=0.05, tied=tied
    )
    model, expected = Engine.from_checkpoint(checkpoint), []
    state = model.zero_state()
    plain = [[np.zeros(230)] * (2 if cell == "lstm" else 1)] * 2
    addresses = [a.ctypes.data for a in (*model._kernels, *model._recurrent)]
    assert addresses[0] % 2**21 == 0
    assert max(addresses) - min(addresses) == sum(a.nbytes for a in model._kernels) + sum(
        a.nbytes for a in model._recurrent[:-1]
    )
    for i in model.vocabulary.encode("abc 中"):
        logits, state = model.step(np.array([i]), state)
        expected, plain = plain_step(checkpoint, i, plain)
        np.testing.assert_allclose(logits[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", [0, 8])
def test_an_error_in_one_of_two_threads_is_an_error(place, monkeypatch):
    monkeypatch.setattr("chargen.sampling.engine.LARGE", 0)
    monkeypatch.setattr("chargen.sampling.engine._cores", lambda: 2)
    model, ids = engine(), np.zeros(9, np.int32)
    ids[place] = len(CHARACTERS)
    with pytest.raises(IndexError):
        model.step(ids, model.zero_state(9))


@pytest.mark.parametrize(("texts", "cores"), [(64, 1), (6, 2)])
def test_a_second_thread_is_for_many_texts_and_two_processors(texts, cores, monkeypatch):
    monkeypatch.setattr("chargen.sampling.engine.LARGE", 0)
    monkeypatch.setattr("chargen.sampling.engine._cores", lambda: cores)
    monkeypatch.setattr("chargen.sampling.engine.side_by_side", None)
    model = engine()
    logits, _ = model.step(np.zeros(texts, np.int32), model.zero_state(texts))
    assert (logits == logits[0]).all()


@pytest.mark.parametrize("texts", [1, 3, 20])
def test_a_step_has_one_blas_thread_and_leaves_others_what_they_had(texts, monkeypatch):
    threads, seen = [4], []
    one_thread = OneThread(lambda: threads[-1], threads.append)
    monkeypatch.setattr("chargen.sampling.engine.one_thread", one_thread)
    model = engine()
    inner = model._cell
    model._cell = lambda *arguments: seen.append(threads[-1]) or inner(*arguments)
    model.step(np.zeros(texts, np.int32), model.zero_state(texts))
    assert seen == [1]
    assert threads == [4, 1, 4]


# --- numbers that are slow to compute with ----------------------------------------------


def denormal(array):
    return ((array != 0) & (np.abs(array) < np.finfo(np.float32).smallest_normal)).any()


def kept(value):
    """All arrays that an engine or a state keeps."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, list | tuple):
        return [array for each in value for array in kept(each)]
    return []


@cells
def test_an_engine_keeps_no_denormal_weights(cell):
    checkpoint = tiny_checkpoint(cell, layers=2)
    random = np.random.default_rng(0)
    for array in checkpoint.weights.values():
        # 2^-126 is normal, but its half, which the gates of σ have, is not.
        small = random.choice([1e-45, -1e-40, 2.0**-126, -(2.0**-127)], array.shape)
        chosen = random.random(array.shape) < 0.4
        array[chosen] = small[chosen]
    before = copy.deepcopy(checkpoint.weights)
    model = Engine.from_checkpoint(checkpoint)
    arrays = [array for value in vars(model).values() for array in kept(value)]
    assert len(arrays) > 5
    assert not any(map(denormal, arrays))
    assert any(map(np.any, kept(model._kernels)))
    for name, array in checkpoint.weights.items():
        assert denormal(array)
        np.testing.assert_array_equal(array, before[name])
        array[np.abs(array) < 1e-30] = 0
    expected, _ = read(Engine.from_checkpoint(checkpoint), "abc, 中")
    np.testing.assert_allclose(read(model, "abc, 中")[0], expected, atol=1e-7)


def fading(cell, layers):
    """A model that takes "a" in, and then halves what it remembers at every character."""
    checkpoint = tiny_checkpoint(cell, layers=layers)
    weights = checkpoint.weights
    for name, array in weights.items():
        if not name.startswith("dense"):
            array[:] = 0
    a = CHARACTERS.index("a")
    weights["embedding"][a] = 1
    for layer in range(layers):
        kernel = weights[f"rnn.{layer}.kernel"]
        kernel[:] = 1
        if cell == "rnn":
            weights[f"rnn.{layer}.recurrent_kernel"][:] = np.eye(5) / 2
    return checkpoint


@pytest.mark.parametrize("texts", [1, 8])
@depths
@cells
def test_what_fades_away_becomes_no_denormal_number(cell, layers, texts):
    checkpoint = fading(cell, layers)
    model = Engine.from_checkpoint(checkpoint)
    a, b = CHARACTERS.index("a"), CHARACTERS.index("b")
    state = model.zero_state(texts)
    plain = [[np.zeros(5)] * (2 if cell == "lstm" else 1)] * layers
    smallest = 1.0
    for i in [a, *[b] * 400]:
        logits, state = model.step(np.full(texts, i), state)
        arrays = kept(state._layers)
        assert not any(map(denormal, arrays))
        expected, plain = plain_step(checkpoint, i, plain)
        smallest = min(smallest, np.abs(plain[0][0]).max())
        np.testing.assert_allclose(logits[0], expected, rtol=1e-5, atol=1e-6)
    assert 0 < smallest < 1e-40  # without precautions there would be some


def test_a_memory_whose_gate_is_shut_fades_to_no_denormal_number():
    checkpoint = fading("lstm", 1)
    weights = checkpoint.weights
    # i is open for "a" and shut for all else; g is 1 throughout; f is σ(-2).
    weights["rnn.0.kernel"][:] = 0
    weights["rnn.0.kernel"][:, :5] = 100
    weights["rnn.0.bias"][:5], weights["rnn.0.bias"][5:10] = -200, -2
    weights["rnn.0.bias"][10:15] = 9
    model = Engine.from_checkpoint(checkpoint)
    _, state = read(model, "a")
    assert np.abs(kept(state._layers)).min() > 0.1
    for _ in range(60):  # σ(-2) to the power of 43 is denormal
        _, state = read(model, "b", state)
        assert not any(map(denormal, kept(state._layers)))
    assert np.abs(kept(state._layers)).max() < 1e-6


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
def test_forked_and_joined_texts_go_on_as_each_does_alone(cell, layers):
    model, texts = engine(cell, layers=layers), ["abcd", "中 ", "", "dead, "]
    alone = [read(model, text)[1] if text else model.zero_state() for text in texts]
    together = model.join([model.join(alone[:1]), model.join(alone[1:])])
    order = np.array([3, 0, 1, 1, 3])
    state, ids = model.rows(together, order), model.vocabulary.encode("abcde")
    logits, state = model.step(ids, state)
    after, _ = model.step(ids[::-1], state)
    assert logits.shape == (5, len(CHARACTERS))
    for row, place in enumerate(order):
        expected, one = model.step(ids[row : row + 1], alone[place])
        np.testing.assert_allclose(logits[row], expected[0], rtol=1e-5, atol=1e-5)
        expected, _ = model.step(ids[::-1][row : row + 1], one)
        np.testing.assert_allclose(after[row], expected[0], rtol=1e-5, atol=1e-5)


@depths
@cells
def test_forking_and_joining_change_no_state(cell, layers):
    model = engine(cell, layers=layers)
    _, state = read(model, "abc")
    before = copy.deepcopy(state._layers)
    ids = np.array([1, 2, 3], np.int32)
    fork = model.rows(state, np.array([0, 0, 0]))
    expected, _ = model.step(ids, fork)
    model.step(ids, model.join([state, model.zero_state(), state]))
    np.testing.assert_array_equal(model.step(ids, fork)[0], expected)
    for now, then in zip(state._layers, before, strict=True):
        np.testing.assert_array_equal(now, then)


@depths
@cells
def test_a_text_is_what_reading_and_drawing_step_by_step_gives(cell, layers):
    model = engine(cell, layers=layers)
    seed_text, uniforms, expected = "abé“ 中\n", Uniforms(5), ""
    logits, state = read(model, seed_text)
    logits = logits[-1:]
    chain = Chain(Sampling(temperature=0.9), model.vocabulary, model.policy)
    for _ in range(60):
        (drawn,) = draw(chain.apply(logits, [[]]), [uniforms.next()])
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


@pytest.mark.parametrize("texts", [1, 3, 9])
@pytest.mark.parametrize("value", [3e38, np.inf, np.nan])
@cells
def test_weights_that_are_too_large_compute_without_a_warning(
    cell, value, texts, monkeypatch
):
    monkeypatch.setattr("chargen.sampling.engine.LARGE", 0)
    monkeypatch.setattr("chargen.sampling.engine._cores", lambda: 2)
    checkpoint = tiny_checkpoint(cell)
    weights = {k: np.full_like(array, value) for k, array in checkpoint.weights.items()}
    model = Engine(checkpoint.model, checkpoint.vocabulary, weights)
    ids = np.arange(texts, dtype=np.int32)
    _, state = model.step(ids, model.zero_state(texts))
    logits, _ = model.step(ids, state)
    # The gates of a GRU are wide open or shut, and its logits just below what is too large.
    assert np.isfinite(logits).all() == (cell == "gru" and value == 3e38)


def test_a_run_is_loaded_by_its_best_checkpoint(tmp_path):
    folder = write_run(tmp_path / "run", 1, 2).folder
    for name in (folder, str(folder)):
        expected, _ = read(engine(seed=1), "abc")
        np.testing.assert_array_equal(read(load(name), "abc")[0], expected)


def test_what_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load(tmp_path / "nowhere")
