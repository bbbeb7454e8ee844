"""Which texts are plainly lists: of names, titles, formulas or poems, and nothing else."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st
from kinds import LISTS, OTHERS, text_of

from chargen.text import lists
from chargen.text.lists import looks_like_a_list

SHARED = ROOT.parent / "shared" / "data"


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_is_one(kind):
    assert looks_like_a_list(text_of(kind))


@pytest.mark.parametrize("kind", OTHERS)
def test_no_other_text_is_a_list(kind):
    assert not looks_like_a_list(text_of(kind))


# What the texts that `kinds` makes repeat more than real ones do would give them away.
REPETITIVE = {"tokens of music", "a short list", "a list in groups"}


@pytest.mark.parametrize("kind", sorted(OTHERS.keys() - REPETITIVE))
def test_no_other_text_is_a_list_without_its_repetitions(kind):
    lines = [line for i in range(10) for line in OTHERS[kind](random.Random(i))]
    assert not looks_like_a_list("\n".join(dict.fromkeys(lines)))


@pytest.mark.parametrize(
    ("corpus", "verdict"),
    [("minerals", True), ("harbour-plays", False), ("sishi-jueju", False)],
)
def test_the_bundled_corpora(corpus, verdict):
    text = (ROOT / "corpora" / f"{corpus}.txt").read_text(encoding="utf-8")
    assert looks_like_a_list(text) is verdict


@pytest.mark.parametrize(
    ("name", "verdict"), [("wujue.txt", True), ("tinyshakespeare.txt", False)]
)
def test_well_known_texts(name, verdict):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this repository")
    assert looks_like_a_list(path.read_text(encoding="utf-8")) is verdict


def test_no_source_of_the_standard_library_is_a_list():
    folder = Path(sysconfig.get_paths()["stdlib"])
    sources = sorted(folder.glob("*.py"))
    assert len(sources) > 100
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sources)
    taken = [
        path for path, text in zip(sources, texts, strict=True) if looks_like_a_list(text)
    ]
    assert taken == []


@given(
    st.sampled_from(sorted(LISTS)),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 12),
)
def test_a_list_remains_one(kind, rng, final_newline, blank, repeated):
    """In another order, sorted, with a few blank lines at the end and a few repeats."""
    lines = text_of(kind).splitlines()
    lines += rng.sample(lines, repeated)
    for order in (sorted(lines), rng.sample(lines, len(lines))):
        text = "\n".join(order) + "\n" * (final_newline + blank)
        assert looks_like_a_list(text)


@given(st.sampled_from(sorted(OTHERS)), st.booleans(), st.integers(0, 5))
def test_the_ends_of_another_text_change_nothing(kind, final_newline, blank):
    text = text_of(kind).strip("\n")
    assert not looks_like_a_list(text + "\n" * (final_newline + blank))


@given(st.text(max_size=200), st.text("ab \n,中あ", max_size=200))
def test_any_text_has_a_verdict(anything, few):
    assert looks_like_a_list(anything) in (True, False)
    assert looks_like_a_list(few) in (True, False)


@pytest.mark.parametrize("count", [0, 1, lists.MIN_LINES - 1])
def test_few_lines_are_no_list(count):
    names = text_of("English names").splitlines()
    assert not looks_like_a_list("\n".join(names[:count]))
    assert looks_like_a_list("\n".join(names[: lists.MIN_LINES]))


def test_a_long_text_is_looked_at_all_over():
    """Its lines alternate, so every second one would be names."""
    names, prose = (
        text_of(kind).splitlines() * 100
        for kind in ("invented minerals", "English prose, a sentence a line")
    )
    numbered = [f"{name}{'abcdefghij'[i % 10]}{i // 1000}" for i, name in enumerate(names)]
    assert len(numbered) > 2 * lists.SPANS * lists.SPAN
    mixed = [line for pair in zip(numbered, prose, strict=False) for line in pair]
    assert not looks_like_a_list("\n".join(mixed))


def test_a_header_does_no_harm_and_many_do():
    names = text_of("English names").splitlines()
    header = "# This file lists everybody, as of March; see names.md for more."
    assert looks_like_a_list("\n".join([header, *names]))
    headers = [f"{header} {i}" for i in range(len(names) // 10)]
    assert not looks_like_a_list("\n".join([*headers, *names]))


def test_items_without_end_are_no_list():
    formulas = text_of("molecules in SMILES").splitlines()
    assert looks_like_a_list("\n".join(line * 10 for line in formulas))
    assert not looks_like_a_list("\n".join(line * 1_000 for line in formulas))
