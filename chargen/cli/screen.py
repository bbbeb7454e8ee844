"""What the editor of `chargen write` shows around the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Container,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.utils import get_cwidth

from chargen.cli.page import Page, shown
from chargen.display import one_line

if TYPE_CHECKING:
    from chargen.cli.editor import Editor

# What the keys at the bottom do; `editor` binds them.
HINTS = (
    ("Tab", "word"),
    ("End", "line"),
    ("Ctrl-N", "another"),
    ("Ctrl-P", "the one before"),
    ("F3 F4", "temperature"),
    ("F2", "odds"),
    ("Ctrl-Z", "undo"),
    ("Ctrl-Y", "redo"),
    ("Ctrl-S", "save"),
    ("Ctrl-Q", "quit"),
)

SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥", "": "end"}
"""What stands for characters that cannot be seen, and for the end of an item."""

EIGHTHS = ("", *"▏▎▍▌▋▊▉")
BAR = 8
"""How many columns the bar of a probability of 1 takes."""

PANEL = 5 + BAR + 7

STYLE = {
    "ghost": "#808080",
    "selected": "reverse",
    "status": "reverse",
    "note": "bold",
    "key": "bold",
    "line": "#808080",
}


class Screen:
    """What an editor shows.

    Args:
        editor: the editor.

    Attributes:
        page: the text.
        answer: what is typed in answer to a question.
        odds: whether the likeliest next characters are shown.
        layout: all of it, as prompt_toolkit's application takes it.
    """

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self.page = Page(editor.buffer, editor.ghost)
        self.answer = Buffer(multiline=False)
        self.odds = False
        self._text = Window(self.page)
        self.layout = Layout(self._container(), self._text)

    @property
    def height(self) -> int:
        """How many rows of the text are seen."""
        info = self._text.render_info
        return info.window_height if info is not None else 1

    def focus(self, *, answer: bool) -> None:
        """Let keys go to the answer to a question, or to the text."""
        self.layout.focus(self.answer if answer else self._text)

    def _container(self) -> Container:
        def text(get: Callable[[], StyleAndTextTuples], **more: Any) -> Window:
            return Window(FormattedTextControl(get), **more)

        def height() -> int:
            return len(self._hint_rows())

        asked = Condition(lambda: self._editor.question is not None)
        noted = Condition(lambda: bool(self._note()))
        line = Window(width=1, char="│", style="class:line")
        odds = VSplit([line, text(self._panel, width=PANEL)])
        note = text(lambda: [("class:note", f" {self._note()}")], height=1)
        answer = Window(BufferControl(self.answer))
        question = VSplit([text(self._asked, dont_extend_width=True), answer])
        return HSplit(
            [
                VSplit(
                    [
                        self._text,
                        ConditionalContainer(odds, Condition(lambda: self.odds)),
                    ]
                ),
                ConditionalContainer(note, noted),
                text(self._status, style="class:status", height=1),
                ConditionalContainer(text(self._hints, height=height), ~asked),
                ConditionalContainer(HSplit([question], height=height), asked),
            ]
        )

    def _note(self) -> str:
        """Return what there is to say."""
        message, found = self._editor.message, self._editor.suggestion
        if message or found is None:
            return one_line(message)
        if found.failed:
            return one_line(f"no suggestions: {found.failed}")
        if found.read < 1:
            return f"the model is reading: {found.read:.0%}"
        return unknown_note(found.replaced)

    def _status(self) -> StyleAndTextTuples:
        """Return the line below the text; the place is shorter where room is scarce."""
        editor = self._editor
        path, at, sampling = editor.manuscript.path, editor.buffer.document, editor.sampling
        name = "no name yet" if path is None else one_line(str(path))
        left = f" {name}{' · not saved' if editor.unsaved else ''}"
        row, column = at.cursor_position_row + 1, at.cursor_position_col + 1
        right = f"temperature {sampling.temperature:g} · seed {sampling.seed} · "
        free = self._columns() - get_cwidth(left) - 1
        place = f"line {row:,}, column {column:,}"
        right += place if len(right + place) < free else f"{row:,}:{column:,}"
        return [("", f"{left}{right:>{max(free, len(right) + 1)}}")]

    def _columns(self) -> int:
        return self._editor.app.output.get_size().columns

    def _hint_rows(self) -> list[list[tuple[str, str]]]:
        """Return the keys in as many rows as the terminal's width takes."""
        rows: list[list[tuple[str, str]]] = [[]]
        width, used = self._columns(), 0
        for hint in HINTS:
            size = len(" ".join(hint)) + 2
            if used + size > width and rows[-1]:
                rows.append([])
                used = 0
            rows[-1].append(hint)
            used += size
        return rows

    def _hints(self) -> StyleAndTextTuples:
        found: StyleAndTextTuples = []
        for row in self._hint_rows():
            for key, what in row:
                found += [("", " "), ("class:key", key), ("", f" {what} ")]
            found.append(("", "\n"))
        return found

    def _asked(self) -> StyleAndTextTuples:
        question = self._editor.question
        if question is None:
            return []
        keys = "y yes · n no · Esc back " if question.keys else ""
        return [("class:key", f" {one_line(question.text)} "), ("", keys)]

    def _panel(self) -> StyleAndTextTuples:
        """Return the likeliest next characters, each with its probability."""
        suggestion = self._editor.suggestion
        found: StyleAndTextTuples = [("class:key", " next character\n")]
        for character, share in suggestion.likeliest if suggestion is not None else ():
            name = SIGNS.get(character) or shown(character)
            if get_cwidth(name) == 0:  # what combines with the letter before it
                name = f"◌{name}"
            gap = " " * max(4 - get_cwidth(name), 1)
            full, part = divmod(round(BAR * 8 * share), 8)
            bar = "█" * full + EIGHTHS[part]
            found.append(("", f" {name}{gap}"))
            found.append(("class:line", f"{bar:<{BAR}}"))
            found.append(("", f"{share:>6.1%}\n"))
        return found


def unknown_note(replaced: dict[str, str]) -> str:
    """Say what a model reads for characters that it never saw; empty if there are none."""
    if not replaced:
        return ""
    few = [
        f"{one_line(character)} (it reads {one_line(found) or 'nothing'})"
        for character, found in list(replaced.items())[:3]
    ]
    more = f" and {len(replaced) - 3} more" if len(replaced) > 3 else ""
    return f"the model never saw {', '.join(few)}{more}"
