"""From names to text files, and what a text is for: the sources of a corpus."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chargen.display import suggestion
from chargen.errors import TextError
from chargen.system.files import MAX_MESSAGE, exists, listed, shipped
from chargen.text.reading import Text

BUNDLED_CORPORA = shipped("corpora", "corpora")

PARTS = ("train", "validation", "test")
"""What a text, or a part of one, is for."""

HELD_OUT = PARTS[1:]
"""The parts that are held out from training; both may be files of their own."""


@dataclass(frozen=True)
class Source:
    """A file that a corpus was read from.

    Attributes:
        role: one of `PARTS`. The parts that have no file of their own are cut off the
            text in the role "train".
        name: the file's name, without its folder.
        size: its size in bytes.
        sha256: the SHA-256 of its bytes, in hexadecimal digits.
    """

    role: str
    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, text: Text, role: str) -> Source:
        """Return a text as a source."""
        return cls(role, text.name, text.size, text.sha256)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of format 1, in which the place tells the role."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256}


def recorded_sources(
    entries: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[Source, ...]:
    """Return the sources that format 1 records, which says nothing about their roles.

    The text that is trained on comes first, then the file of the validation part, then
    that of the test part, each where `settings` has a file's name for it.

    Args:
        entries: the name, bytes and sha256 of each.
        settings: the settings of the training.
    """
    entries = list(entries)
    roles = ["train", *(part for part in HELD_OUT if isinstance(settings.get(part), str))]
    roles += ["train"] * len(entries)  # for more entries than there should be
    return tuple(
        Source(
            role,
            str(entry.get("name", "")),
            entry.get("bytes", 0),
            str(entry.get("sha256", "")),
        )
        for entry, role in zip(entries, roles, strict=False)
    )


def in_role(sources: Iterable[Source], role: str) -> Source | None:
    """Return the first source in a role; None if there is none."""
    return next((source for source in sources if source.role == role), None)


def bundled_corpora() -> list[Path]:
    """Return the text files that ship with chargen, by name."""
    return sorted(BUNDLED_CORPORA.glob("*.txt"))


def find_corpus(name: str) -> Path:
    """Return the text file that a path or the name of a bundled corpus means.

    An existing path always wins over a name.

    Raises:
        TextError: there is none; the message lists the bundled ones.
    """
    path = Path(name)
    if exists(path) and path.is_dir():
        raise TextError(f"{name} is a folder, not a text file")
    if exists(path):
        return path
    for bundled in bundled_corpora():
        if name in (bundled.stem, bundled.name):
            return bundled
    names = [bundled.stem for bundled in bundled_corpora()]
    here = [p.name for p in listed(path.parent) if os.path.isfile(p)]
    raise TextError(
        f"there is no file {name[:MAX_MESSAGE]}, and no bundled corpus of that name (those "
        f"are {', '.join(names)}){suggestion(path.name, [*here, *names])}"
    )
