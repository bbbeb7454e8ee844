"""How paragraphs, cells and white space become plain text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chargen.text.formats.lines import Lines


def written(*calls):
    lines = Lines()
    for name, *arguments in calls:
        getattr(lines, name)(*arguments)
    return lines.finish()


def test_white_space_collapses_across_pieces():
    pieces = [("text", "  a \n"), ("text", "\t b "), ("text", " "), ("text", "c ")]
    assert written(*pieces) == "a b c\n"


def test_a_no_break_space_is_a_character():
    assert written(("text", "a\u00a0 \u3000b")) == "a\u00a0 \u3000b\n"


def test_blocks_stand_on_lines_of_their_own():
    calls = [("block",), ("text", "a "), ("block",), ("block",), ("text", " b")]
    assert written(*calls) == "a\nb\n"


def test_an_empty_line_stays():
    assert written(("text", "a"), ("newline",), ("newline",), ("text", "b")) == "a\n\nb\n"


def test_exact_text_keeps_its_white_space():
    assert (
        written(("exact", "  a\n\n  b\n"), ("block",), ("text", "c")) == "  a\n\n  b\nc\n"
    )


def test_cells_are_separated_by_tabs_and_rows_by_newlines():
    row = [("row",), ("cell",), ("text", "a"), ("newline",), ("cell",), ("text", "b")]
    assert written(*row, *row, ("row",), ("text", "c")) == "a\tb\na\tb\nc\n"


def test_nothing_is_an_empty_text():
    assert written(("block",), ("row",), ("cell",), ("text", " \n ")) == ""


CALLS = st.one_of(
    st.tuples(st.sampled_from(["text", "exact"]), st.text("a \n\t", max_size=4)),
    st.tuples(st.sampled_from(["block", "newline", "row", "cell"])),
)


@given(st.lists(CALLS))
def test_no_character_but_white_space_is_lost_and_the_last_line_ends(calls):
    result = written(*calls)
    assert result.count("a") == sum(call[-1].count("a") for call in calls if len(call) > 1)
    assert not result or result.endswith("\n")
    assert " \n" not in result or any("exact" in call for call in calls)


@given(st.lists(CALLS))
def test_taking_what_is_there_changes_nothing(calls):
    lines = Lines()
    taken = []
    for name, *arguments in calls:
        getattr(lines, name)(*arguments)
        taken.append(lines.take())
    assert "".join([*taken, lines.finish()]) == written(*calls)
