"""How a text is read: decided once, recorded in the checkpoint, applied to later texts."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

NEWLINES = ("any", "lf", "keep")
"""Which line ends become LF: CR LF and CR; CR LF alone, as in format 1; or none."""

NORMALIZE = ("none", "nfc", "nfkc")
"""Unicode normalization forms."""

DOCUMENTS = ("none", "lines", "blank-lines", "files", "column")
"""What the items of a text are; "none" is one running text."""

LABEL_END = "\t"
"""What stands between an item's label and the item."""

SEPARATORS = {"blank-lines": "\n\n", "files": "\n\n", "lines": "\n", "column": "\n"}
"""What is written after an item, so that a text looks as its source does."""


@dataclass(frozen=True)
class TextPolicy:
    """How a corpus was read, and how every text for its model is prepared.

    The defaults are the policy of format 1.

    Attributes:
        encoding: Python's name of the encoding; "auto" if it was found out file by file.
        newlines: one of `NEWLINES`.
        normalize: one of `NORMALIZE`.
        lowercase: whether letters become lower case, after the normalization.
        documents: one of `DOCUMENTS`.
        label: whether each item begins with its label and `LABEL_END`.
    """

    encoding: str = "utf-8"
    newlines: str = "lf"
    normalize: str = "none"
    lowercase: bool = False
    documents: str = "none"
    label: bool = False

    @property
    def separator(self) -> str:
        """What is written after an item."""
        return SEPARATORS[self.documents]

    def prepare(self, text: str) -> str:
        """Return a text as the corpus would have been read: newlines, form, case."""
        if self.newlines != "keep":
            text = text.replace("\r\n", "\n")
        if self.newlines == "any":
            text = text.replace("\r", "\n")
        if self.normalize != "none" and not text.isascii():
            form: Any = self.normalize.upper()
            text = unicodedata.normalize(form, text)
        return text.lower() if self.lowercase else text
