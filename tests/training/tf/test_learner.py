"""What an update changes: it learns, scores, is put down in arrays and taken up again."""

from __future__ import annotations

import numpy as np
import pytest

from chargen.errors import TrainingError
from chargen.model.cells import CELLS
from chargen.sampling.engine import Engine
from chargen.text.parts import Plain
from chargen.text.scored import Layout
from chargen.text.vocabulary import Vocabulary
from chargen.training.cadence import EVALUATION_WINDOW
from chargen.training.plan import STOCK, Plan
from chargen.training.settings import Settings

CHARACTERS = Vocabulary("abcdefghijk")
ITEMS = Vocabulary("abcdefghij", end=True)
BATCH, LENGTH = 4, 16
PLAIN = Plan(xla=False)
RATE = 0.01

pytestmark = pytest.mark.usefixtures("pools")


def learner(*, plan=PLAIN, end=None, **settings):
    from chargen.training.tf.learner import Learner

    tiny = {"cell": "rnn", "units": 12, "layers": 1, "embedding_size": 6, "dropout": 0.0}
    settings = Settings(**{**tiny, **settings})
    return Learner(settings, len(CHARACTERS), batch_size=BATCH, plan=plan, end=end)


def batch(step):
    random = np.random.default_rng([1, step])
    ids = random.integers(len(CHARACTERS), size=(BATCH, LENGTH + 1), dtype=np.int32)
    return ids[:, :-1], ids[:, 1:]


def laid_out(ids, begins=None):
    """Rows of ids (S, L + 1) as S streams, each scored from one of its targets on."""
    count, length = ids.shape
    starts = tuple(range(0, ids.size, length))
    return Layout(Plain(ids.ravel()), starts, begins or (0,) * count, length - 1)


def score(model, layout):
    return model.score(layout, lambda: None, lambda: None, beginning=layout.length)[1]


def train(model, steps, *, rate=RATE):
    return [model.train(*batch(t), fresh=t == 0, step=t, rate=rate) for t in steps]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


def all_of(model):
    return {**model.weights(), **model.memory()}


@pytest.mark.parametrize(
    "plan", [PLAIN, pytest.param(STOCK, marks=pytest.mark.slow)], ids=["plain", "stock"]
)
def test_dropout_masks_differ_from_step_to_step_and_change_the_result(plan):
    model, without = learner(dropout=0.5, plan=plan), learner(plan=plan)
    for each in (model, without):
        train(each, range(5))
    name = "rnn.0.kernel"
    assert not np.array_equal(model.weights()[name], without.weights()[name])
    # The masks of two steps: the same batch and weights give two losses.
    weights, memory, losses = model.weights(), model.memory(), []
    for step in (7, 7, 8):
        model.restore(weights, memory)
        losses.append(model.train(*batch(0), fresh=True, step=step, rate=0.0))
    assert losses[0] == losses[1] != losses[2]


def test_states_are_carried_unless_a_batch_is_fresh():
    model = learner()
    first, carried, fresh = (
        model.train(*batch(0), fresh=fresh, step=0, rate=0.0)
        for fresh in (True, False, True)
    )
    assert first == fresh != carried


def test_the_loss_is_the_mean_before_the_update():
    model = learner()
    inputs, targets = batch(0)
    layout = laid_out(np.concatenate([inputs, targets[:, -1:]], 1))
    before = score(model, layout)
    assert train(model, [0]) == pytest.approx([before], rel=1e-6)
    assert score(model, layout) < before


def by_engine(settings, weights, layout, *, vocabulary=CHARACTERS):
    """The mean loss of what is scored, one character after the other."""
    streams = layout.window(0, layout.length)
    engine = Engine(settings.model, vocabulary, weights)
    state, total = engine.zero_state(len(streams.inputs)), 0.0
    for ids, targets, scored in zip(
        streams.inputs.T, streams.targets.T, streams.scored.T, strict=True
    ):
        logits, state = engine.step(ids, state)
        chosen = logits[np.arange(len(ids)), targets]
        total += (np.log(np.exp(logits).sum(1)) - chosen)[scored].sum(dtype=np.float64)
    return total / streams.scored.sum()


@pytest.mark.parametrize(
    ("length", "calls"),
    [(10, 1), (EVALUATION_WINDOW, 1), (EVALUATION_WINDOW + 1, 2), (150, 3)],
)
def test_a_score_is_the_mean_of_all_that_is_scored(length, calls):
    model = learner()
    train(model, range(3))
    random = np.random.default_rng(5)
    ids = random.integers(len(CHARACTERS), size=(3, length + 1), dtype=np.int32)
    layout = laid_out(ids, (0, 4, 9))
    before, told = all_of(model), []
    sample, found = model.score(
        layout, lambda: told.append("<"), lambda: told.append(">"), beginning=9
    )
    assert told == ["<", ">"] * calls
    settings = Settings(cell="rnn", units=12, layers=1, embedding_size=6)
    for loss, part in ((found, layout), (sample, layout.beginning(9))):
        assert loss == pytest.approx(by_engine(settings, model.weights(), part), abs=1e-5)
    whole = model.score(layout, lambda: None, lambda: None, beginning=length)
    assert whole == (found, found)
    assert_same(all_of(model), before)


@pytest.mark.parametrize(
    ("cell", "plan"),
    [
        ("lstm", PLAIN),
        ("gru", STOCK),
        *(pytest.param(cell, Plan(shards=2), marks=pytest.mark.slow) for cell in CELLS),
    ],
    ids=["plain", "stock", *(f"xla {cell}" for cell in CELLS)],
)
def test_a_score_of_items_is_what_the_engine_gives_them(cell, plan):
    model = learner(cell=cell, layers=2, end=ITEMS.end, plan=plan)
    train(model, range(3))
    random = np.random.default_rng(6)
    ids = random.integers(len(ITEMS), size=(3, 2 * EVALUATION_WINDOW), dtype=np.int32)
    ids[0] %= ITEMS.end  # one long item
    layout = laid_out(ids)
    found = score(model, layout)
    settings = Settings(cell=cell, units=12, layers=2, embedding_size=6)
    items, text = (
        by_engine(settings, model.weights(), layout, vocabulary=vocabulary)
        for vocabulary in (ITEMS, CHARACTERS)
    )
    assert found == pytest.approx(items, abs=1e-5)
    assert found != pytest.approx(text, abs=1e-4)


@pytest.mark.parametrize("plan", [PLAIN, STOCK], ids=["plain", "stock"])
def test_an_end_mark_changes_what_is_learned_but_not_what_is_put_down(plan):
    found = []
    for end in (None, ITEMS.end):
        model = learner(cell="gru", layers=2, end=end, plan=plan)
        train(model, range(2))
        found.append(all_of(model))
    text, items = found
    shapes = [{name: (x.shape, x.dtype) for name, x in one.items()} for one in found]
    assert shapes[0] == shapes[1]
    assert not np.array_equal(text["rnn.1.kernel"], items["rnn.1.kernel"])


def test_a_stop_is_obeyed_between_two_calls():
    class Stop(Exception):
        pass

    def check():
        if told:
            raise Stop

    model, told = learner(), []
    layout = laid_out(np.zeros((1, 3 * EVALUATION_WINDOW), np.int32))
    with pytest.raises(Stop):
        model.score(layout, check, lambda: told.append("one"), beginning=9)
    assert told == ["one"]


@pytest.mark.parametrize(
    "plan", [PLAIN, pytest.param(STOCK, marks=pytest.mark.slow)], ids=["plain", "stock"]
)
def test_what_is_put_down_and_taken_up_learns_on_as_if_nothing_had_been(plan):
    settings = {"dropout": 0.3, "plan": plan, "layers": 2}
    whole, part = learner(**settings), learner(**settings)
    losses = train(whole, range(12))
    begun = train(part, range(7))
    weights, memory = part.weights(), part.memory()
    train(part, range(7, 9))  # and does not change with what comes after
    taken_up = learner(**settings)
    taken_up.restore(weights, memory)
    assert begun + train(taken_up, range(7, 12)) == losses
    assert_same(all_of(taken_up), all_of(whole))


@pytest.mark.parametrize("change", ["missing", "more", "shape", "dtype"])
def test_what_belongs_to_another_model_is_refused(change):
    model = learner()
    before, memory = all_of(model), model.memory()
    if change == "missing":
        del memory["state.0"]
    elif change == "more":
        memory["state.1"] = memory["state.0"]
    elif change == "shape":
        memory["weight.1"] = memory["weight.1"][:, :-1]
    else:
        memory["weight.1"] = memory["weight.1"].astype(np.float64)
    with pytest.raises(TrainingError, match="does not fit the model"):
        model.restore(model.weights(), memory)
    assert_same(all_of(model), before)


def test_weights_to_start_from_are_scored_and_trained():
    given = learner(seed=4)
    train(given, range(3))
    model = learner(seed=1)
    assert not np.array_equal(model.weights()["embedding"], given.weights()["embedding"])
    model.start_from(given.weights())
    assert_same(model.weights(), given.weights())
    memory = model.memory()
    for i, array in enumerate(given.weights().values()):
        np.testing.assert_array_equal(memory[f"weight.{i}"], array)
