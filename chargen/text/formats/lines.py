"""A text as it is laid out: paragraphs become lines, and cells stand apart by tabs."""

from __future__ import annotations

import re

_SPACES = re.compile("[ \t\n\r\f]+")  # what HTML calls white space; others are characters


class Lines:
    """Collects what a document says, and gives it out as plain text.

    Whatever stands between two words is held back until the second one comes: at the end
    of a block a space turns into a newline, and between two cells a newline into a tab.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._held = ""  # nothing, a space, a newline or a tab
        self._started = False
        self._in_row = False  # whether something came before in the row of a table

    def text(self, text: str) -> None:
        """Add words; white space between them becomes one space, as in HTML."""
        words = _SPACES.sub(" ", text)
        if words[:1] == " ":
            if self._started and not self._held:
                self._held = " "
            words = words[1:]
        if words:
            self._add(words.removesuffix(" "))
            if words[-1] == " ":
                self._held = " "

    def exact(self, text: str) -> None:
        """Add text whose white space counts."""
        if text:
            self._add(text.removesuffix("\n"))
            if text[-1] == "\n":
                self._held = "\n"

    def block(self) -> None:
        """Begin or end a block: what follows stands on a line of its own."""
        if self._started and self._held in ("", " "):
            self._held = "\n"

    def newline(self) -> None:
        """End a line, which may be empty."""
        self._held = self._held.strip(" ")
        self._add("")
        self._held = "\n"

    def row(self) -> None:
        """Begin or end a row of a table."""
        if self._held == "\t":
            self._held = "\n"
        self.block()
        self._in_row = False

    def cell(self) -> None:
        """Begin a cell of a table."""
        if self._in_row:
            self._held = "\t"

    def take(self) -> str:
        """Return what has come since the last time, without what is held back."""
        taken = "".join(self._parts)
        self._parts.clear()
        return taken

    def finish(self) -> str:
        """Return the rest; a newline ends it, unless nothing ever came."""
        if self._started:
            self._parts.append("\n")
        return self.take()

    def _add(self, text: str) -> None:
        self._parts.append(self._held + text)
        self._held = ""
        self._started = self._in_row = True
