"""Models that write one text together, against a reference in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import tiny_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from item_models import item_engine

from chargen.errors import CheckpointError
from chargen.sampling.blend import Blend
from chargen.sampling.engine import Engine
from chargen.sampling.evaluate import evaluate
from chargen.sampling.generate import generate
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

HOW = ("linear", "log-linear")
END, UNKNOWN = "<end>", "<unknown>"


class Hears:
    """A model whose next character depends on all that it read, as if by chance.

    Its state is a number for each text. What is computed for a text does not depend on
    those beside it, to the bit.
    """

    def __init__(self, characters, seed=0, *, end=False, unknown=False, start=0, **policy):
        self.vocabulary = Vocabulary(characters, end=end, unknown=unknown)
        self.policy = TextPolicy(**policy)
        self.start_id = self.vocabulary.end if end else start
        self.seed = seed

    def zero_state(self, batch_size=1):
        return (self.seed,) * batch_size

    def step(self, ids, state):
        assert ids.dtype == np.int32
        assert len(ids) == len(state)
        size, end = len(self.vocabulary), self.vocabulary.end
        assert ((ids >= 0) & (ids < size)).all()
        after = tuple(
            ((self.seed if i == end else memory) * 31 + int(i) + 1) % 2**61
            for memory, i in zip(state, ids, strict=True)
        )
        logits = [np.random.default_rng(seen).normal(0, 3, size) for seen in after]
        return np.array(logits, np.float32), after

    def rows(self, state, places):
        return tuple(state[i] for i in places)

    def join(self, states):
        return sum(states, ())


def symbols(vocabulary):
    """Return what the ids of a vocabulary stand for."""
    marks = {"end": END, "unknown": UNKNOWN}
    return [*vocabulary.characters, *(marks[name] for name in vocabulary.marks)]


def odds_of(logits):
    largest = max(map(float, logits))
    powers = [math.exp(float(x) - largest) for x in logits]
    return [power / sum(powers) for power in powers]


def said_by(model, read):
    """Return what a model expects after some symbols: probabilities by symbol."""
    names, state = symbols(model.vocabulary), model.zero_state()
    logits, _ = model.step(np.array([model.start_id], np.int32), state)
    for symbol in read:
        if symbol not in names and len(model.policy.prepare(symbol)) == 1:
            symbol = model.policy.prepare(symbol)
        if symbol not in names and UNKNOWN in names:
            symbol = UNKNOWN
        if symbol in names:
            ids = np.array([names.index(symbol)], np.int32)
            logits, state = model.step(ids, state)
    return dict(zip(names, odds_of(logits[0]), strict=True))


def reference(models, weights, how, read):
    """Return the probabilities of a blend after some symbols, by symbol."""
    said = [said_by(model, read) for model in models]
    weights = [weight / sum(weights) for weight in weights]
    found = {symbol: 0.0 for each in said for symbol in each}
    for each, weight in zip(said, weights, strict=True):
        for symbol, odds in each.items():
            found[symbol] += weight * odds
    if how == "log-linear":
        common = [symbol for symbol in found if all(symbol in each for each in said)]
        powers = {
            symbol: math.prod(
                each[symbol] ** w for each, w in zip(said, weights, strict=True)
            )
            for symbol in common
        }
        left = sum(found[symbol] for symbol in common)
        for symbol in common:
            found[symbol] = powers[symbol] / sum(powers.values()) * left
    return found


def read(blend, texts, *, begun=0):
    """Let a blend read texts, lists of as many symbols each; return odds and the state."""
    names, state = symbols(blend.vocabulary), blend.zero_state(len(texts))
    for place in range(len(texts[0])):
        if place == begun:
            state = blend.begin(state)
        ids = np.array([names.index(text[place]) for text in texts], np.int32)
        logits, state = blend.step(ids, state)
    return np.array([odds_of(row) for row in logits]), state


def as_dict(blend, odds):
    return dict(zip(symbols(blend.vocabulary), odds, strict=True))


def written(model, seed_text="", **options):
    return "".join(generate(model, seed_text, **{"length": 60, "seed": 1, **options}))


# --- one vocabulary ---------------------------------------------------------------------


@st.composite
def blends(draw):
    """Models with vocabularies of their own, their weights, and texts to read."""
    count = draw(st.integers(1, 3))
    end, models = draw(st.booleans()), []
    for seed in range(count):
        characters = draw(st.lists(st.sampled_from("abcdeAB"), min_size=1, unique=True))
        models.append(
            Hears(
                characters,
                seed,
                end=end,
                unknown=draw(st.booleans()),
                lowercase=draw(st.booleans()),
                documents="lines" if end else "none",
            )
        )
    weights = [draw(st.floats(0.01, 100)) for _ in models]
    names = symbols(Blend(models, weights).vocabulary)
    length = draw(st.integers(1, 6))
    text = st.lists(st.sampled_from(names), min_size=length, max_size=length)
    return models, weights, draw(st.lists(text, min_size=1, max_size=4))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(blends(), st.sampled_from(HOW))
def test_the_odds_are_those_of_the_reference(made, how):
    models, weights, texts = made
    blend = Blend(models, weights, how=how)
    found, _ = read(blend, texts)
    assert found.shape == (len(texts), len(blend.vocabulary))
    for text, odds in zip(texts, found, strict=True):
        expected = reference(models, weights, how, text)
        assert as_dict(blend, odds) == pytest.approx(expected, rel=1e-5, abs=1e-9)
        assert sum(expected.values()) == pytest.approx(1)


def test_the_vocabulary_is_the_first_models_and_what_others_add():
    models = [Hears("cab", end=True), Hears("xbya", end=True, unknown=True)]
    vocabulary = Blend(models, [1, 1]).vocabulary
    assert symbols(vocabulary) == [*"cabxy", END, UNKNOWN]


@pytest.mark.parametrize("how", HOW)
def test_a_blend_of_one_model_is_that_model(how):
    model = Hears("abc\n", start=3)
    assert written(Blend([model], [7], how=how), "ab") == written(model, "ab")
    assert written(Blend([model], [7], how=how)) == written(model)


@pytest.mark.parametrize("how", HOW)
def test_copies_of_a_model_are_that_model(how):
    model = Hears("abc\n", start=3)
    blend = Blend([model, Hears("abc\n", start=3)], [0.25, 0.75], how=how)
    assert written(blend, "ab") == written(model, "ab")
    assert symbols(blend.vocabulary) == [*"abc\n"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("other", ["abc", "cab"])
def test_the_odds_of_an_ensemble_are_those_of_the_reference(how, other):
    models = [Hears("abc", 1), Hears(other, 2), Hears("abc", 3)]
    blend = Blend(models, [1, 2, 5], how=how)
    odds, _ = read(blend, [[*"abca"]])
    expected = reference(models, [1, 2, 5], how, [*"abca"])
    assert as_dict(blend, odds[0]) == pytest.approx(expected, rel=1e-5)


def test_models_with_one_vocabulary_read_ids_as_they_are():
    seen = []

    class Sees(Hears):
        def step(self, ids, state):
            seen.append(ids)
            return super().step(ids, state)

        rows = join = None  # texts need not be told apart

    blend, ids = Blend([Sees("abc"), Sees("abc", 1)], [1, 1]), np.array([1, 0], np.int32)
    seen.clear()
    blend.step(ids, blend.zero_state(2))
    assert [each is ids for each in seen] == [True, True]


@pytest.mark.parametrize("how", HOW)
def test_the_order_of_models_makes_no_difference_to_the_odds(how):
    one, other = Hears("abc", 1), Hears("bcd", 2)
    first = Blend([one, other], [0.3, 0.7], how=how)
    second = Blend([other, one], [0.7, 0.3], how=how)
    found = [as_dict(blend, read(blend, [[*"abd"]])[0][0]) for blend in (first, second)]
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_an_ensemble_costs_no_more_than_its_members_do_on_average():
    members = [Engine.from_checkpoint(tiny_checkpoint(seed=seed)) for seed in range(3)]
    text = "abc ade,\nbed “cab“ é中😀" * 9
    each = [evaluate(member, text).nats for member in members]
    for how in HOW:  # by Jensen's inequality, and by Hölder's
        blend = Blend(members, [1, 2, 3], how=how)
        nats = evaluate(blend, text).nats
        assert nats < (each[0] + 2 * each[1] + 3 * each[2]) / 6 - 0.1


# --- characters that a model lacks ------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_a_model_skips_what_it_does_not_know(how):
    blend = Blend([Hears("abx", 1), Hears("ab", 2)], [1, 1], how=how)
    odds, _ = read(blend, [[*"axxb"]])
    expected = reference([Hears("abx", 1), Hears("ab", 2)], [1, 1], how, [*"axxb"])
    assert as_dict(blend, odds[0]) == pytest.approx(expected, rel=1e-5)
    assert said_by(Hears("ab", 2), [*"axxb"]) == said_by(Hears("ab", 2), [*"ab"])


def test_until_it_reads_something_a_model_expects_the_beginning_of_a_text():
    silent = Hears("ab", 2, start=1)
    blend = Blend([Hears("xab", 1), silent], [0, 1], to=[1, 0], over=9)
    odds, _ = read(blend, [[*"xx"]], begun=1)
    start, _ = silent.step(np.array([1], np.int32), silent.zero_state())
    assert odds[0] == pytest.approx([0, *odds_of(start[0])], rel=1e-6)


def test_a_model_of_small_letters_reads_them_for_capitals():
    small = Hears("abc", 2, lowercase=True)
    assert said_by(small, [*"ABxC"]) == said_by(small, [*"abc"])
    blend = Blend([Hears("ABCx", 1), small], [1, 0], to=[0, 1], over=1)
    odds, _ = read(blend, [[*"ABxC"]])
    assert as_dict(blend, odds[0]) == pytest.approx(
        {**dict.fromkeys("ABCx", 0), **said_by(small, [*"abc"])}, rel=1e-6
    )


def test_a_seed_text_is_prepared_as_the_first_model_wants_it():
    one, other = Hears("abé", 1, normalize="nfc", lowercase=True), Hears("ABé", 2)
    blend = Blend([one, other], [1, 1])
    assert blend.policy == one.policy
    assert written(blend, "Ae\u0301") == written(blend, "aé")


@pytest.mark.parametrize("how", HOW)
def test_models_that_share_no_character_blend(how):
    blend = Blend([Hears("ab", 1), Hears("中文", 2)], [1, 3], how=how)
    odds, _ = read(blend, [[*"a中"]])
    assert odds[0, :2].sum() == pytest.approx(0.25)
    assert set(written(blend, length=300)) == set("ab中文")


def test_log_linear_odds_change_smoothly_with_a_weight_that_goes_to_zero():
    models = [Hears("abx", 1), Hears("ab", 2)]
    alone = said_by(models[1], [*"ab"])
    for weight in (1e-3, 1e-6, 0):
        blend = Blend(models, [weight, 1], how="log-linear")
        odds = as_dict(blend, read(blend, [[*"ab"]])[0][0])
        assert odds.get("x", 0) <= weight
        assert odds["a"] == pytest.approx(alone["a"], abs=10 * weight + 1e-6)


def test_marks_are_blended_and_the_one_for_unknown_characters_is_not_drawn():
    models = [item_engine("abc"), item_engine("bcd", seed=1)]
    blend = Blend(models, [1, 1])
    assert blend.start_id == blend.vocabulary.end == 4
    odds, _ = read(blend, [[END, *"abd"]])
    assert odds[0, blend.vocabulary.unknown] > 0.5
    assert set(written(blend, length=None)) <= set("abcd")
    texts = {written(blend, length=None, seed=seed) for seed in range(8)}
    assert len({len(text) for text in texts}) > 3  # each ends where its end mark is drawn


def test_a_model_of_no_weight_takes_no_part():
    class Forbidden(Hears):
        def step(self, ids, state):
            raise AssertionError

    one, none = Hears("ab", 1), Forbidden("xab", 2, end=True, documents="lines")
    for models, weights in (([none, one], [0, 1]), ([one, none], [5, 0])):
        blend = Blend(models, weights)
        assert blend.weights.tolist() == [1]
        assert written(blend, "ab") == written(one, "ab")


# --- states -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_texts_side_by_side_are_those_that_are_read_alone(how):
    models = [Hears("abx", 1), Hears("yba", 2)]
    blend = Blend(models, [1, 2], how=how, to=[1, 0], over=7)
    texts = [[*"axyb"], [*"yyxx"], [*"bbba"]]
    found, _ = read(blend, texts)
    alone = [read(blend, [text])[0][0] for text in texts]
    assert np.array_equal(found, alone)


def test_a_state_can_be_continued_more_than_once():
    blend = Blend([Hears("abx", 1), Hears("yba", 2)], [1, 2], to=[2, 1], over=9)
    _, state = read(blend, [[*"abx"], [*"yab"]])
    one, other = np.array([0, 2], np.int32), np.array([3, 1], np.int32)
    expected = blend.step(one, state)[0]
    blend.step(other, state)
    assert np.array_equal(blend.step(one, state)[0], expected)


def test_rows_and_join_choose_repeat_and_put_texts_side_by_side():
    blend = Blend([Hears("abx", 1), Hears("yba", 2)], [1, 2], to=[2, 1], over=9)
    _, two = read(blend, [[*"abx"], [*"yab"]])
    _, one = read(blend, [[*"bbybx"]])
    ids = np.array([2, 1, 0, 2, 2], np.int32)
    states = blend.join([two, one, blend.rows(two, np.array([1, 1]))])
    found, after = blend.step(ids, states)
    _, expected = read(blend, [[*"abxx"], [*"yabb"]])
    for row, (start, place) in enumerate(
        [(two, 0), (two, 1), (one, 0), (two, 1), (two, 1)]
    ):
        alone = blend.rows(start, np.array([place]))
        assert np.array_equal(blend.step(ids[row : row + 1], alone)[0][0], found[row])
    following = np.array([0, 3], np.int32)
    chosen = blend.rows(after, np.array([0, 1]))
    assert np.array_equal(
        blend.step(following, chosen)[0], blend.step(following, expected)[0]
    )


def test_a_text_of_a_blend_can_be_cloned():
    blend = Blend([Hears("ab\n", 1), Hears("\nbcd", 2)], [1, 0], to=[0, 1], over=40)
    text = generate(blend, length=40, seed=3)
    begun = "".join(next(text) for _ in range(15))
    rest = "".join(text.clone())
    assert rest == "".join(text)
    assert begun + rest == written(blend, length=40, seed=3)


# --- a drift ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("seed_text", ["a", "abxab"])
def test_weights_go_in_a_straight_line_from_the_first_character_that_is_drawn(
    how, seed_text
):
    models, text = [Hears("abx", 1), Hears("bya", 2)], [*seed_text, *"byxabab"]
    blend = Blend(models, [1, 3], how=how, to=[1, 0], over=5)
    for drawn in range(8):
        given_text = text[: len(seed_text) + drawn]
        share = min(drawn / 5, 1)
        weights = [0.25 * (1 - share) + share, 0.75 * (1 - share)]
        expected = reference(models, weights, how, given_text)
        odds, _ = read(blend, [given_text], begun=len(seed_text) - 1)
        assert as_dict(blend, odds[0]) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_without_a_seed_text_the_drift_begins_by_itself():
    blend = Blend([Hears("ab", 1), Hears("中文", 2)], [1, 0], to=[0, 1], over=2)
    state, found = blend.zero_state(), []
    for _ in range(3):
        logits, state = blend.step(np.array([blend.start_id], np.int32), state)
        found.append(sum(odds_of(logits[0])[:2]))
    assert found == pytest.approx([1, 0.5, 0])


def test_a_seed_text_is_no_part_of_the_drift():
    blend = Blend([Hears("ab", 1), Hears("中文", 2)], [1, 0], to=[0, 1], over=2)
    for seed_text in ("", "a", "ab" * 20):
        texts = [written(blend, seed_text, length=4, seed=seed) for seed in range(6)]
        assert all(set(text[:1]) <= set("ab") for text in texts)
        assert all(set(text[2:]) <= set("中文") for text in texts)
        assert {text[1] in "ab" for text in texts} == {False, True}


def test_each_text_has_a_place_of_its_own_in_the_drift():
    blend = Blend([Hears("ab", 1), Hears("中文", 2)], [1, 0], to=[0, 1], over=4)
    _, two = read(blend, [[*"aaa"], [*"bbb"]])
    states = blend.join([blend.begin(blend.rows(two, np.array([1]))), two])
    logits, _ = blend.step(np.array([0, 0, 0], np.int32), states)
    shares = [sum(odds_of(row)[:2]) for row in logits]
    assert shares == pytest.approx([1, 0.25, 0.25])


def test_every_item_drifts_anew():
    kinds = {"end": True, "documents": "lines"}
    blend = Blend(
        [Hears("a", 1, **kinds), Hears("b", 2, **kinds)], [1, 0], to=[0, 1], over=3
    )
    expected = [said_by(Hears("a", 1, **kinds), [END])[END], 0]
    for text in ([END], [END, *"abab", END]):
        odds = as_dict(blend, read(blend, [text])[0][0])
        assert [odds[END], odds["b"]] == pytest.approx(expected, rel=1e-6)


def test_what_is_impossible_so_far_has_finite_logits_and_is_not_drawn():
    blend = Blend([Hears("ab", 1), Hears("中文", 2)], [1, 0], to=[0, 1], over=30)
    logits, _ = blend.step(np.array([0], np.int32), blend.zero_state())
    assert np.isfinite(logits).all()
    text = written(blend, length=80, temperature=1e6)
    assert text[0] in "ab"
    assert set(text[:30]) == set("ab中文")
    assert set(text[30:]) == set("中文")


# --- numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 5e307])
def test_only_the_proportions_of_weights_matter(scale):
    blend = Blend([Hears("ab"), Hears("ab", 1)], [scale, 3 * scale])
    assert blend.weights == pytest.approx([0.25, 0.75], rel=1e-12)


class Sure(Hears):
    """Gives its first character all that float32 can express."""

    def step(self, ids, state):
        logits, state = super().step(ids, state)
        logits[:, 0], logits[:, 1:] = 3e38, -3e38
        return logits, state


def test_models_as_sure_as_can_be_blend():
    for how, expected in (("linear", [0.25, 0.75]), ("log-linear", [0, 1])):
        blend = Blend([Sure("ab"), Sure("ba")], [1, 3], how=how)
        odds, _ = read(blend, [[*"ab"]])
        assert odds[0] == pytest.approx(expected)


def test_a_model_that_is_sure_does_not_outweigh_what_it_does_not_know():
    blend = Blend([Sure("ab"), Hears("bax", 1)], [1, 1], how="log-linear")
    odds, _ = read(blend, [[*"ab"]])
    others = said_by(Hears("bax", 1), [*"ab"])
    assert as_dict(blend, odds[0])["x"] == pytest.approx(others["x"] / 2, rel=1e-5)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_with_broken_weights_is_not_hidden_by_another(how, value):
    class Broken(Hears):
        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[0, 1] = value
            return logits, state

    for other in ("ab", "bcx"):
        blend = Blend([Hears("ab"), Broken(other)], [1, 1], how=how)
        with pytest.raises(CheckpointError, match="too large to compute with"):
            written(blend, "ab")


# --- what does not blend ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"end": True, "documents": "lines"}, {}, "items and models of running text"),
        ({}, {"direction": "backward"}, "forward and backward"),
        (
            {"end": True, "documents": "column", "label": True},
            {"end": True, "documents": "column"},
            "labels",
        ),
        (
            {"end": True, "documents": "lines"},
            {"end": True, "documents": "files"},
            "different items do not blend: lines and files",
        ),
    ],
)
def test_models_of_different_kinds_of_text_do_not_blend(one, other, message):
    models = [Hears("ab", **one), Hears("ab", **one), Hears("ab", **other)]
    with pytest.raises(ValueError, match=message):
        Blend(models, [1, 1, 1])
    assert len(Blend(models[:2], [1, 1]).vocabulary) == len(models[0].vocabulary)


def test_lines_blend_with_the_items_of_a_column():
    models = [Hears("ab", end=True, documents=name) for name in ("lines", "column")]
    assert Blend(models, [1, 1]).policy.documents == "lines"


@pytest.mark.parametrize(
    "weights", [[], [1], [1, 1, 1], [0, 0], [-1, 2], [math.nan, 1], [math.inf, 1]]
)
def test_weights_that_are_none_are_refused(weights):
    models = [Hears("ab"), Hears("ab")]
    with pytest.raises(ValueError, match="`weights` must be 2 numbers of at least 0"):
        Blend(models, weights)
    with pytest.raises(ValueError, match="`to` must be 2 numbers of at least 0"):
        Blend(models, [1, 1], to=weights, over=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": [1, 2]}, "`to` needs `over`"),
        ({"over": 3}, "`over` needs `to`"),
        ({"to": [1, 2], "over": 0}, "at least 1"),
        ({"how": "harmonic"}, "'linear' or 'log-linear'; got 'harmonic'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Blend([Hears("ab"), Hears("ab")], [1, 1], **options)


def test_a_blend_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        Blend([], [])
