"""The errors' family, and what their messages and attributes tell."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from chargen.errors import (
    ChargenError,
    CheckpointError,
    DamagedError,
    Interrupted,
    MissingTextError,
    SettingsError,
    TextError,
    TrainingError,
    UnknownCharacterError,
)


@pytest.mark.parametrize(
    "kind",
    [TextError, UnknownCharacterError, CheckpointError, SettingsError, TrainingError],
)
def test_every_error_is_a_chargen_error_with_its_message(kind):
    error = kind("what to do next")
    assert isinstance(error, ChargenError)
    assert str(error) == "what to do next"


def test_an_unknown_character_is_an_error_of_the_text():
    assert issubclass(UnknownCharacterError, TextError)


def test_a_chargen_error_is_no_value_error():
    assert not issubclass(ChargenError, ValueError)


@pytest.mark.parametrize("saved", [False, True])
def test_interrupted_keeps_its_signal_and_what_was_saved(saved):
    error = Interrupted(signal.SIGTERM, saved=saved)
    assert isinstance(error, TrainingError)
    assert error.signal_number == signal.SIGTERM
    assert error.saved is saved
    assert f"signal {int(signal.SIGTERM)}" in str(error)


@pytest.mark.parametrize(
    "kind",
    [ChargenError, TextError, CheckpointError, SettingsError, TrainingError],
)
def test_no_message_can_steer_a_terminal(kind):
    error = kind("\x1b[31mred.txt\u202e is\nnot\ta text\udcff")
    assert str(error) == "\\x1b[31mred.txt\\u202e is\nnot\ta text\\udcff"


def test_a_text_that_is_missing_is_named():
    error = MissingTextError("novel.txt is not found", name="novel.txt")
    assert isinstance(error, TextError)
    assert (str(error), error.name) == ("novel.txt is not found", "novel.txt")


def test_damage_says_which_checkpoint_is_sound():
    step = Path("run/step-00000003")
    error = DamagedError("weights are missing", sound=step)
    assert isinstance(error, CheckpointError)
    assert error.sound == step
    assert str(error) == f"weights are missing. The newest sound checkpoint is {step}"


def test_damage_says_that_no_checkpoint_is_sound():
    error = DamagedError("weights are missing", sound=None)
    assert error.sound is None
    assert str(error) == "weights are missing. The run holds no sound checkpoint"
