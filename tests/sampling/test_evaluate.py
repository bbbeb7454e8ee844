"""Scoring, against a reference that reads one character after the other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from item_models import item_engine

from chargen.errors import UnknownCharacterError
from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.sampling.engine import Engine
from chargen.sampling.evaluate import Evaluation, evaluate, evaluate_part
from chargen.text.corpus import split
from chargen.text.encoded import encode_text
from chargen.text.parts import Plain
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

CHARACTERS = "\n abcde"
PLAIN = TextPolicy()


def engine(cell="lstm", *, layers=1, scale=1.0, policy=PLAIN, **factors):
    """Return a random model; `factors` scale the weights of which the name ends so."""
    config = ModelConfig(cell=cell, units=4, layers=layers, embedding_size=3)
    random = np.random.default_rng(0)
    weights = {}
    for name, shape in config.weight_shapes(len(CHARACTERS)).items():
        factor = factors.get(name.split(".")[-1], scale)
        weights[name] = (factor * random.normal(size=shape)).astype(np.float32)
    return Engine(config, Vocabulary(CHARACTERS), weights, policy=policy)


def some_text(length, seed=0):
    drawn = np.random.default_rng(seed).integers(len(CHARACTERS), size=length)
    return "".join(CHARACTERS[i] for i in drawn)


def reference(model, text, *, known=1, reset_every=None):
    """Return the mean nats of text[known:], read by one stream, one step at a time."""
    losses, state = [], model.zero_state()
    for place, (character, following) in enumerate(itertools.pairwise(text)):
        if reset_every is not None and place % reset_every == 0:
            state = model.zero_state()
        logits, state = model.step(model.vocabulary.encode(character), state)
        values = [float(a) for a in logits[0]]
        top = max(values)
        total = math.fsum(math.exp(a - top) for a in values)
        wanted = values[CHARACTERS.index(following)]
        if place + 1 >= known:
            losses.append(math.log(total) + top - wanted)
    return math.fsum(losses) / len(losses)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_short_text_is_scored_as_one_stream(cell, layers):
    model, text = engine(cell, layers=layers), some_text(180)
    found = evaluate(model, text)
    assert found.characters == 179
    assert found.nats == pytest.approx(reference(model, text), rel=1e-6)


@pytest.mark.parametrize("before", [1, 2, 50, 150])
def test_a_context_is_read_and_not_scored(before):
    model, whole = engine("gru"), some_text(200)
    found = evaluate(model, whole[before:], context=whole[:before])
    assert found.characters == 200 - before
    assert found.nats == pytest.approx(reference(model, whole, known=before), rel=1e-6)


@pytest.mark.parametrize("context", ["", "ab", some_text(500, seed=1)])
@pytest.mark.parametrize("cold_every", [None, 64])
def test_a_backward_model_reads_a_text_and_what_follows_it_from_the_end(
    context, cold_every
):
    model, text = engine("gru"), some_text(700)
    backward = engine("gru", policy=TextPolicy(direction="backward"))
    found = evaluate(backward, text, context=context, cold_every=cold_every)
    turned = evaluate(model, text[::-1], context=context[::-1], cold_every=cold_every)
    assert found == turned != evaluate(model, text, context=context, cold_every=cold_every)


def test_a_text_is_prepared_before_it_is_turned_around():
    backward = engine("gru", policy=TextPolicy(direction="backward"))
    found = evaluate(backward, "a\r\nbXc", context="d\r\nX", skip_unknown=True)
    expected = evaluate(engine("gru"), "cb\na", context="\nd")
    assert (found.nats, found.characters, found.unknown) == (expected.nats, 4, 1)


def test_a_long_context_counts_by_its_last_201_characters():
    model, context = engine("rnn", scale=2.0), some_text(500)
    found = evaluate(model, "abc", context=context)
    expected = reference(model, context[-201:] + "abc", known=201)
    assert found.characters == 3
    assert found.nats == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_many_streams_score_like_one_where_the_state_fades(cell):
    model = engine(cell, scale=0.5, recurrent_kernel=0.2)
    text = some_text(1500)
    found = evaluate(model, text)
    assert found.characters == 1499
    assert found.nats == pytest.approx(reference(model, text), rel=1e-6)


def test_many_streams_score_like_one_where_there_is_no_memory():
    model = engine("rnn", recurrent_kernel=0.0)
    text = some_text(2021)
    found = evaluate(model, text[300:], context=text[:300])
    assert found.characters == 1721
    assert found.nats == pytest.approx(reference(model, text, known=300), rel=1e-6)


@pytest.mark.parametrize("cold_every", [1, 7, 50, 299, 300, 1000])
def test_cold_scoring_starts_from_zero_every_so_many_characters(cold_every):
    model, text = engine("lstm"), some_text(300)
    found = evaluate(model, text, cold_every=cold_every)
    expected = reference(model, text, reset_every=cold_every)
    assert found.characters == 299
    assert found.nats == pytest.approx(expected, rel=1e-6)


def test_cold_scoring_of_more_windows_than_a_batch_holds():
    model, text = engine("gru"), some_text(1000)
    found = evaluate(model, text, cold_every=3)
    assert found.characters == 999
    assert found.nats == pytest.approx(reference(model, text, reset_every=3), rel=1e-6)


def test_cold_scoring_takes_one_character_of_the_context():
    model, whole = engine("gru"), some_text(100)
    found = evaluate(model, whole[40:], context=whole[:40], cold_every=10)
    assert found.characters == 60
    expected = reference(model, whole[39:], reset_every=10)
    assert found.nats == pytest.approx(expected, rel=1e-6)


def test_a_model_that_knows_nothing_chooses_among_all_characters():
    found = evaluate(engine(scale=0.0), some_text(50))
    assert found.nats == pytest.approx(math.log(7), rel=1e-12)
    assert found.bits == pytest.approx(math.log2(7), rel=1e-12)
    assert found.perplexity == pytest.approx(7, rel=1e-12)


@pytest.mark.parametrize("nats", [0.0, 0.5, math.log(2), 1.4, 4.0])
def test_bits_and_perplexity_follow_from_the_nats(nats):
    found = Evaluation(nats=nats, characters=10, utf8_bytes=20)
    assert found.bits_per_byte == pytest.approx(found.bits / 2)
    assert found.bits * math.log(2) == pytest.approx(nats)
    assert math.log(found.perplexity) == pytest.approx(nats)


def test_huge_logits_give_a_finite_loss():
    found = evaluate(engine(kernel=1e6), some_text(50))
    assert math.isfinite(found.nats)
    assert found.nats > 1000


@pytest.mark.parametrize("cold_every", [None, 5])
def test_newlines_of_windows_are_one_character(cold_every):
    model = engine()
    found = evaluate(model, "ab\r\ncd", context="a\r\n", cold_every=cold_every)
    expected = evaluate(model, "ab\ncd", context="a\n", cold_every=cold_every)
    assert found == expected
    assert found.characters == 5


def test_the_validation_part_is_scored_like_any_text():
    characters = some_text(3000)
    corpus = split(encode_text(characters), 0.1)
    context = corpus.vocabulary.decode(corpus.context)
    model = engine()
    found = evaluate(model, characters[2700:], context=context)
    assert found == evaluate(model, characters[2700:], context=characters[:2700])
    assert found.characters == 300


@pytest.mark.parametrize("cold_every", [None, 1, 5])
@pytest.mark.parametrize(("text", "context"), [("", ""), ("a", ""), ("", "ab")])
def test_nothing_to_score_is_an_error(text, context, cold_every):
    with pytest.raises(ValueError, match="nothing to score"):
        evaluate(engine(), text, context=context, cold_every=cold_every)


@pytest.mark.parametrize("cold_every", [None, 1, 5])
def test_one_character_after_a_context_is_scored(cold_every):
    model = engine()
    found = evaluate(model, "b", context="a", cold_every=cold_every)
    assert found.characters == 1
    assert found.nats == pytest.approx(reference(model, "ab"), rel=1e-6)


@pytest.mark.parametrize("cold_every", [0, -1])
def test_cold_windows_have_a_character_at_least(cold_every):
    with pytest.raises(ValueError, match=rf"`cold_every`.*got {cold_every}"):
        evaluate(engine(), "abc", cold_every=cold_every)


def test_an_unknown_character_is_an_error_of_the_text():
    with pytest.raises(UnknownCharacterError, match=r"^the text has"):
        evaluate(engine(), "abX")


def test_an_unknown_character_of_the_context_is_an_error_of_the_context():
    with pytest.raises(UnknownCharacterError, match=r"^the context has"):
        evaluate(engine(), "ab", context="X")


# --- ids, marks and how a text is prepared ----------------------------------------------


@pytest.mark.parametrize("cold_every", [None, 7])
@pytest.mark.parametrize("before", [0, 1, 30])
def test_ids_are_scored_as_the_text_that_they_stand_for(before, cold_every):
    model, whole = engine("gru"), some_text(200)
    text, context = whole[before:], whole[:before]
    encode = model.vocabulary.encode
    told = []
    found = evaluate_part(
        model,
        Plain(encode(text)),
        encode(context),
        cold_every=cold_every,
        tell=told.append,
    )
    assert found == evaluate(model, text, context=context, cold_every=cold_every)
    assert sum(told) >= found.characters


@pytest.mark.parametrize("skip_unknown", [False, True])
@pytest.mark.parametrize("cold_every", [None, 4])
def test_unknown_characters_are_scored_as_their_mark(cold_every, skip_unknown):
    model = item_engine()
    ids = np.array([0, 4, 1, 4, 4, 2] * 9, np.int32)
    options = {"cold_every": cold_every, "skip_unknown": skip_unknown}
    found = evaluate(model, "aéb中xc" * 9, **options)
    before = np.array([3], np.int32)
    total = evaluate_part(model, Plain(ids), before, cold_every=cold_every)
    assert found.nats == total.nats
    assert (found.characters, found.unknown) == (54, 27)
    assert found.utf8_bytes == len(("aéb中xc" * 9).encode())


def test_an_item_is_scored_from_its_first_character():
    model = item_engine(unknown=False)
    state, losses = model.zero_state(), []
    for read, following in itertools.pairwise([3, 1, 0, 2]):
        logits, state = model.step(np.array([read], np.int32), state)
        odds = np.exp(logits[0].astype(float))
        losses.append(math.log(odds.sum() / odds[following]))
    found = evaluate(model, "bac")
    assert found.characters == 3
    assert found.nats == pytest.approx(sum(losses) / 3, rel=1e-6)


def test_text_and_context_are_prepared_as_the_corpus_was():
    model = engine(policy=TextPolicy(lowercase=True, newlines="any"))
    found = evaluate(model, "AB\rCd", context="E\r\nA")
    assert found == evaluate(engine(), "ab\ncd", context="e\na")
