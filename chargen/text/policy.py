"""How a text is read: decided once, recorded in the checkpoint, applied to later texts."""

from __future__ import annotations

import dataclasses
import unicodedata
from dataclasses import dataclass
from typing import Any

from chargen.checks import Choice, Flag, Name, check_options, documented, option

NEWLINES = ("any", "lf", "keep")
"""Which line ends become LF: CR LF and CR; CR LF alone, as in format 1; or none."""

NORMALIZE = ("none", "nfc", "nfkc")
"""Unicode normalization forms."""

DOCUMENTS = ("none", "lines", "blank-lines", "files", "column")
"""What the items of a text are; "none" is one running text."""

DIRECTIONS = ("forward", "backward")
"""From which end a model reads and writes a text."""

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
        direction: one of `DIRECTIONS`; "backward" if texts are read from their end.
    """

    encoding: str = "utf-8"
    newlines: str = "lf"
    normalize: str = "none"
    lowercase: bool = False
    documents: str = "none"
    label: bool = False
    direction: str = "forward"

    @property
    def separator(self) -> str:
        """What is written after an item."""
        return SEPARATORS[self.documents]

    @property
    def backward(self) -> bool:
        """Whether texts are read and written from their end."""
        return self.direction == "backward"

    def arrange(self, text: str) -> str:
        """Turn a text from reading order into the model's order, or back again.

        For a backward model, its code points are put into the reverse order.
        """
        return text[::-1] if self.backward else text

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


@documented
@dataclass(frozen=True)
class Reading:
    """How files are read, as far as a user can say.

    Raises:
        ValueError: a value is wrong, or contradicts another.
    """

    encoding: str | None = option(
        None,
        Name(),
        "The encoding of the files; auto: find it out.",
        group="data",
        default="UTF-8, or what a byte order mark says",
        common=True,
    )
    documents: str | None = option(
        None,
        Choice(DOCUMENTS),
        "What the text is made of: items such as lines, each learned by itself; or none, "
        "for one running text.",
        group="data",
        default="lines if it is plainly a list, otherwise none",
        common=True,
    )
    column: str | None = option(
        None,
        Name(),
        "The column of a .csv, .tsv or .jsonl file that holds the items.",
        group="data",
        default="none",
    )
    label: str | None = option(
        None,
        Name(),
        "The column that holds a label for each item; sampling can ask for one.",
        group="data",
        default="none",
    )
    group_by: str | None = option(
        None,
        Name(),
        "The column whose equal values are not divided between training and validation.",
        group="data",
        default="none",
    )
    normalize: str = option(
        "nfc",
        Choice(NORMALIZE),
        "Unicode normalization; nfkc also makes one of full and half width, and the like.",
        group="data",
    )
    lowercase: bool = option(False, Flag(), "Make all letters lower case.", group="data")
    newlines: str = option(
        "any",
        Choice(NEWLINES),
        "Which line ends become LF: any, CR LF alone (lf), or none (keep).",
        group="data",
    )
    backward: bool = option(
        False,
        Flag(),
        "Learn the text from its end, for a model that writes what comes before.",
        group="data",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.column is not None and self.documents is None:
            object.__setattr__(self, "documents", "column")
        if (self.column is not None) != (self.documents == "column"):
            raise ValueError("`documents='column'` and `column` belong together")
        for name in ("label", "group_by"):
            if getattr(self, name) is not None and self.column is None:
                raise ValueError(f"`{name}` is a column beside `column`: give both")
        if self.backward and self.label is not None:
            raise ValueError(
                "`backward` and `label` exclude each other: a label is known before its "
                "item, and a backward model would read it last"
            )

    @classmethod
    def of(cls, settings: object) -> Reading:
        """Return the part of a record of settings that says how files are read."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: getattr(settings, name) for name in names})

    def policy(self, encoding: str = "utf-8") -> TextPolicy:
        """Return what is recorded of it."""
        return TextPolicy(
            encoding=encoding,
            newlines=self.newlines,
            normalize=self.normalize,
            lowercase=self.lowercase,
            documents=self.documents or "none",
            label=self.label is not None,
            direction="backward" if self.backward else "forward",
        )
