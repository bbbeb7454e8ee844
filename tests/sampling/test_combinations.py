"""What holds for every combination of options, with models that are nothing but memory."""

from __future__ import annotations

import itertools
import math
import re

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chargen.sampling.generate import generate
from chargen.sampling.method import Method
from chargen.sampling.options import Sampling
from chargen.sampling.seeds import seed_text_of
from chargen.sampling.texts import generate_texts
from chargen.text.vocabulary import Vocabulary
from sampling.test_generate import CHARACTERS, Remembers

wild = settings(max_examples=30, deadline=None, derandomize=True)


class Items(Remembers):
    """A model of items, with both marks."""

    def __init__(self):
        super().__init__(documents="lines")
        self.vocabulary = Vocabulary(CHARACTERS, end=True, unknown=True)
        self.start_id = self.vocabulary.end


MODELS = {
    "forward": Remembers(),
    "backward": Remembers(direction="backward"),
    "items": Items(),
}
SHARES = st.floats(0.01, 1)
SHAPES = {
    "lines": st.integers(1, 3),
    "acrostic": st.sampled_from(["ab", "a", "Éb", "xax", "中x“"]),
    "pattern": st.sampled_from(["[a-e \n]*", "(ab|[cd]e)+", "[^a]{3,9}", "a.*b", ".*"]),
}
RULES = {
    "temperature": st.sampled_from([0, 1e-9, 0.3, 1.0, 1e6]),
    "top_k": st.integers(1, 12),
    "top_p": SHARES,
    "min_p": SHARES,
    "typical_p": SHARES,
    "dry": st.integers(1, 4),
    "forbid": st.text("abc\n中X", max_size=3),
    "bias": st.dictionaries(st.sampled_from("abé😀\n"), st.floats(-9, 9), max_size=3),
}
STOPS = st.lists(st.text("ab \n中", min_size=1, max_size=3), min_size=1, max_size=3)
ENDS = {"stop": STOPS.map(tuple), "keep_stop": st.booleans()}


@st.composite
def cases(draw):
    """A model, a seed text and options that go together."""
    model = MODELS[draw(st.sampled_from(sorted(MODELS)))]
    always = {"seed": st.integers(0, 9), "length": st.integers(0, 25)}
    options = draw(st.fixed_dictionaries(always, optional={**RULES, **ENDS}))
    shape = draw(st.sampled_from([None, None, *SHAPES]))
    if shape is not None:
        options[shape] = draw(SHAPES[shape])
    seed_text = draw(st.sampled_from(["", "", "a\n", "\n", "ab中 é"]))
    try:  # whether it is possible is said before anything is drawn
        method = Method(model, Sampling(**options))
        method.begin(seed_text_of(model, seed_text))
    except ValueError:
        assume(False)
    return model, seed_text, options


def streamed(generation):
    """Characters as they come, each with its nats."""
    return [(character, generation.nats) for character in generation]


def written(case, **changes):
    """The new text of a case, as it comes, and whether it ended by itself."""
    model, seed_text, options = case
    generation = generate(model, seed_text, **{**options, **changes})
    return "".join(generation), generation.ended


def many(case, count, **changes):
    model, seed_text, options = case
    given = {"seed_text": seed_text, **options, **changes}
    drawn = generate_texts(model, **given, count=count)
    return [repr(sample) for sample in drawn]  # NaN is equal to NaN in there


def crowded(name, **options):
    """A case whose length ends it within an acrostic that is not read."""
    return MODELS[name], "", {"seed": 0, "acrostic": "xax", **options}


@wild
@example(crowded("forward", length=1))
@example(crowded("items", length=3, stop=("a",)))
@given(cases())
def test_the_same_seed_gives_the_same_text_and_nats(case):
    model, seed_text, options = case
    one, two = (streamed(generate(model, seed_text, **options)) for _ in range(2))
    assert repr(one) == repr(two)
    assert len(one) <= options["length"]
    assert all(math.isnan(nats) or nats >= 0 for _, nats in one)


@wild
@given(cases())
def test_what_is_streamed_is_the_whole_text(case):
    model, seed_text, options = case
    generation = generate(model, seed_text, **options)
    pieces = streamed(generation)
    (sample,) = generate_texts(model, seed_text=seed_text, **options, count=1)
    new = model.policy.arrange("".join(character for character, _ in pieces))
    nats = [nats for _, nats in pieces]
    backward = model.policy.backward
    assert sample.text == (new + seed_text if backward else seed_text + new)
    assert repr(sample.nats) == repr(tuple(nats[::-1] if backward else nats))
    assert sample.ended == generation.ended


@wild
@given(cases())
def test_a_text_is_the_same_however_many_are_drawn(case):
    five = many(case, 5)
    assert len(five) == 5
    assert many(case, 1) == five[:1]
    assert many(case, 3) == five[:3]


@wild
@given(cases())
def test_a_text_is_the_same_whatever_seed_texts_there_are_beside(case):
    _, seed_text, options = case
    assume("pattern" not in options)
    together = many(case, 2, seed_text=["ab\n", seed_text, "\n", "abcab\n"])
    assert together[2:4] == many(case, 2)


HELD = {"seed": 0, "length": 9, "bias": {"a": 9.0}, "stop": ("ab",)}  # an "a", mostly


@wild
@example((MODELS["forward"], "", HELD), 3)
@given(cases(), st.integers(0, 12))
def test_a_clone_goes_on_like_the_original_and_without_it(case, place):
    model, seed_text, options = case
    whole = streamed(generate(model, seed_text, **options))
    original = generate(model, seed_text, **options)
    begun = [(character, original.nats) for character in itertools.islice(original, place)]
    clone = original.clone()
    other = original.clone(seed=77)
    assert repr(clone.nats) == repr(original.nats)
    rest = streamed(clone)
    assert repr(begun + rest) == repr(whole)
    streamed(other)
    assert repr(streamed(original)) == repr(rest)
    assert original.ended == clone.ended


@wild
@given(cases())
def test_forbidden_characters_are_not_written(case):
    model, _, options = case
    text, _ = written(case)
    forbidden = set(options.get("forbid", ""))
    assert not forbidden & (set(text) - set(options.get("acrostic", "")))
    assert set(text) <= {*model.vocabulary.characters, *options.get("acrostic", "")}


@wild
@given(cases(), ENDS["stop"])
def test_a_stop_string_cuts_a_text_where_it_first_ends_and_changes_nothing_else(case, stop):
    model, _, _ = case
    whole, ended = written(case, stop=())
    stops = [model.policy.arrange(each) for each in stop]
    ends = [end for end in range(len(whole) + 1) if whole[:end].endswith(tuple(stops))]
    if ends:
        last = next(each for each in stops if whole[: ends[0]].endswith(each))
        assert written(case, stop=stop, keep_stop=True) == (whole[: ends[0]], True)
        text, _ = written(case, stop=stop, keep_stop=False)
        assert text + last == whole[: ends[0]]
        assert not any(each in text for each in stops)
    else:
        for keep in (False, True):
            assert written(case, stop=stop, keep_stop=keep) == (whole, ended)


@wild
@given(cases())
def test_a_text_that_ends_by_itself_has_the_shape_that_was_asked_for(case):
    model, seed_text, options = case
    text, ended = written(case, stop=())
    assert len(text) <= options["length"]
    if not ended:
        return
    lines = text.split("\n")
    if "lines" in options:
        assert len(lines) == options["lines"] or model.vocabulary.end is not None
    if "acrostic" in options:
        assert [line[:1] for line in lines] == [*options["acrostic"]]
    if "pattern" in options:
        assert re.fullmatch(options["pattern"], seed_text + text)
