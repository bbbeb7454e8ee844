"""The errors' family, and what keeps their messages harmless and clear."""

from __future__ import annotations

import signal
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.display import describe, printable
from chargen.errors import (
    ChargenError,
    CheckpointError,
    Interrupted,
    SettingsError,
    TextError,
    TrainingError,
    UnknownCharacterError,
)


@pytest.mark.parametrize(
    "kind",
    [TextError, UnknownCharacterError, CheckpointError, SettingsError, TrainingError],
)
def test_every_error_is_a_chargen_error_with_its_message(kind):
    error = kind("what to do next")
    assert isinstance(error, ChargenError)
    assert str(error) == "what to do next"


def test_an_unknown_character_is_an_error_of_the_text():
    assert issubclass(UnknownCharacterError, TextError)


def test_a_chargen_error_is_no_value_error():
    assert not issubclass(ChargenError, ValueError)


@pytest.mark.parametrize("saved", [False, True])
def test_interrupted_keeps_its_signal_and_what_was_saved(saved):
    error = Interrupted(signal.SIGTERM, saved=saved)
    assert isinstance(error, TrainingError)
    assert error.signal_number == signal.SIGTERM
    assert error.saved is saved
    assert f"signal {int(signal.SIGTERM)}" in str(error)


@pytest.mark.parametrize(
    ("character", "escape"),
    [
        ("\x00", r"\x00"),
        ("\r", r"\r"),
        ("\x07", r"\x07"),
        ("\x1b", r"\x1b"),
        ("\x7f", r"\x7f"),
        ("\x9b", r"\x9b"),
        ("\u061c", r"\u061c"),
        ("\u200f", r"\u200f"),
        ("\u2028", r"\u2028"),
        ("\u2029", r"\u2029"),
        ("\u202e", r"\u202e"),
        ("\u2066", r"\u2066"),
        ("\u2069", r"\u2069"),
        ("\udc9b", r"\udc9b"),
    ],
)
def test_printable_escapes_what_steers_a_terminal(character, escape):
    assert printable(f"a{character}b") == f"a{escape}b"


@pytest.mark.parametrize(
    "text",
    ["", "two\nlines\tand a tab", "héllo “中文” ｶﾅ 😀", "e\u0301", r"C:\new", "👩\u200d🚀"],
)
def test_printable_leaves_ordinary_text_alone(text):
    assert printable(text) == text


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=50))
def test_printable_leaves_no_control_character_and_can_be_encoded(text):
    shown = printable(text)
    shown.encode("utf-8")
    controls = [c for c in shown if unicodedata.category(c) in ("Cc", "Cs")]
    assert set(controls) <= {"\n", "\t"}
    assert not any(unicodedata.bidirectional(c) in BIDIRECTIONAL for c in shown)


BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("“", "'“' (U+201C LEFT DOUBLE QUOTATION MARK)"),
        ("a", "'a' (U+0061 LATIN SMALL LETTER A)"),
        ("'", '"\'" (U+0027 APOSTROPHE)'),
        ("\x1b", r"'\x1b' (U+001B)"),
        ("\u202e", r"'\u202e' (U+202E RIGHT-TO-LEFT OVERRIDE)"),
        ("\udcff", r"'\udcff' (U+DCFF)"),
        ("😀", "'😀' (U+1F600 GRINNING FACE)"),
    ],
)
def test_describe_shows_a_character_with_its_code_point_and_name(character, shown):
    assert describe(character) == shown
