"""Many texts at once: their random streams, order, refusals, labels, and words within."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from item_models import item_engine

from chargen.errors import UnknownCharacterError
from chargen.sampling.generate import generate
from chargen.sampling.options import Sampling
from chargen.sampling.texts import (
    Sample,
    generate_texts,
    unrepeated,
    without_label,
)
from sampling.test_generate import Remembers


def texts(model, count, *, seed=1, **options):
    sampling = Sampling(seed=seed, **options.pop("sampling", {}))
    found = generate_texts(model, sampling, count=count, **options)
    return [sample.text for sample in found]


# --- drawing ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed_text", ["", "ab"])
def test_the_first_text_is_what_generate_gives(seed_text):
    for model in (item_engine(), Remembers("abc", start="a")):
        for seed in range(5):
            how = {"seed": seed, "length": 40}
            (first,) = generate_texts(model, seed_text=seed_text, count=1, **how)
            assert first.text == seed_text + "".join(generate(model, seed_text, **how))


def test_a_text_does_not_depend_on_how_many_are_asked_for():
    assert texts(item_engine(), 3) == texts(item_engine(), 20)[:3]
    endless = generate_texts(item_engine(), seed=1)
    assert [s.text for s in itertools.islice(endless, 70)] == texts(item_engine(), 70)
    assert len(set(texts(item_engine(), 20))) > 3


def test_each_draws_from_a_stream_of_its_own():
    model, found = item_engine(), texts(item_engine(), 9, seed=3)
    for number, text in enumerate(found):
        raw, last, state = np.random.PCG64(3).jumped(number), model.vocabulary.end, None
        expected, state = "", model.zero_state()
        while True:
            logits, state = model.step(np.array([last], np.int32), state)
            logits[0, model.vocabulary.unknown] = -np.inf
            values = (logits[0].astype(float) - float(logits.max())) / 0.8
            cumulative = np.exp(values).cumsum()
            uniform = (raw.random_raw() >> 11) * 2.0**-53
            last = next(i for i, c in enumerate(cumulative) if c > uniform * cumulative[-1])
            if last == model.vocabulary.end:
                break
            expected += model.vocabulary.characters[last]
        assert text == expected


def test_a_sample_says_whether_it_ended():
    drawn = generate_texts(item_engine(ends=-1), Sampling(seed=1, length=4))
    samples = list(itertools.islice(drawn, 50))
    assert {sample.ended for sample in samples} == {True, False}
    assert all(len(sample.text) == 4 for sample in samples if not sample.ended)
    assert all(len(sample.text) < 4 for sample in samples if sample.ended)


def test_running_texts_have_the_length_asked_for_and_do_not_end():
    model = Remembers()
    samples = generate_texts(model, Sampling(seed=1, length=30))
    first, second = itertools.islice(samples, 2)
    assert not first.ended
    assert len(first.text) == len(second.text) == 30
    assert first.text != second.text


def test_a_text_that_will_not_do_is_drawn_again():
    every = texts(item_engine(), 200)
    wanted = [text for text in every if len(text) > 1]
    assert 5 < len(wanted) < 150
    found = texts(item_engine(), 5, accept=lambda text: len(text) > 1)
    assert found == wanted[:5]


def test_the_seed_text_is_part_of_what_is_accepted():
    asked = []
    texts(item_engine(), 3, seed_text="ab", accept=lambda text: not asked.append(text))
    assert len(asked) == 3
    assert all(text.startswith("ab") for text in asked)


def test_after_100_refusals_in_a_row_no_more_are_drawn():
    asked = []

    def accept(text):
        asked.append(text)
        return len(asked) in (5, 105)

    assert len(texts(item_engine(), 9, accept=accept)) == 2  # 99 refusals were few enough
    assert len(asked) == 205


def test_repeats_are_refused():
    model = item_engine(ends=-1)
    found = texts(model, 30, accept=unrepeated())
    every = texts(model, 500)
    assert found == list(dict.fromkeys(every))[:30]
    assert len(set(every[:30])) < 30


def test_what_is_wrong_is_an_error_of_the_call():
    with pytest.raises(UnknownCharacterError, match="the seed text"):
        generate_texts(item_engine(unknown=False), seed_text="x")
    labelled = item_engine("\tab", label=True, unknown=False)
    with pytest.raises(UnknownCharacterError, match="the label"):
        generate_texts(labelled, label="x")
    with pytest.raises(ValueError, match="`label`"):
        generate_texts(item_engine(), label="a")


# --- labels -----------------------------------------------------------------------------


def test_a_label_that_is_asked_for_comes_before_the_item_and_is_no_part_of_it():
    model = item_engine("\tab", label=True, ends=-1)
    for seed in range(5):
        (found,) = texts(model, 1, seed=seed, label="ab", seed_text="b")
        assert found == "b" + "".join(generate(model, "ab\tb", seed=seed))


def test_a_label_that_is_not_asked_for_is_written():
    model = item_engine("\tab", label=True, ends=-1)
    assert texts(model, 5) == texts(item_engine("\tab", ends=-1), 5)


@pytest.mark.parametrize(
    ("text", "item"), [("a\tb", "b"), ("a\tb\tc", "b\tc"), ("\tb", "b"), ("ab", "")]
)
def test_a_label_ends_at_the_first_tab(text, item):
    assert without_label(text) == item


# --- several seed texts, shapes, guards ---------------------------------------------------


def test_each_seed_text_gets_the_texts_that_it_gets_alone():
    model, seeds = item_engine(), ["a", "", "cab"]
    found = texts(model, 3, seed_text=seeds)
    assert found == [text for each in seeds for text in texts(model, 3, seed_text=each)]


def test_more_texts_than_go_side_by_side_come_in_their_order(monkeypatch):
    every = texts(item_engine(), 60)
    monkeypatch.setattr("chargen.sampling.batch.WIDTH", 7)
    assert texts(item_engine(), 60) == every
    assert [s.number for s in generate_texts(item_engine(), seed=1, count=9)] == [*range(9)]


def test_texts_of_no_characters_come_too():
    found = list(generate_texts(Remembers(), length=0, seed_text="ab", count=3, seed=1))
    assert [(sample.text, sample.nats) for sample in found] == [("ab", ())] * 3


def test_a_sample_has_the_nats_of_its_characters():
    model = item_engine(ends=-1)
    for number, sample in enumerate(generate_texts(model, seed=1, count=5)):
        assert len(sample.nats) == len(sample.text)
        assert sample.number == number
    text = generate(model, seed=1)
    first = next(generate_texts(model, seed=1))
    assert [text.nats for _ in text] == pytest.approx(first.nats)
    if first.nats:
        assert first.nats_each == pytest.approx(sum(first.nats) / len(first.nats))


def test_a_letter_that_the_model_never_saw_costs_nothing_known():
    sample = next(generate_texts(Remembers(), seed=1, acrostic="X", length=9))
    assert np.isnan(sample.nats[0])
    assert sample.nats_each == pytest.approx(np.mean(sample.nats[1:]))
    assert Sample("", ended=True).nats_each == 0


# --- backward models ---------------------------------------------


def test_a_backward_model_writes_what_comes_before():
    turned = {"direction": "backward"}
    for model, forward in [(Remembers(**turned), Remembers())]:
        (found,) = generate_texts(model, seed=1, length=20, seed_text="bcd", count=1)
        text = generate(forward, "dcb", seed=1, length=20)
        assert found.text == "".join(text)[::-1] + "bcd"
        assert found.seed_text == "bcd"
