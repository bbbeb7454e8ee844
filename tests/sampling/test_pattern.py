"""Patterns: what may come next, so that the text as a whole matches in time."""

from __future__ import annotations

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.sampling import automaton
from chargen.sampling.generate import generate
from chargen.sampling.pattern import MAX_CHARACTERS, Pattern
from chargen.sampling.texts import generate_texts
from chargen.text.vocabulary import Vocabulary
from sampling.test_draft import Never, Script
from sampling.test_generate import Remembers

CHARACTERS = "\n aàbcAB0-.“中文😀"
VOCABULARY = Vocabulary(CHARACTERS, end=True, unknown=True)
wild = settings(max_examples=15, deadline=None, derandomize=True)  # each starts a process

ATOMS = st.sampled_from(
    [
        *("a", "b", "à", "中", "😀", ".", "z", "[abc]", "[^ab]", "[a-c中]", "(?i:b)"),
        *(r"\.", r"\w", r"\s", r"\d", r"\n", r"\p{Lu}", r"\p{Han}"),
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)
PATTERNS = {
    "mineral": r"[A-B][a-c]{2,5}ab",
    "quatrain": r"(中{5}-文{5}\.\n){2}",
    "date": r"\d{4}-\d\d-\d\d",
    "either": r"(abc|ab)*(c|cab)",
    "free": r"[^\n]*",
    "quoted": r"“[^“]+“( [a-c]+){0,3}",
    "lines": r"(?:.{1,7}\n){3}",
    "case": r"(?i)[ab]+-?[ab]+",
    "again": r"(abc)*",
}


def walk(pattern, budget, choose):
    """Follow what is allowed; `choose` picks an id, or None to end where it may."""
    state, text = pattern.start, ""
    while True:
        ids = np.flatnonzero(pattern.allowed(state, budget - len(text)))
        picked = choose(ids, pattern.accepts(state))
        if picked is None:
            return state, text
        text, state = text + CHARACTERS[picked], pattern.next(state, picked)


def at_random(random):
    def choose(ids, may_end):
        if not ids.size or (may_end and random.random() < 0.2):
            return None
        return int(random.choice(ids))

    return choose


@wild
@given(EXPRESSIONS, st.integers(0, 10**6))
def test_whatever_follows_what_is_allowed_matches_as_a_whole(expression, seed):
    oracle = regex.compile(expression)
    try:
        pattern = Pattern(expression, VOCABULARY)
    except ValueError:
        # Not a text in five random ones may match, or there would have been an automaton.
        random = np.random.default_rng(seed)
        for length in range(5):
            text = "".join(random.choice(list(CHARACTERS), length))
            assert not oracle.fullmatch(text)
        return
    random, budget = np.random.default_rng(seed), pattern.distance(pattern.start) + 6
    for _ in range(5):
        state, text = walk(pattern, budget, at_random(random))
        assert pattern.accepts(state)
        assert pattern.distance(state) == 0
        assert len(text) <= budget
        assert oracle.fullmatch(text)
        for end in range(len(text)):
            assert oracle.fullmatch(text[:end], partial=True)
            state = pattern.read(VOCABULARY.encode(text[:end]))
            for place, legal in enumerate(pattern.legal(state)[: len(CHARACTERS)]):
                longer = text[:end] + CHARACTERS[place]
                if legal:
                    assert oracle.fullmatch(longer, partial=True)
                elif "z" not in expression:  # which leads nowhere here
                    assert not oracle.fullmatch(longer, partial=True)
                assert bool(oracle.fullmatch(longer)) == (
                    bool(legal) and pattern.accepts(pattern.next(state, place))
                )


@pytest.mark.parametrize("name", PATTERNS)
def test_a_text_that_a_model_writes_matches_whatever_it_would_rather_write(name):
    characters = "\n abcABi0-.“中文"
    expression, model = PATTERNS[name], Remembers(characters)
    for sample in generate_texts(model, seed=1, count=5, pattern=expression, length=60):
        assert regex.fullmatch(expression, sample.text)
        assert sample.ended


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_ten_thousand_texts_match(name):
    characters, expression = "\n abcABi0-.“中文", PATTERNS[name]
    model, least = (
        Remembers(characters),
        Pattern(expression, Vocabulary("\n abcABi0-.“中文")),
    )
    for length in (least.distance(0), least.distance(0) + 3, 60):
        options = {"pattern": expression, "length": length, "count": 420}
        for sample in generate_texts(model, seed=length, **options):
            assert regex.fullmatch(expression, sample.text)
            assert len(sample.text) <= length


def test_a_text_ends_where_the_model_would_write_what_the_pattern_does_not_allow():
    found = generate(Script("abc abc"), pattern="[a-c]+", seed=1)
    assert ("".join(found), found.ended) == ("abc", True)
    found = generate(Script("abc"), pattern="[a-c]+", seed=1, length=7)
    assert ("".join(found), found.ended) == ("abcabca", True)
    found = generate(Script("abc"), pattern="abc", seed=1)
    assert ("".join(found), found.ended) == ("abc", True)


def test_the_seed_text_is_part_of_what_matches():
    found = generate(Script("abc"), "ab", pattern="abcd", seed=1)
    assert "".join(found) == "cd"
    with pytest.raises(ValueError, match="no match of `pattern` begins with 'ba'"):
        generate(Script("abc"), "ba", pattern="abcd")


def test_a_pattern_that_needs_more_characters_than_there_may_be_is_an_error():
    assert len("".join(generate(Remembers(), pattern="a{9}|a{30}", length=9))) == 9
    with pytest.raises(
        ValueError, match="`length` must be at least 9 for `pattern`; got 8"
    ):
        generate(Remembers(), pattern="a{9}|a{30}", length=8)


def test_forbidden_characters_are_not_used_even_where_that_is_the_likely_way():
    for seed in range(9):
        text = "".join(generate(Remembers(), pattern="(a|bc)+d", forbid="a", seed=seed))
        assert regex.fullmatch("(bc)+d", text)
    with pytest.raises(ValueError, match="matches no text of the characters"):
        generate(Remembers(), pattern="a+", forbid="a")


def test_a_text_that_a_guard_cut_off_is_not_given():
    model = Remembers()
    guard = Never(model.vocabulary, "e")
    found = list(generate_texts(model, pattern="[ab]+e?c", guard=guard, seed=1, count=20))
    assert len(found) == 20
    assert all(regex.fullmatch("[ab]+c", sample.text) for sample in found)


@pytest.mark.parametrize("anchored", ["^ab$", "^ab", "ab$"])
def test_anchors_at_the_ends_change_nothing(anchored):
    pattern = Pattern(anchored, VOCABULARY)
    assert pattern.accepts(pattern.read(VOCABULARY.encode("ab")))
    assert pattern.read(VOCABULARY.encode("ab.")) is None


def test_an_escaped_dollar_is_no_anchor():
    vocabulary = Vocabulary("a$\\")
    for expression, text in ((r"a\$", "a$"), (r"a\\$", "a\\")):
        pattern = Pattern(expression, vocabulary)
        assert pattern.accepts(pattern.read(vocabulary.encode(text)))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("[a", "`pattern` cannot be used: unterminated character set at position 0"),
        ("(a", "`pattern` cannot be used: missing \\), unterminated subpattern"),
        ("a)|(b", "`pattern` cannot be used: unbalanced parenthesis"),
        ("(?=a)a", "look-arounds, back-references and anchors within are not possible"),
        ("(a)\\1", "look-arounds, back-references and anchors within are not possible"),
        ("a\\b", "it has a word boundary, which is not possible"),
        ("az", "matches no text .* it lacks 'z' \\(U\\+007A LATIN SMALL LETTER Z\\)$"),
        (r"\p{Han}{2}[az]+,", "it lacks ',' \\(U\\+002C COMMA\\)$"),
        ("[xyz]", "matches no text of the characters that the model may write$"),
        ("a" * (MAX_CHARACTERS + 1), "`pattern` has more than 4,000 characters"),
    ],
)
def test_what_cannot_be_a_pattern_is_an_error_that_says_why(expression, message):
    with pytest.raises(ValueError, match=message):
        Pattern(expression, VOCABULARY)


def test_what_takes_too_long_is_too_large(monkeypatch):
    monkeypatch.setattr(automaton, "SECONDS", 1)
    with pytest.raises(ValueError, match="`pattern` is too large to compile"):
        Pattern("(a|b)*a(a|b){26}", VOCABULARY)


def test_what_takes_too_much_memory_is_too_large(monkeypatch):
    source = automaton.__file__
    monkeypatch.setattr(automaton, "__file__", source + ".missing")  # fails at once
    with pytest.raises(ValueError, match="`pattern` is too large to compile"):
        Pattern("ab", VOCABULARY)


def test_marks_are_neither_allowed_nor_legal():
    pattern = Pattern(r"[\s\S]*", VOCABULARY)
    assert not pattern.allowed(0, 9)[len(CHARACTERS) :].any()
    assert not pattern.legal(0)[len(CHARACTERS) :].any()
    assert pattern.legal(0)[: len(CHARACTERS)].all()
    assert not pattern.allowed(0, 0).any()
    assert (pattern.allowed(0, 10**12) == pattern.legal(0)).all()


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="`pattern` needs a package: pip install outlines"):
        Pattern("a", VOCABULARY)
