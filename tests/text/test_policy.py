"""What becomes of the characters of a text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text.policy import (
    DIRECTIONS,
    DOCUMENTS,
    NEWLINES,
    NORMALIZE,
    SEPARATORS,
    Reading,
    TextPolicy,
)

property_of = settings(max_examples=60, deadline=None, derandomize=True)

MIXED = "a\r\nb\rc\r\r\nd\n\re"


@pytest.mark.parametrize(
    ("newlines", "expected"),
    [
        ("any", "a\nb\nc\n\nd\n\ne"),
        ("lf", "a\nb\rc\r\nd\n\re"),
        ("keep", MIXED),
    ],
)
def test_newlines(newlines, expected):
    assert TextPolicy(newlines=newlines).prepare(MIXED) == expected


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("none", "e\u0301 ﬁ Ａ １ \u1112\u1161\u11ab \u212b"),
        ("nfc", "é ﬁ Ａ １ 한 Å"),
        ("nfkc", "é fi A 1 한 Å"),
    ],
)
def test_forms(normalize, expected):
    text = "e\u0301 ﬁ Ａ １ \u1112\u1161\u11ab \u212b"
    assert TextPolicy(normalize=normalize).prepare(text) == expected


def test_emoji_with_joiners_stay_whole():
    family = "👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈"
    for normalize in NORMALIZE:
        assert TextPolicy(normalize=normalize).prepare(family) == family


@pytest.mark.parametrize("text", ["שָׁלוֹם", "مُحَمَّد"])
def test_vowel_signs_are_kept(text):
    assert len(TextPolicy(normalize="nfc").prepare(text)) == len(text)


def test_letters_become_lower_case_after_the_normalization():
    policy = TextPolicy(normalize="nfkc", lowercase=True)
    assert policy.prepare("ÉCOLE Ｆｕｌｌ ΟΔΟΣ ΣΑΣ! ẞ") == "école full οδος σας! ß"
    assert TextPolicy().prepare("É") == "É"


def test_format_1_changes_nothing_but_crlf():
    policy = TextPolicy()
    assert policy.prepare("e\u0301\r\nA\r\ufeff\0") == "e\u0301\nA\r\ufeff\0"
    assert policy == TextPolicy("utf-8", "lf", "none", False, "none", False)


@property_of
@given(
    st.text(),
    st.sampled_from(NEWLINES),
    st.sampled_from(NORMALIZE),
)
def test_what_is_prepared_stays_as_it_is(text, newlines, normalize):
    """So that a seed text of the model's own is read as it is."""
    policy = TextPolicy(newlines=newlines, normalize=normalize)
    once = policy.prepare(text)
    if newlines == "lf" and "\r\r\n" in text:
        return  # one CR of two is left, and with the LF it is CR LF again
    assert policy.prepare(once) == once


def test_items_are_laid_out_as_in_their_source():
    found = {kind: TextPolicy(documents=kind).separator for kind in SEPARATORS}
    assert found == {"lines": "\n", "column": "\n", "blank-lines": "\n\n", "files": "\n\n"}
    assert {*SEPARATORS, "none"} == {*DOCUMENTS}


# Directions


def test_a_backward_model_has_the_code_points_in_the_reverse_order():
    policy = TextPolicy(direction="backward")
    assert policy.arrange("ab\nc\r\n中😀e\u0301") == "\u0301e😀中\n\rc\nba"
    assert policy.backward and not TextPolicy().backward
    assert TextPolicy().arrange("ab\nc") == "ab\nc"


@property_of
@given(st.text(), st.sampled_from(DIRECTIONS))
def test_what_is_arranged_twice_is_as_it_was(text, direction):
    policy = TextPolicy(direction=direction)
    assert policy.arrange(policy.arrange(text)) == text


# What a user can say


def test_the_defaults():
    policy = Reading().policy()
    assert policy == TextPolicy("utf-8", "any", "nfc", False, "none", False)


def test_what_is_recorded_is_what_was_asked_for():
    reading = Reading(
        newlines="keep", normalize="nfkc", lowercase=True, column="x", label="y"
    )
    assert reading.policy("gb18030") == TextPolicy(
        "gb18030", "keep", "nfkc", True, "column", True
    )


def test_the_direction_is_recorded():
    assert Reading().policy().direction == "forward"
    assert Reading(backward=True).policy("gb18030") == TextPolicy(
        "gb18030", "any", "nfc", direction="backward"
    )


def test_a_label_stands_before_its_item_and_so_in_no_backward_text():
    message = "`backward` and `label` exclude each other"
    with pytest.raises(ValueError, match=message):
        Reading(column="x", label="y", backward=True)
    assert Reading(column="x", group_by="y", backward=True).backward


def test_a_column_makes_documents_of_columns():
    assert Reading(column="name").documents == "column"
    assert Reading(column="name", documents="column").documents == "column"


@pytest.mark.parametrize("documents", [kind for kind in DOCUMENTS if kind != "column"])
def test_a_column_contradicts_other_documents(documents):
    with pytest.raises(ValueError, match="`column` belong together"):
        Reading(column="name", documents=documents)


def test_documents_of_columns_need_one():
    with pytest.raises(ValueError, match="`column` belong together"):
        Reading(documents="column")


@pytest.mark.parametrize("name", ["label", "group_by"])
@pytest.mark.parametrize("more", [{}, {"documents": "lines"}])
def test_other_columns_stand_beside_one(name, more):
    with pytest.raises(ValueError, match=f"`{name}` is a column beside `column`"):
        Reading(**{name: "x"}, **more)
    assert getattr(Reading(column="y", **{name: "x"}), name) == "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("documents", "words"),
        ("normalize", "nfd"),
        ("newlines", "crlf"),
        ("lowercase", 1),
        ("backward", "yes"),
        ("encoding", 8),
        ("column", 3),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        Reading(**{name: value})
