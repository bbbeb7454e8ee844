"""How a text is cut into rows, how the cursor moves over them, and how far undo goes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from chargen.cli import page
from chargen.cli.page import GHOST, SELECTED, Layout, Page, Undoable, cells, shown, wrap

TEXTS = st.text(st.sampled_from("ab \n\t，。「」月é\u0301😀\x1b"), max_size=60)


def rows(text, width):
    """Return the rows of a text, as they are seen."""
    found = Layout(text, width)
    ends = [found.end(row) for row in range(len(found.starts))]
    return [text[a:b] for a, b in zip(found.starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 5, [""]),
        ("ab cd", 5, ["ab cd"]),
        ("ab cde", 5, ["ab ", "cde"]),
        ("abcdefg", 5, ["abcde", "fg"]),
        ("a bcdefgh", 5, ["a ", "bcdef", "gh"]),
        ("abcde fg", 5, ["abcde ", "fg"]),  # the space hangs over the end
        ("abcde ", 5, ["abcde ", ""]),  # and the cursor goes on below
        ("abcde  f", 5, ["abcde ", " f"]),
        ("ab\n\ncd\n", 5, ["ab", "", "cd", ""]),
        ("月月月", 5, ["月月", "月"]),
        ("月月，月", 5, ["月", "月，", "月"]),  # no row begins with a comma
        ("a「月月」", 5, ["a「月", "月」"]),
        ("月a「月", 5, ["月a", "「月"]),  # nor does one end with an opening bracket
        ("ok月月", 5, ["ok月", "月"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
        ("a\tb", 4, ["a", "\t", "b"]),
    ],
)
def test_a_line_is_broken_between_words_and_beside_wide_characters(text, width, expected):
    assert rows(text, width) == expected


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TEXTS, st.integers(4, 12))
def test_no_row_is_too_wide_and_nothing_is_lost(text, width):
    for line in text.split("\n"):
        starts = wrap(line, width)
        pieces = [line[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
        assert "".join(pieces) == line and all(pieces[:-1])
        for piece in pieces:
            seen = piece.removesuffix(" ") if piece is not pieces[-1] else piece
            assert get_cwidth("".join(map(shown, seen))) <= width
    assert len(Layout(text, width).starts) == len(rows(text, width))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TEXTS, st.integers(4, 12))
def test_every_place_has_a_row_and_a_column_that_lead_back_to_it(text, width):
    found = Layout(text, width)
    for index in range(len(text) + 1):
        row, column = found.row(index), found.column(index)
        assert found.starts[row] <= index <= found.end(row)
        back = found.index(row, column)
        assert found.row(back) == row and found.column(back) == column


def test_what_could_steer_a_terminal_is_an_escape():
    assert [shown(c) for c in "a\x1b\u202e\udcff"] == ["a", "\\x1b", "\\u202e", "\\udcff"]
    assert cells("\x1b") == 4 and cells("月") == 2 and cells("\u0301") == 0
    assert unicodedata.combining("\u0301")


# --- the cursor --------------------------------------------------------------------------


def page_of(text, at, width=11, ghost=""):
    buffer = Undoable(text)
    buffer.cursor_position = at
    found = Page(buffer, lambda: ghost)
    content = found.create_content(width, 9)
    return buffer, found, content


def test_the_cursor_goes_up_and_down_by_rows_and_keeps_its_column():
    text = "one two three\n月\nfour five six"
    assert rows(text, 10) == ["one two ", "three", "月", "four five ", "six"]
    buffer, found, _ = page_of(text, len(text))
    places = []
    for by in (-1, -1, -1, -1, -1, 1, 3, 1):
        found.move(by)
        places.append(buffer.cursor_position)
    assert places == [19, 15, 11, 3, 3, 11, 29, 29]


def test_a_column_beyond_a_row_is_its_last_place():
    found = Layout("one two three\n月", 10)
    assert [found.index(row, 99) for row in (-1, 0, 1, 2, 3)] == [7, 7, 13, 15, 15]


def test_a_key_to_the_side_gives_the_column_up():
    buffer, found, _ = page_of("abcd\na\nabcd", 10)
    found.move(-1)
    assert buffer.cursor_position == 6
    buffer.cursor_position = 5
    found.move(1)
    assert buffer.cursor_position == 7


def lines(content):
    return [content.get_line(i) for i in range(content.line_count)]


def test_grey_text_follows_the_cursor_and_a_newline_in_it_is_a_sign():
    _, _, content = page_of("ab\ncd", 2, ghost=" e\n")
    assert lines(content)[0] == [("", "a"), ("", "b"), *((GHOST, c) for c in " e↵")]
    assert lines(content)[1] == [("", "c"), ("", "d")]
    assert (content.cursor_position.x, content.cursor_position.y) == (2, 0)


def test_the_cursor_stands_where_wide_characters_and_escapes_put_it():
    _, _, content = page_of("abc def\n月\x1bx", 10)
    assert (content.cursor_position.x, content.cursor_position.y) == (5, 1)  # 月\x1b


def test_what_is_selected_is_seen_even_if_it_is_an_empty_line():
    buffer, found, _ = page_of("ab\n\ncd", 1)
    buffer.start_selection()
    buffer.cursor_position = 4
    shown_lines = lines(found.create_content(11, 9))
    assert shown_lines[0] == [("", "a"), (SELECTED, "b"), (SELECTED, " ")]
    assert shown_lines[1] == [(SELECTED, " ")]


# --- undo --------------------------------------------------------------------------------


def typed(buffer, text):
    """Type a text, as prompt_toolkit does for a key that undo comes back to."""
    buffer.save_to_undo_stack()
    buffer.insert_text(text)


def test_undo_and_redo_go_back_and_forth():
    buffer = Undoable("")
    typed(buffer, "a")
    typed(buffer, "b")
    buffer.undo()
    assert (buffer.text, buffer.cursor_position) == ("a", 1)
    buffer.undo()
    buffer.undo()
    assert buffer.text == ""
    buffer.redo()
    buffer.save_to_undo_stack()  # the cursor was moved
    buffer.redo()
    buffer.redo()
    assert buffer.text == "ab"
    buffer.undo()
    assert buffer.text == "a"


@pytest.mark.parametrize("then_undo", [False, True])
def test_what_was_undone_is_forgotten_once_something_else_is_written(then_undo):
    buffer = Undoable("")
    typed(buffer, "a")
    buffer.undo()
    typed(buffer, "b")
    if then_undo:
        buffer.undo()
        buffer.redo()
    buffer.redo()
    assert buffer.text == "b"


def test_undo_goes_back_so_many_changes_and_characters(monkeypatch):
    monkeypatch.setattr(page, "MOST_UNDONE", 3)
    monkeypatch.setattr(page, "MOST_UNDONE_CHARACTERS", 100)
    buffer = Undoable("")
    for _ in range(6):
        typed(buffer, "a")
    for _ in range(9):
        buffer.undo()
    assert buffer.text == "aaa"
    typed(buffer, "b" * 99)
    typed(buffer, "c")
    buffer.undo()
    assert buffer.text == "aaa" + "b" * 99 + "c"  # a text of 102 is not kept
