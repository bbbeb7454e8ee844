"""Filling gaps: against all ways to fill them, where there are few enough to try."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import CheckpointError, UnknownCharacterError
from chargen.sampling.restore import CONTEXT, restore
from sampling.test_blend import Hears

WIDE = 5_000
"""A beam that nothing falls out of."""


def forward(characters="abc ", **parts):
    return Hears(characters, **parts)


def backward(characters="abc ", **parts):
    return Hears(characters, seed=7, direction="backward", **parts)


def log_probability(model, text):
    """Return the logarithm of an item's probability, in plain Python."""
    ids = list(model.vocabulary.encode(model.policy.arrange(text)))
    if model.vocabulary.end is not None:
        ids.append(model.vocabulary.end)
    last, state, found = model.start_id, model.zero_state(), 0.0
    for i in ids:
        logits, state = model.step(np.array([last], np.int32), state)
        values = [float(value) for value in logits[0]]
        found += values[i] - math.log(math.fsum(math.exp(value) for value in values))
        last = i
    return found


def all_ways(models, text, candidates):
    """Return all ways to fill the gaps of a text, each with its probability."""
    count, weights = text.count("_"), {}
    for chosen in itertools.product(candidates, repeat=count):
        characters = iter(chosen)
        filled = "".join(next(characters) if c == "_" else c for c in text)
        scores = [log_probability(model, filled) for model in models]
        weights[filled] = math.exp(sum(scores) / len(scores))
    total = math.fsum(weights.values())
    return {filled: weight / total for filled, weight in weights.items()}


def check(models, text, candidates="abc "):
    """Compare with all ways to fill the gaps."""
    first, *others = models
    found = restore(first, text, backward=others[0] if others else None, beam=WIDE)
    check_piece(found.text, found.gaps, all_ways(models, text, candidates))
    assert [g.position for g in found.gaps] == [i for i, c in enumerate(text) if c == "_"]


def check_piece(piece, gaps, ways, at=0):
    """Compare a piece of a text, which begins at `at`, with all ways to fill it."""
    assert ways[piece] == pytest.approx(max(ways.values()), rel=1e-9)
    for gap in gaps:
        place = gap.position - at
        assert piece[place] == gap.chosen
        share = math.fsum(w for one, w in ways.items() if one[place] == gap.chosen)
        assert gap.probability == pytest.approx(share, rel=1e-6)


MODELS = {
    "forward": [forward()],
    "backward": [backward()],
    "both": [forward(), backward()],
}
which = pytest.mark.parametrize("models", MODELS.values(), ids=MODELS)


@which
@pytest.mark.parametrize(
    "text",
    ["ab_ca", "_bca", "bca_", "a_b_a", "a__ca", "_", "___", "__b_", "_abc a bc_", "c_ _"],
)
def test_the_best_of_all_ways_is_found_and_its_share_is_right(models, text):
    check(models, text)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from([*MODELS.values()]),
    st.text("abc __", min_size=1, max_size=10).filter(lambda text: text.count("_") < 4),
    st.booleans(),
)
def test_the_best_of_all_ways_is_found_in_any_text(models, text, items):
    if items:
        models = [
            Hears("abc ", model.seed, end=True, direction=model.policy.direction)
            for model in models
        ]
    check(models, text)


class Neighbours(Hears):
    """A model whose next character depends on the last one alone."""

    def __init__(self, *arguments, **parts):
        super().__init__(*arguments, **parts)
        ids = np.arange(len(self.vocabulary), dtype=np.int32)
        self.logits, _ = super().step(ids, (self.seed,) * len(ids))

    def step(self, ids, state):
        return self.logits[ids], state


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("end", [False, True])
def test_a_long_text_is_restored_piece_by_piece(direction, end):
    """Where only neighbours matter, each run of gaps can be filled by itself."""
    models = [Neighbours("abc", end=end)]
    models += [Neighbours("abc", 7, end=end, direction="backward")]
    models = {"forward": models[:1], "backward": models[1:], "both": models}[direction]
    random, text = np.random.default_rng(0), "b"
    while len(text) < 300:
        text += "_" * int(random.choice([1, 1, 2, 3]))
        text += "".join(random.choice([*"abc"], random.choice([3, 4, 5, 40])))
    first, *others = models
    found = restore(first, text, backward=others[0] if others else None, beam=WIDE)
    assert [g.position for g in found.gaps] == [i for i, c in enumerate(text) if c == "_"]
    for run in re.finditer("._+.", text):
        gaps = [g for g in found.gaps if run.start() < g.position < run.end()]
        ways = all_ways(models, run[0], "abc")
        check_piece(found.text[run.start() : run.end()], gaps, ways, run.start())


def test_a_beam_of_one_takes_the_likeliest_character_each_time():
    model, text = forward(), "a_b__c_a___"
    expected = ""
    for c in text:
        tried = [c] if c != "_" else model.vocabulary.characters
        expected += max(tried, key=lambda c: log_probability(model, expected + c))
    assert restore(model, text, beam=1).text == expected


def test_both_models_decide_on_what_a_narrow_beam_keeps():
    models, after = [Even("abc "), backward()], "b ca"
    best = max("abc ", key=lambda c: log_probability(models[1], c + after))
    text = restore(models[0], f"a_{after}", backward=models[1], beam=1).text
    assert text == f"a{best}{after}"


@pytest.mark.parametrize("text", ["b b_cca_b_", "_cac_ c  _", "_cb_bbc_ b"])
def test_a_narrow_beam_keeps_what_both_models_find_best_so_far(text):
    narrow, wide = (
        restore(forward(), text, backward=backward(), beam=b) for b in (4, WIDE)
    )
    assert narrow.text == wide.text


def test_a_wider_beam_finds_what_a_narrow_one_misses():
    model, text = forward(), "a_b__c_a"
    narrow, wide = (
        log_probability(model, restore(model, text, beam=b).text) for b in (1, 64)
    )
    assert narrow < wide


# --- how far it looks ---------------------------------------------------------------------


def probability(models, text):
    first, *others = models
    found = restore(first, text, backward=others[0] if others else None, beam=WIDE)
    return found.gaps[0].probability


def test_what_follows_a_gap_decides_on_it_as_far_as_the_context_goes():
    text, at = "ab_" + "abc" * 6, 2 + CONTEXT
    far, near = (text[:i] + text[i].swapcase() + text[i + 1 :] for i in (at + 1, at))
    models = [forward("abcABC")]
    assert probability(models, far) == probability(models, text)
    assert probability(models, near) != probability(models, text)


def test_the_backward_model_reads_what_is_before_a_gap_as_far_as_the_context_goes():
    text, at = "abc" * 6 + "_ab", 18 - CONTEXT
    far, near = (text[:i] + text[i].swapcase() + text[i + 1 :] for i in (at - 1, at))
    models = [Even("abcABC"), backward("abcABC")]
    assert probability(models, far) == probability(models, text)
    assert probability(models, near) != probability(models, text)


def test_the_context_is_counted_from_the_ends_of_a_run():
    text, at = "abc" * 6 + "___ab", 18 - CONTEXT
    far, near = (text[:i] + text[i].swapcase() + text[i + 1 :] for i in (at - 1, at))
    models = [Even("abcABC"), backward("abcABC")]
    assert probability(models, far) == probability(models, text)
    assert probability(models, near) != probability(models, text)


def test_the_backward_model_has_its_own_filling_of_what_is_still_to_come():
    """It reads what is before a gap once more when the next gap is filled, but not all."""
    model, text = backward(), "abcabcabcab_abc_cab"
    one, two = 11, 15

    def of(stretch, first, second):
        """The log-probability of places of the text, with the gaps filled."""
        filled = f"{text[:one]}{first}{text[one + 1 : two]}{second}{text[two + 1 :]}"
        after = filled[stretch.stop :]
        return log_probability(model, filled[stretch.start :]) - log_probability(
            model, after
        )

    guess = restore(model, text, beam=WIDE).text[two]
    early, late = slice(one - CONTEXT, two - CONTEXT), slice(two - CONTEXT, two + 1)
    ways = {
        (a, b): math.exp((of(early, a, guess) + of(late, a, b)) / 2)
        for a, b in itertools.product("abc ", repeat=2)
    }
    found = restore(Even("abc "), text, backward=model, beam=WIDE)
    best = max(ways, key=ways.__getitem__)
    assert tuple(gap.chosen for gap in found.gaps) == best
    for i, gap in enumerate(found.gaps):
        share = math.fsum(w for way, w in ways.items() if way[i] == best[i])
        assert gap.probability == pytest.approx(share / math.fsum(ways.values()))


def test_the_backward_model_reads_all_that_follows_a_gap():
    text, models = "_" + "abc " * 6, [Even("abc "), backward()]
    assert probability(models, text[:-1] + "b") != probability(models, text)


# --- which characters ---------------------------------------------------------------------


class Even(Hears):
    """Thinks all characters and marks equally likely."""

    def step(self, ids, state):
        logits, state = super().step(ids, state)
        return np.zeros_like(logits), state


@pytest.mark.parametrize("second", [None, Even("abc", direction="backward")])
def test_of_equals_the_first_in_the_vocabulary_is_chosen(second):
    assert restore(Even("cab"), "__a_b_", backward=second).text == "ccacbc"
    shares = [gap.probability for gap in restore(Even("cab"), "_a_").gaps]
    assert shares == pytest.approx([1 / 3, 1 / 3])


def test_of_many_equals_the_first_in_the_vocabulary_is_chosen():
    class Odd(Hears):
        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[:] = np.arange(26) % 2
            return logits, state

    assert restore(Odd("zyxwvutsrqponmlkjihgfedcba"), "a_b__", beam=9).text == "aybyy"


def test_a_gap_is_filled_with_what_both_models_know():
    models = [forward("xc ab"), backward("bay c")]
    check(models, "a_b_", candidates="c ab")
    filled = {
        restore(models[0], f"a{a}_{b}", backward=models[1]).text[2]
        for a, b in itertools.product("abc ", repeat=2)
    }
    assert filled <= set("c ab")
    assert len(filled) > 1


def test_a_gap_is_never_filled_with_the_sign_for_a_gap():
    class Underlines(Hears):
        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[:, 0] += 50
            return logits, state

    assert set(restore(Underlines("_ab"), "a_b__").text) == set("ab")
    assert restore(Underlines("_ab"), "a_b?_", gap="?").text == "a_b__"


def test_a_gap_is_never_filled_with_a_mark():
    class Marks(Hears):
        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[:, 2:] += 50
            return logits, state

    found = restore(Marks("ab", end=True, unknown=True), "a_b__é")
    assert len(found.text) == 6
    assert set(found.text[:5]) <= set("ab")
    assert found.text[5] == "é"  # read as the mark, and left as it is


@pytest.mark.parametrize("gap", ["?", "😀", "\u0301", "\n"])
def test_any_character_can_stand_for_a_gap(gap):
    plain = restore(forward(), "a_b__c")
    assert restore(forward(), f"a{gap}b{gap}{gap}c", gap=gap) == plain


# --- texts --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "ab ca", "xyz"])
def test_a_text_without_gaps_stays_as_it_is(text):
    found = restore(forward(), text, backward=backward())
    assert (found.text, found.gaps) == (text, ())


def test_a_text_is_prepared_as_the_corpus_was():
    policy = {"lowercase": True, "normalize": "nfc", "newlines": "any"}
    found = restore(Hears("aé\n", **policy), "A_\r\nE\u0301_\r")
    one, two = found.gaps
    assert (one.position, two.position) == (1, 4)
    assert found.text == f"a{one.chosen}\né{two.chosen}\n"


def test_preparing_a_text_makes_no_gaps_and_loses_none():
    model = Hears("ag_", lowercase=True, normalize="nfkc")
    found = restore(model, "Gag\uff3fA", gap="G")  # a wide low line becomes one
    assert [gap.position for gap in found.gaps] == [0]
    assert found.text[1:] == "ag_a"


def check_items(model, pieces):
    """Restore items, every second piece, together and each by itself."""
    alone = [restore(model, item).text for item in pieces[1::2]]
    sure = [g.probability for item in pieces[1::2] for g in restore(model, item).gaps]
    found = restore(model, "".join(pieces))
    pieces[1::2] = alone
    assert found.text == "".join(pieces)
    assert [g.probability for g in found.gaps] == pytest.approx(sure)


@pytest.mark.parametrize("documents", ["lines", "column"])
def test_each_line_of_a_list_is_an_item(documents):
    model = Hears("abc", end=True, documents=documents)
    check_items(model, ["", "a_b", "\n\n", "abc", "\n", "__", "\n"])
    assert [gap.position for gap in restore(model, "a_b\n\nabc\n__\n").gaps] == [1, 9, 10]


def test_items_stand_between_blank_lines():
    model = Hears("abc \n", end=True, documents="blank-lines")
    check_items(model, ["", "a_b\nc_", "\n\n", "_b", "\n \n\n", " _", "\n"])
    check_items(model, [" \n\n", "a_b", "\n ", "", ""])
    check_items(model, ["\n", "a_b", "", "", ""])


def test_a_file_is_an_item_without_the_newlines_around_it():
    model = Hears("abc\n", end=True, documents="files")
    check_items(model, ["\n", "a_b\n\nc_", "\n\n"])


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("models", [[forward()], [forward(), backward("ab c")]])
def test_unknown_characters_are_an_error_that_says_where(models):
    first, *others = models
    with pytest.raises(UnknownCharacterError) as caught:
        restore(first, "a_bx", backward=others[0] if others else None)
    assert "the text has a character that the model never saw" in str(caught.value)
    assert "once at character 4" in str(caught.value)


def test_what_one_model_knows_the_other_has_to_know():
    with pytest.raises(UnknownCharacterError, match="'c'"):
        restore(forward(), "a_c", backward=backward("ab "))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ((backward(), backward()), "the first of two models has to read forwards"),
        ((forward(), forward()), "the second of two models has to be a backward one"),
        ((forward(), backward(documents="lines", end=True)), "`documents` is 'none'"),
        ((forward(lowercase=True), backward()), "prepare this text differently"),
        ((forward(), backward("xyz")), "there is no character, besides `gap`"),
    ],
)
def test_models_that_do_not_go_together_are_an_error(models, message):
    with pytest.raises(ValueError, match=message):
        restore(models[0], "A_b", backward=models[1])


def test_models_may_differ_in_what_makes_no_difference_to_the_text():
    models = [forward(newlines="lf"), backward(newlines="any", normalize="nfc")]
    check(models, "a_b")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"gap": ""}, "`gap`"), ({"gap": "__"}, "got '__'"), ({"beam": 0}, "`beam`")],
)
def test_options_out_of_range_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        restore(forward(), "a_b", **options)


def test_a_vocabulary_of_the_gap_alone_has_nothing_to_fill_it_with():
    with pytest.raises(ValueError, match="there is no character, besides `gap`"):
        restore(forward("_"), "__")


@pytest.mark.parametrize("broken", ["forward", "backward"])
def test_logits_that_are_not_finite_are_an_error(broken):
    class Broken(Hears):
        def step(self, ids, state):
            logits, state = super().step(ids, state)
            logits[0, -1] = np.nan
            return logits, state

    models = [forward(), backward()]
    if broken == "forward":
        models[0] = Broken("abc ")
    else:
        models[1] = Broken("abc ", direction="backward")
    with pytest.raises(CheckpointError, match="too large to compute with"):
        restore(models[0], "a_b", backward=models[1])
