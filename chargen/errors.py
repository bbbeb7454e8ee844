"""The errors that chargen raises for its user.

    ChargenError            what is wrong, where, what to do next: the CLI prints it
    ├── TextError           a text cannot be read, or cannot be used
    │   ├── RefusedError            a file holds no text; folders pass over it
    │   ├── DecodingError           a file is in another encoding
    │   ├── UnknownCharacterError   a text has characters that the vocabulary lacks
    │   └── MissingTextError        the text that a model learned from is not found
    ├── CheckpointError     a run or checkpoint is missing, damaged or of a newer format
    │   └── DamagedError            the step that a run's pointer names is damaged
    ├── SettingsError       settings that contradict each other or a run
    └── TrainingError       training cannot start or go on
        └── Interrupted     a signal ended training; what was learned is saved

Wrong arguments of a Python call raise `ValueError` instead.
"""

from __future__ import annotations

from pathlib import Path

from chargen.display import printable


class ChargenError(Exception):
    """Base of all errors that are the user's to put right; the message says how.

    A message may quote what a stranger's file brought along, so whatever in it could steer
    a terminal is written as an escape. Settings and arguments are called by their Python
    names, in backquotes (`units`, `validation=0`); the command line shows options instead.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class TextError(ChargenError):
    """A text cannot be read, or cannot be used."""


class DecodingError(TextError):
    """A file is not in the encoding that it is read in."""


class UnknownCharacterError(TextError):
    """A text has characters that the vocabulary lacks."""


class MissingTextError(TextError):
    """The text that a model learned from is not found.

    Attributes:
        name: the name of its file.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class CheckpointError(ChargenError):
    """A run or a checkpoint is missing, damaged, or of a newer format."""


class DamagedError(CheckpointError):
    """The step that a run's pointer names is damaged.

    Attributes:
        sound: the newest step directory of the run that can be read; None if there is none.
    """

    def __init__(self, message: str, *, sound: Path | None) -> None:
        if sound is None:
            message += ". The run holds no sound checkpoint"
        else:
            message += f". The newest sound checkpoint is {sound}"
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
