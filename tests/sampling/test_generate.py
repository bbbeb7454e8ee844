"""Generating text, with a model that is nothing but what `sampling.model` asks for."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from item_models import item_engine

from chargen.errors import CheckpointError, UnknownCharacterError
from chargen.sampling.draw import Uniforms
from chargen.sampling.generate import generate
from chargen.sampling.method import random_seed
from chargen.sampling.options import Sampling
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

CHARACTERS = "\n abcdeé“中😀"


class Remembers:
    """A model whose next character depends on all that it has read, as if by chance.

    Its state is, for each text, how many characters were read and a number made of them.
    """

    def __init__(self, characters=CHARACTERS, start="\n", **policy):
        self.vocabulary = Vocabulary(characters)
        self.policy = TextPolicy(**policy)
        self.start_id = characters.index(start)

    def zero_state(self, batch_size=1):
        return ((0, 1),) * batch_size

    def step(self, ids, state):
        assert ids.dtype == np.int32
        after = tuple(
            (count + 1, (memory * 31 + int(i) + 1) % 2**61)
            for (count, memory), i in zip(state, ids, strict=True)
        )
        size = len(self.vocabulary)
        logits = [np.random.default_rng(seen).normal(0, 2, size) for _, seen in after]
        return np.array(logits, np.float32), after

    def rows(self, state, places):
        return tuple(state[place] for place in places)

    def join(self, states):
        return tuple(itertools.chain(*states))


def written(model, seed_text="", **options):
    return "".join(generate(model, seed_text, **{"length": 60, "seed": 1, **options}))


def test_the_text_is_what_reading_and_drawing_step_by_step_gives():
    model, seed_text, expected = Remembers(), "abé 中\n", ""
    raw, state = np.random.PCG64(5), model.zero_state()
    for character in seed_text:
        logits, state = model.step(model.vocabulary.encode(character), state)
    for _ in range(60):
        uniform = (raw.random_raw() >> 11) * 2.0**-53
        values = (logits[0].astype(float) - float(logits.max())) / 0.9
        cumulative = np.cumsum(np.exp(values))
        drawn = next(i for i, c in enumerate(cumulative) if c > uniform * cumulative[-1])
        expected += CHARACTERS[drawn]
        logits, state = model.step(np.array([drawn], np.int32), state)
    assert written(model, seed_text, temperature=0.9, seed=5) == expected


def test_the_same_seed_gives_the_same_text():
    assert written(Remembers(), "ab", seed=3) == written(Remembers(), "ab", seed=3)


def test_another_seed_gives_another_text():
    assert len({written(Remembers(), seed=seed) for seed in range(5)}) == 5


def test_one_model_writes_several_texts_at_a_time():
    model = Remembers()
    pairs = zip(
        generate(model, "a", length=40, seed=1),
        generate(model, "b", length=40, seed=2),
        strict=True,
    )
    one, two = ("".join(characters) for characters in zip(*pairs, strict=True))
    assert one == written(model, "a", length=40, seed=1)
    assert two == written(model, "b", length=40, seed=2)


@pytest.mark.parametrize("length", [0, 1, 2, 77])
def test_the_length_counts_new_characters(length):
    assert len(written(Remembers(), "abc", length=length)) == length


def test_a_longer_text_begins_like_a_shorter_one():
    assert written(Remembers(), length=50).startswith(written(Remembers(), length=20))


def test_500_characters_are_generated_where_no_length_is_given():
    assert sum(1 for _ in generate(Remembers(), seed=0)) == 500


def test_characters_come_one_by_one():
    text = generate(Remembers(), length=10**12, seed=1)
    assert "".join(itertools.islice(text, 60)) == written(Remembers())


def test_all_characters_are_of_the_vocabulary():
    text = written(Remembers(), length=500, temperature=1e6)
    assert set(text) == set(CHARACTERS)


def test_an_empty_seed_text_starts_from_what_the_model_says():
    model = Remembers(start="d")
    assert written(model, "") == written(model, "d")
    assert written(model, "") != written(model, "a")


@pytest.mark.parametrize("place", [0, 1, 500, 999])
def test_the_seed_text_is_read_whole(place):
    seed_text = "a" * 1000
    other = seed_text[:place] + "b" + seed_text[place + 1 :]
    assert written(Remembers(), seed_text) != written(Remembers(), other)


def test_crlf_in_the_seed_text_is_a_newline():
    assert written(Remembers(), "a\r\nb") == written(Remembers(), "a\nb")


def test_the_seed_text_is_prepared_as_the_corpus_was():
    model = Remembers(normalize="nfc", lowercase=True, newlines="any")
    assert written(model, "A\rE\u0301") == written(Remembers(), "a\né")


def test_temperature_zero_needs_no_luck():
    texts = {written(Remembers(), "a", temperature=0, seed=seed) for seed in range(5)}
    assert len(texts) == 1


class Even(Remembers):
    """Thinks all characters from the third on equally likely, and the others less so."""

    def step(self, ids, state):
        logits, state = super().step(ids, state)
        logits[:, :2], logits[:, 2:] = -1.0, 0.5
        return logits, state


def test_temperature_zero_takes_the_lowest_of_equals():
    assert written(Even(), "", temperature=0, length=5) == CHARACTERS[2] * 5


@pytest.mark.parametrize("temperature", [0, 1e-9, 0.8, 1e6])
def test_a_character_takes_one_random_number_whatever_the_temperature(
    temperature, monkeypatch
):
    taken = []

    class Counted(Uniforms):
        def next(self):
            taken.append(super().next())
            return taken[-1]

    monkeypatch.setattr("chargen.sampling.draft.Uniforms", Counted)
    written(Remembers(), "ab", temperature=temperature, length=17, seed=5)
    plain = Uniforms(5)
    assert taken == [plain.next() for _ in range(17)]


def test_without_a_seed_one_is_drawn(monkeypatch):
    monkeypatch.setattr("chargen.sampling.method.random_seed", lambda: 7)
    assert written(Remembers(), seed=None) == written(Remembers(), seed=7)


def test_seed_zero_is_a_seed(monkeypatch):
    monkeypatch.setattr("chargen.sampling.method.random_seed", lambda: 7)
    assert written(Remembers(), seed=0) != written(Remembers(), seed=7)


def test_random_seeds_are_short_and_differ():
    seeds = [random_seed() for _ in range(100)]
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert len(set(seeds)) > 90


def test_options_change_the_record():
    sampling = Sampling(length=30, temperature=0.5, seed=3)
    given = "".join(generate(Remembers(), "a", sampling))
    assert given == written(Remembers(), "a", length=30, temperature=0.5, seed=3)
    other = "".join(generate(Remembers(), "a", sampling, seed=4, length=20))
    assert other == written(Remembers(), "a", length=20, temperature=0.5, seed=4)
    assert sampling == Sampling(length=30, temperature=0.5, seed=3)


def test_rules_are_shown_the_seed_text_and_what_was_written(monkeypatch):
    shown = []

    def rule(log_probabilities, history, value):
        shown.append([list(ids) for ids in history])
        return log_probabilities

    monkeypatch.setattr("chargen.sampling.rules.RULES", (("temperature", rule),))
    model = Remembers()
    text = written(model, "ab", length=3)
    whole = model.vocabulary.encode("ab" + text).tolist()
    assert shown == [[whole[:2]], [whole[:3]], [whole[:4]]]
    shown.clear()
    text = written(model, "", length=2)  # the start is not part of the text
    assert shown == [[[]], [model.vocabulary.encode(text[:1]).tolist()]]


def test_rules_are_shown_no_more_than_the_latest_of_a_long_text(monkeypatch):
    shown = []

    def rule(log_probabilities, history, value):
        shown.append(list(history[0]))
        return log_probabilities

    monkeypatch.setattr("chargen.sampling.rules.RULES", (("temperature", rule),))
    monkeypatch.setattr("chargen.sampling.draft.HISTORY", 3)
    model = Remembers()
    text = written(model, "abcde", length=40)
    whole = model.vocabulary.encode("abcde" + text).tolist()
    assert len(shown) == 40
    for place, latest in enumerate(shown, 5):  # the last three, and never twice as many
        assert 3 <= len(latest) < 6
        assert latest == whole[place - len(latest) : place]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_an_error(value):
    class Broken(Remembers):
        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[0, 3] = value if state[0][0] > 4 else 0.0
            return logits, state

    text = generate(Broken(), "ab", length=9, seed=1)
    assert len(list(itertools.islice(text, 3))) == 3
    with pytest.raises(CheckpointError, match="too large to compute with"):
        next(text)


# --- a model of items -------------------------------------------------------------------


def test_an_item_is_what_is_drawn_before_the_end_mark():
    model, raw = item_engine(ends=-2), np.random.PCG64(5)
    end, unknown = model.vocabulary.end, model.vocabulary.unknown
    last, state, expected = end, model.zero_state(), ""
    while last != end or not expected:
        logits, state = model.step(np.array([last], np.int32), state)
        logits[0, unknown] = -np.inf
        values = np.exp((logits[0].astype(float) - float(logits.max())) / 0.8).cumsum()
        uniform = (raw.random_raw() >> 11) * 2.0**-53
        last = next(i for i, c in enumerate(values) if c > uniform * values[-1])
        expected += model.vocabulary.decode([last])
    assert len(expected) > 3
    assert "".join(generate(model, seed=5)) == expected


def test_a_seed_text_begins_an_item():
    model = item_engine(ends=-1e9)
    _, state = model.step(np.array([model.vocabulary.end], np.int32), model.zero_state())
    for character in "ab":
        logits, state = model.step(model.vocabulary.encode(character), state)
    likeliest = model.vocabulary.characters[logits[0, :3].argmax()]
    assert "".join(generate(model, "ab", temperature=0, length=1)) == likeliest


@pytest.mark.parametrize("temperature", [0, 0.5, 1e6])
def test_the_mark_for_unknown_characters_is_never_drawn(temperature):
    model = item_engine(ends=-1e9)
    text = "".join(generate(model, "ax", length=300, temperature=temperature, seed=1))
    assert len(text) == 300
    assert set(text) <= set("abc")


def test_how_likely_the_mark_for_unknown_characters_is_changes_nothing():
    class Marked(Remembers):
        def __init__(self, logit):
            super().__init__()
            self.vocabulary = Vocabulary(CHARACTERS, unknown=True)
            self.logit = logit

        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[:, self.vocabulary.unknown] = self.logit
            return logits, state

    likely, unlikely = (written(Marked(logit), "ab") for logit in (1e9, -1e9))
    assert likely == unlikely
    assert len(set(likely)) > 3


def test_an_item_that_does_not_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("chargen.sampling.method.LONGEST", 70)
    assert len("".join(generate(item_engine(ends=-1e9), seed=1))) == 70


def test_a_length_cuts_an_item_off_too():
    whole = "".join(generate(item_engine(ends=-2), seed=5))
    assert len(whole) > 3
    assert "".join(generate(item_engine(ends=-2), seed=5, length=3)) == whole[:3]
    assert "".join(generate(item_engine(ends=-2), seed=5, length=10**6)) == whole


# Errors are raised by the call: nothing here asks for a character.


def test_an_unknown_option_is_an_error_of_the_call():
    with pytest.raises(TypeError, match="lenght"):
        generate(Remembers(), lenght=5)


def test_an_unknown_character_of_the_seed_text_is_an_error_of_the_call():
    with pytest.raises(UnknownCharacterError) as caught:
        generate(Remembers(), "abX")
    message = str(caught.value)
    assert message.startswith("the seed text has a character that the model never saw")
    assert "'X' (U+0058 LATIN CAPITAL LETTER X): once at character 3" in message


def test_an_undecodable_byte_of_the_command_line_is_an_unknown_character():
    with pytest.raises(UnknownCharacterError, match=r"U\+DCE9"):
        generate(Remembers(), "caf\udce9")


def test_a_negative_length_is_an_error_of_the_call():
    with pytest.raises(
        ValueError, match=r"`length` must be a whole number, at least 0; got -1"
    ):
        generate(Remembers(), length=-1)


@pytest.mark.parametrize("temperature", [-0.5, float("nan"), float("inf")])
def test_a_bad_temperature_is_an_error_of_the_call(temperature):
    with pytest.raises(ValueError, match="`temperature`"):
        generate(Remembers(), temperature=temperature)


def test_a_negative_seed_is_an_error_of_the_call():
    with pytest.raises(ValueError):
        generate(Remembers(), seed=-1)


# --- the text as an object ----------------------------------------------------------------


@pytest.mark.parametrize("model", [Remembers(), item_engine(ends=-3)], ids=["text", "item"])
def test_a_clone_goes_on_as_the_original_does_and_neither_disturbs_the_other(model):
    text = generate(model, "ab", seed=1, length=40, stop="cab")
    begun = "".join(itertools.islice(text, 5))
    clone = text.clone()
    assert clone.nats == text.nats or len(begun) == 0
    rest = "".join(clone)
    assert "".join(text) == rest
    assert begun + rest == written(model, "ab", length=40, stop="cab")
    assert clone.ended is text.ended


def test_a_clone_with_another_seed_goes_elsewhere_and_reads_nothing_again(monkeypatch):
    model = Remembers()
    text = generate(model, "abc" * 50, seed=1, length=30)
    next(text)
    steps = []
    plain = Remembers.step
    monkeypatch.setattr(Remembers, "step", lambda *given: steps.append(1) or plain(*given))
    texts = {"".join(text.clone(seed)) for seed in range(5)}
    assert len(texts) == 5
    assert len(steps) == 5 * 29


def test_nats_are_those_of_the_model_whatever_the_rules_are():
    model, state, last = Remembers(), Remembers().zero_state(), "\n"
    text = generate(model, seed=1, length=40, temperature=0.3, top_k=3, bias={"a": 1})
    assert np.isnan(text.nats)
    for character in text:
        logits, state = model.step(model.vocabulary.encode(last), state)
        odds = np.exp(logits[0].astype(float))
        place = CHARACTERS.index(character)
        assert text.nats == pytest.approx(-np.log(odds[place] / odds.sum()), abs=1e-5)
        last = character


def test_the_likeliest_characters_come_with_their_odds_and_draw_nothing():
    model = Remembers()
    text = generate(model, "ab", seed=1, length=9, temperature=0.5, forbid="a")
    logits, _ = model.step(
        model.vocabulary.encode("b"),
        model.step(model.vocabulary.encode("a"), model.zero_state())[1],
    )
    odds = np.exp(logits[0].astype(float) / 0.5)
    odds[CHARACTERS.index("a")] = 0
    odds /= odds.sum()
    order = sorted(range(len(odds)), key=lambda i: -odds[i])[:4]
    found = text.likeliest(4)
    assert [character for character, _ in found] == [CHARACTERS[i] for i in order]
    assert [p for _, p in found] == pytest.approx([odds[i] for i in order])
    assert "".join(text) == written(model, "ab", length=9, temperature=0.5, forbid="a")
    assert text.likeliest(4) == []


def test_the_end_of_an_item_is_an_empty_string():
    found = dict(generate(item_engine(ends=3), seed=1).likeliest(9))
    assert found[""] > 0.3
    assert sum(found.values()) == pytest.approx(1)


def test_several_threads_may_write_with_one_model():
    model = item_engine(ends=-1e9)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: written(model, length=99, seed=seed), range(12)))
    assert found == [written(model, length=99, seed=seed) for seed in range(12)]
