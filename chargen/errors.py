"""The errors that chargen raises for its user. Imports nothing but the standard library.

    ChargenError            what is wrong, where, what to do next: the CLI prints it
    ├── TextError           a text cannot be read, or cannot be used
    │   └── UnknownCharacterError   a text has characters that the vocabulary lacks
    ├── CheckpointError     a run or checkpoint is missing, damaged or of a newer format
    │   └── DamagedError            the step that a run's pointer names is damaged
    ├── SettingsError       settings that contradict each other or a run
    └── TrainingError       training cannot start or go on
        └── Interrupted     a signal ended training; what was learned is saved

Wrong arguments of a Python call raise `ValueError` instead.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path


class ChargenError(Exception):
    """Base of all errors that are the user's to mend; the message says how."""


class TextError(ChargenError):
    """A text cannot be read, or cannot be used."""


class UnknownCharacterError(TextError):
    """A text has characters that the vocabulary lacks."""


class CheckpointError(ChargenError):
    """A run or a checkpoint is missing, damaged, or of a newer format."""


class DamagedError(CheckpointError):
    """The step that a run's pointer names is damaged.

    Attributes:
        sound: the newest step directory of the run that can be read; None: there is none.
    """

    def __init__(self, message: str, *, sound: Path | None) -> None:
        if sound is None:
            message += ". The run holds no sound checkpoint"
        else:
            message += f". The newest sound checkpoint is {printable(str(sound))}"
        super().__init__(message)
        self.sound = sound


class SettingsError(ChargenError):
    """Settings contradict each other, or those of the run that is resumed."""


class TrainingError(ChargenError):
    """Training cannot start or cannot go on."""


class Interrupted(TrainingError):
    """A signal ended training.

    Attributes:
        signal_number: the signal, as in the module `signal`.
        saved: whether a checkpoint of the run can be read.
    """

    def __init__(self, signal_number: int, *, saved: bool) -> None:
        super().__init__(f"training was interrupted by signal {signal_number}")
        self.signal_number = signal_number
        self.saved = saved


# What reverses the reading order, and the separators that some terminals obey.
_STEERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029") | {
    chr(code) for code in range(0x2066, 0x206A)
}


def printable(text: str) -> str:
    """Return `text` with everything that could steer a terminal written as an escape.

    Newline and tab stay. Other control characters, surrogates and the marks that reverse
    the reading order become `\\x1b`, `\\u202e` and the like, so that neither a stranger's
    checkpoint nor a corpus can move the cursor, change colours or mislead the reader.
    """
    return "".join(
        c.encode("unicode_escape").decode("ascii")
        if c in _STEERING or (c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs"))
        else c
        for c in text
    )


def one_line(text: str) -> str:
    """Return `text` as `printable` does, newlines and tabs as escapes too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def describe(character: str) -> str:
    """Name one character for a message: `'“' (U+201C LEFT DOUBLE QUOTATION MARK)`."""
    name = unicodedata.name(character, "")
    shown = repr(character) if character.isprintable() else ascii(character)
    return f"{shown} (U+{ord(character):04X}{' ' + name if name else ''})"
