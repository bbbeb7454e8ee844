"""What keeps messages harmless and clear."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.display import (
    describe,
    describe_passes,
    format_seconds,
    one_line,
    printable,
    suggestion,
)


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


def test_one_line_escapes_newlines_and_tabs_as_well():
    assert one_line("two\nlines\tand\x1b[0m") == r"two\nlines\tand\x1b[0m"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (5, "5s"),
        (90, "1m30s"),
        (300, "5m"),
        (3600, "1h"),
        (3661, "1h1m1s"),
        (2.5, "2.5s"),
        (1e-5, "0.000010s"),
    ],
)
def test_format_seconds(seconds, written):
    assert format_seconds(seconds) == written


@pytest.mark.parametrize(
    ("passes", "written"),
    [
        (0.02, "0.02 passes"),
        (0.949, "0.9 passes"),
        (0.95, "1 pass"),
        (1.4, "1 pass"),
        (3.2, "3 passes"),
        (12_345.6, "12,346 passes"),
    ],
)
def test_describe_passes(passes, written):
    assert describe_passes(passes) == written


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("novell", ". Did you mean novel.txt?"),
        ("NOVEL.md", ". Did you mean novel.txt?"),
        ("letter.txt", ". Did you mean letters?"),
        ("xyzzy", "."),
        ("", "."),
    ],
)
def test_a_sentence_ends_with_the_name_that_was_meant(name, end):
    assert suggestion(name, ["novel.txt", "letters"]) == end


def test_nothing_is_meant_where_there_is_nothing():
    assert suggestion("novel", []) == "."
