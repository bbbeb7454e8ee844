"""The vocabulary: order, exact round trips, and unknown characters explained."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError, UnknownCharacterError
from chargen.system.files import dump_json, parse_json
from chargen.text.vocabulary import NAMED_UNKNOWN, Vocabulary

SCALARS = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(SCALARS, max_size=60)
VOCABULARIES = st.lists(SCALARS, unique=True, max_size=60)
quick = settings(max_examples=40, deadline=None, derandomize=True)


def unknown(vocabulary, text, **options):
    """Return the message about the characters of `text` that are unknown."""
    with pytest.raises(UnknownCharacterError) as caught:
        Vocabulary(vocabulary).encode(text, **options)
    message = str(caught.value)
    message.encode("utf-8")  # it can be printed
    return message


def test_the_vocabulary_of_a_text_is_sorted_by_code_point():
    found = Vocabulary.from_text("zaé\n😀中a", "Z“a")
    assert found.characters == ("\n", "Z", "a", "z", "é", "“", "中", "😀")


def test_the_vocabulary_does_not_depend_on_the_hash_seed():
    script = (
        "from chargen.text.vocabulary import Vocabulary\n"
        "text = ''.join(map(chr, range(0x4e00, 0x4f00))) + 'the cat sat'\n"
        "print(ascii(Vocabulary.from_text(text, 'more').characters))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(printed) == 1
    expected = sorted({*map(chr, range(0x4E00, 0x4F00)), *"the cat sat", *"more"})
    assert eval(printed.pop()) == tuple(expected)


@quick
@given(TEXTS, TEXTS)
def test_the_vocabulary_depends_only_on_which_characters_occur(one, two):
    assert (
        Vocabulary.from_text(one, two).characters
        == Vocabulary.from_text(two[::-1] + one * 2).characters
        == tuple(sorted(set(one + two)))
    )


def test_a_given_order_is_kept():
    vocabulary = Vocabulary("zab")
    assert vocabulary.characters == ("z", "a", "b")
    assert vocabulary.encode("abz").tolist() == [1, 2, 0]
    assert vocabulary.decode([0, 2, 1]) == "zba"


def test_a_vocabulary_has_a_length_and_members():
    vocabulary = Vocabulary("zab")
    assert len(vocabulary) == 3
    assert "z" in vocabulary
    assert "y" not in vocabulary
    assert "za" not in vocabulary


@quick
@given(VOCABULARIES)
def test_every_character_survives_json(characters):
    read = parse_json(dump_json({"vocabulary": characters}))
    assert Vocabulary(read["vocabulary"]).characters == tuple(characters)


def test_all_scalar_values_survive_json_and_ids():
    scalars = [*map(chr, range(0xD800)), *map(chr, range(0xE000, 0x110000))]
    assert len(scalars) == 0x110000 - 0x800
    vocabulary = Vocabulary(parse_json(dump_json(scalars, indent=None)))
    assert vocabulary.characters == tuple(scalars)
    ids = vocabulary.encode("".join(scalars))
    np.testing.assert_array_equal(ids, np.arange(len(scalars)))


@quick
@given(st.data(), VOCABULARIES.filter(bool))
def test_a_text_comes_back_from_its_ids(data, characters):
    text = data.draw(st.text(st.sampled_from(characters), max_size=60))
    vocabulary = Vocabulary(characters)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32
    assert ids.tolist() == [characters.index(c) for c in text]
    assert vocabulary.decode(ids) == text


def test_an_empty_text_has_no_ids():
    assert Vocabulary("ab").encode("").shape == (0,)
    assert Vocabulary("").encode("").shape == (0,)
    assert Vocabulary("ab").decode([]) == ""


@pytest.mark.parametrize("character", ["a", "\0", "😀", "\ue000", "\U0010ffff"])
def test_a_character_that_occurs_twice_is_refused(character):
    with pytest.raises(ValueError, match="twice") as caught:
        Vocabulary([character, "b", character])
    assert ascii(character) in str(caught.value)


@pytest.mark.parametrize("item", ["ab", "", "e\u0301", "👩\u200d🚀", 5, None, b"a"])
def test_what_is_no_single_character_is_refused(item):
    with pytest.raises(ValueError, match="single characters"):
        Vocabulary(["x", item])


@pytest.mark.parametrize("character", ["\ud800", "\udcff", "\udfff"])
def test_a_surrogate_is_refused(character):
    with pytest.raises(ValueError, match="surrogate"):
        Vocabulary(["x", character])


def test_an_unknown_character_is_an_error_of_the_text():
    with pytest.raises(TextError):
        Vocabulary("ab").encode("c")


def test_one_unknown_character_is_named_with_its_place():
    message = unknown("abc", "aXb")
    assert "a character that the model never saw" in message
    assert "'X' (U+0058 LATIN CAPITAL LETTER X): once at character 2" in message


def test_unknown_characters_are_counted_from_their_first_place():
    message = unknown("ab", "a!b?a!!")
    assert "2 characters that the model never saw" in message
    assert "EXCLAMATION MARK): 3 times, first at character 2" in message
    assert "QUESTION MARK): once at character 4" in message


def test_the_place_counts_characters_and_not_bytes():
    assert "once at character 4" in unknown("中😀é", "中😀éX")


@pytest.mark.parametrize("what", ["the text", "the seed text"])
def test_the_message_says_which_text_it_is_about(what):
    assert unknown("ab", "x", what=what).startswith(f"{what} has a character")


def test_the_commonest_unknown_characters_are_named_and_the_rest_counted():
    text = "".join(c * (20 - i) for i, c in enumerate("CDEFGHIJKLM"))
    message = unknown("ab", text)
    assert NAMED_UNKNOWN == 8
    assert message.count("LATIN CAPITAL LETTER") == 8
    assert "LETTER J)" in message
    assert "LETTER K)" not in message
    assert "and 3 more" in message


def test_every_character_is_unknown_to_an_empty_vocabulary():
    assert "once at character 1" in unknown("", "a")


def test_codes_beside_known_ones_are_unknown():
    for character in ("\0", "`", "b", "\uffff", "\U0010ffff"):
        assert "once at character 2" in unknown("ac", f"a{character}")


@quick
@given(VOCABULARIES, st.text(max_size=30))
def test_encode_fails_exactly_where_a_character_is_unknown(characters, text):
    if set(text) <= set(characters):
        assert Vocabulary(characters).decode(Vocabulary(characters).encode(text)) == text
    else:
        first = next(i for i, c in enumerate(text) if c not in characters)
        assert f"at character {first + 1}" in unknown(characters, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'", "’"),
        ("'", "‘"),
        ("'", "`"),
        ('"', "“"),
        ('"', "”"),
        ('"', "«"),
        ('"', "「"),
        ("-", "–"),
        ("-", "—"),
        (".", "…"),
        (".", "。"),
        (",", "、"),
        (" ", "\xa0"),
        (" ", "\u3000"),
        ("e", "é"),
        ("E", "É"),
        ("u", "ü"),
        ("n", "ñ"),
        ("a", "A"),
        ("é", "E"),
        ("a", "ａ"),
        ("1", "１"),
        ("!", "！"),
        ("?", "？"),
        (":", "："),
        (",", "，"),
        ('"', "＂"),
        ("ｶ", "カ"),
        ("｡", "。"),
    ],
)
def test_what_is_often_meant_is_suggested_both_ways(one, other):
    assert f"did you mean {other!r}?" in unknown(["x", other], f"x{one}")
    assert f"did you mean {one!r}?" in unknown(["x", one], f"x{other}")


def test_several_suggestions_are_at_most_three():
    message = unknown("eèéêë", "É")
    assert message.endswith("did you mean 'e' or 'è' or 'é'?")


@pytest.mark.parametrize("character", ["X", "中", "\x1b"])
def test_nothing_is_suggested_where_nothing_is_near(character):
    assert "did you mean" not in unknown("abc’é", character)


def test_a_character_is_no_near_miss_of_itself():
    assert Vocabulary("eé").near_misses("e") == ["é"]


@pytest.mark.parametrize("text", ["caf\udce9", "\ud800", "\udfff\udcff", "a\udc80b"])
def test_surrogates_are_unknown_characters(text):
    message = unknown("acfb?\ue000\ufffd\uffff", text)
    first = next(c for c in text if "\ud800" <= c <= "\udfff")
    assert f"{first!a} (U+{ord(first):04X})" in message
    assert f"at character {text.index(first) + 1}" in message


def test_a_pair_of_surrogates_is_not_the_character_that_they_would_make():
    message = unknown(["\U0001f600"], "\ud83d\ude00")
    assert "U+D83D" in message
    assert "U+DE00" in message


def test_control_characters_are_escaped_in_the_message():
    message = unknown("a", "\x1b\u202e")
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert r"'\x1b' (U+001B)" in message


@pytest.mark.parametrize(
    ("characters", "wanted", "nearest"),
    [
        ("abc", "ａ", "a"),  # full width: the compatibility form
        ("ａb", "a", "ａ"),  # and its reverse
        ("if", "ﬁ", "fi"),  # which may be several characters
        ("i", "ﬁ", None),  # all of which have to be there
        ("a.", "…", "..."),
        ("ab", "A", "a"),
        ("AB", "a", "A"),
        ("ae", "é", "e"),
        ("AE", "é", "E"),
        ("aé", "É", "é"),  # the other case comes before the base letter
        ("eÉ", "é", "É"),
        ("'", "’", "'"),
        ("’", "'", "’"),
        ("-", "—", "-"),
        ("«", '"', "«"),
        ("ab", "中", None),
    ],
)
def test_the_nearest_character_is_the_first_of_its_kin_that_there_is(
    characters, wanted, nearest
):
    assert Vocabulary(dict.fromkeys(characters)).nearest(wanted) == nearest
