"""A text in a window: long lines are wrapped between words, and grey text may follow.

prompt_toolkit wraps a line wherever the window ends. Here a line is broken after a space,
and before or after a wide character, as Chinese and Japanese are, but not before a closing
sign nor after an opening one.
"""

from __future__ import annotations

import functools
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Point
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.controls import BufferControl, UIContent
from prompt_toolkit.utils import get_cwidth

from chargen.display import printable

TAB = "    "
NEWLINE = "↵"
CLOSING = ("Pe", "Pf", "Po")
OPENING = ("Ps", "Pi")

MOST_UNDONE = 1_000
MOST_UNDONE_CHARACTERS = 2**26
"""How far back undo goes: so many changes, whose texts together have so many characters."""

GHOST = "class:ghost"
SELECTED = "class:selected"


@functools.cache
def shown(character: str) -> str:
    """Return what a character looks like; whatever could steer the terminal, an escape."""
    return TAB if character == "\t" else printable(character)


@functools.cache
def cells(character: str) -> int:
    """Return how many columns of the terminal a character takes."""
    return get_cwidth(shown(character))


@functools.cache
def _kind(character: str) -> tuple[bool, bool, bool]:
    """Return whether a character is wide, opens something, and closes something."""
    category = unicodedata.category(character)
    return cells(character) == 2, category in OPENING, category in CLOSING


def _breakable(before: str, after: str) -> bool:
    """Whether a line may be broken between two characters."""
    if before == " ":
        return True
    wide, opens, _ = _kind(before)
    wide_after, _, closes = _kind(after)
    return (wide or wide_after) and not opens and not closes and cells(after) > 0


@functools.lru_cache(2**15)
def wrap(line: str, width: int) -> tuple[int, ...]:
    """Return where the rows of a line begin, as indices.

    Args:
        line: a text without newlines.
        width: how many columns a row may take. One space more may stand at its end; after
            a space that ends the line in this way, a row is begun, for the cursor.
    """
    starts, used, gap = [0], 0, 0
    for i, character in enumerate(line):
        if i and _breakable(line[i - 1], character):
            gap = i
        size = cells(character)
        hangs = character == " " and used == width
        while used + size > width and size and not hangs and i > starts[-1]:
            starts.append(gap if gap > starts[-1] else i)
            used = sum(map(cells, line[starts[-1] : i]))
        used += size
    return (*starts, len(line)) if used > width and line.endswith(" ") else tuple(starts)


class Undoable(Buffer):
    """A buffer that remembers a bounded number of its texts, and redoes after a move."""

    def __init__(self, text: str) -> None:
        self._before: list[tuple[str, int]] = []
        self._after: list[tuple[str, int]] = []
        self._undone: str | None = None  # the text that the last undo or redo brought
        super().__init__(document=Document(text), multiline=True)

    def save_to_undo_stack(self, clear_redo_stack: bool = True) -> None:
        """Remember the text as it is; prompt_toolkit calls this before most keys."""
        self._branch()
        if self._before and self._before[-1][0] == self.text:
            self._before.pop()
        self._before.append((self.text, self.cursor_position))
        size = sum(len(text) for text, _ in self._before)
        while len(self._before) > MOST_UNDONE or size > MOST_UNDONE_CHARACTERS:
            size -= len(self._before.pop(0)[0])

    def undo(self) -> None:
        """Go back to the text before this one."""
        self._branch()
        self._go(self._before, self._after)

    def redo(self) -> None:
        """Take back an undo, unless the text was changed since."""
        self._branch()
        self._go(self._after, self._before)

    def _branch(self) -> None:
        """Forget what was undone if something else was written since."""
        if self.text != self._undone:
            self._after.clear()

    def _go(self, back: list[tuple[str, int]], forth: list[tuple[str, int]]) -> None:
        while back:
            text, place = back.pop()
            if text != self.text:
                forth.append((self.text, self.cursor_position))
                self.document = Document(text, place)
                self._undone = text
                return


class Layout:
    """A text as rows.

    Args:
        text: the text.
        width: how many columns a row may take; a space at its end may take one more.

    Attributes:
        text: the text.
        starts: where each row begins, as an index; there is at least one row.
    """

    def __init__(self, text: str, width: int) -> None:
        self.text = text
        self.starts: list[int] = []
        at = 0
        for line in text.split("\n"):
            self.starts += [at + start for start in wrap(line, width)]
            at += len(line) + 1

    def row(self, index: int) -> int:
        """Return the row of a place in the text."""
        return bisect_right(self.starts, index) - 1

    def end(self, row: int) -> int:
        """Return the index at which a row ends: that of the newline, if there is one."""
        if row + 1 == len(self.starts):
            return len(self.text)
        following = self.starts[row + 1]
        return following - (self.text[following - 1] == "\n")

    def column(self, index: int) -> int:
        """Return the column of a place in the text."""
        return sum(map(cells, self.text[self.starts[self.row(index)] : index]))

    def index(self, row: int, column: int) -> int:
        """Return the last place in a row whose column is no further right than this one."""
        row = min(max(row, 0), len(self.starts) - 1)
        at, end, used = self.starts[row], self.end(row), 0
        last = end - (end in self.starts[row + 1 : row + 2])  # that is in the next row
        while at < last and used + cells(self.text[at]) <= column:
            used += cells(self.text[at])
            at += 1
        return at


class Page(BufferControl):
    """The text of a buffer, wrapped, with grey text at the cursor.

    Args:
        buffer: what holds the text.
        ghost: returns the grey text.
    """

    def __init__(self, buffer: Buffer, ghost: Callable[[], str]) -> None:
        super().__init__(buffer)
        self._ghost = ghost
        self._width = 80
        self._layout = Layout("", 1)
        self._key: tuple[str, int] | None = None
        self._wanted = (-1, 0)  # the index where the last move ended, and its column

    def create_content(
        self, width: int, height: int, preview_search: bool = False
    ) -> UIContent:
        """Return the rows, as prompt_toolkit asks for them."""
        self._width = max(width - 1, 1)  # the cursor stands beside a full row
        at = self.buffer.cursor_position
        ghost = self._ghost().replace("\n", NEWLINE)
        text = self.buffer.text
        found = self._laid_out(text[:at] + ghost + text[at:])
        grey = range(at, at + len(ghost))
        selection = self.buffer.document.selection_range() if self._selects() else (0, 0)

        def line(row: int) -> StyleAndTextTuples:
            return list(_fragments(found, row, grey, range(*selection)))

        row = found.row(at)
        before = found.text[found.starts[row] : at]
        cursor = Point(x=sum(len(shown(c)) for c in before), y=row)
        return UIContent(line, line_count=len(found.starts), cursor_position=cursor)

    def move(self, rows: int) -> None:
        """Move the cursor down, or up by a negative number of rows; it keeps its column."""
        at = self.buffer.cursor_position
        found = self._laid_out(self.buffer.text)
        column = self._wanted[1] if self._wanted[0] == at else found.column(at)
        self.buffer.cursor_position = found.index(found.row(at) + rows, column)
        self._wanted = (self.buffer.cursor_position, column)

    def _laid_out(self, text: str) -> Layout:
        if self._key != (text, self._width):
            self._key = (text, self._width)
            self._layout = Layout(text, self._width)
        return self._layout

    def _selects(self) -> bool:
        return self.buffer.selection_state is not None


def _fragments(
    layout: Layout, row: int, grey: range, selected: range
) -> Iterator[tuple[str, str]]:
    """Yield the characters of a row, each with its style."""
    for i in range(layout.starts[row], layout.end(row)):
        style = GHOST if i in grey else SELECTED if i in selected else ""
        yield style, shown(layout.text[i])
    if layout.end(row) in selected:  # an empty line that is selected is to be seen
        yield SELECTED, " "
