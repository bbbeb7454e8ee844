"""From what was asked for to the settings of a run: what is chosen, and what is said."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny_checkpoint, write_run
from jobs import STORY, asked, trained

from chargen.errors import CheckpointError, SettingsError, TextError
from chargen.text.batches import Shuffled, Streams
from chargen.training import resolve as module
from chargen.training.finetune import grow
from chargen.training.recipe import CHOSEN
from chargen.training.settings import Settings

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def short():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    return "short.txt"


def said(resolved, text):
    """Whether a note has some text."""
    return any(text in note for note in resolved.notes)


# --- the length -------------------------------------------------------------------------


def test_the_default_length_is_five_minutes_and_that_is_said():
    resolved = asked()
    assert resolved.settings.seconds == 300
    assert said(resolved, "5 minutes, or until it stops improving, by default")


def test_the_default_length_of_a_short_text_is_bounded_by_passes(short):
    resolved = asked(short)
    assert resolved.settings.steps == 500
    assert said(resolved, "can hardly use more than 500 steps")


def test_a_given_length_is_obeyed_with_a_warning(short):
    resolved = asked(short, {"epochs": 5000})
    assert (resolved.settings.steps, resolved.settings.epochs) == (None, 5000)
    assert resolved.settings.seconds is None
    assert said(resolved, "rarely gains")


# --- the recipe -------------------------------------------------------------------------


def test_what_was_not_asked_for_is_chosen_and_said_as_python_has_it():
    resolved = asked("story.txt", {"steps": 9, "units": 24})
    chosen = set(CHOSEN) - {"units"}
    (note,) = (note for note in resolved.notes if note.startswith("chosen for"))
    assert note.startswith("chosen for this text and length: ")
    for name in chosen:
        assert f"`{name}={getattr(resolved.settings, name)!r}`" in note
    assert "`units" not in note
    assert resolved.settings.units == 24


def test_nothing_is_chosen_where_everything_was_asked_for():
    given = {name: getattr(Settings(), name) for name in CHOSEN}
    resolved = asked("story.txt", {"steps": 9, **given})
    assert said(resolved, "all settings were given")
    assert {name: getattr(resolved.settings, name) for name in CHOSEN} == given


def test_nothing_is_chosen_for_a_run_that_is_gone_on_with():
    run = trained({"steps": 9, "units": 24})
    again = asked(resume=True)
    assert again.settings.to_dict() == run.description()["settings"]
    assert not said(again, "chosen for this text")


def test_passes_are_foretold_where_there_is_a_batch_to_time():
    Path("short.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    foretold = "passes over the training text"
    assert not said(asked("short.txt", {"seconds": 60.0}), foretold)
    notes = asked("story.txt", {"seconds": 60.0}).notes
    assert any(foretold in note and "length and machine" in note for note in notes)


def test_no_more_passes_are_foretold_than_the_default_length_has():
    notes = " ".join(asked().notes)
    foretold = re.search(r"about ([\d,]+) pass(?:es)? over the training text", notes)
    useful = re.search(r"\(([\d,]+) passes\), so it may end earlier", notes)
    assert foretold[1] == useful[1]


# --- the parts --------------------------------------------------------------------------


def test_what_came_out_on_the_text_is_recorded():
    resolved = asked("story.txt", {"steps": 1, "windows": "shuffled", "batch_size": 5})
    settings, corpus = resolved.settings, resolved.corpus
    assert (settings.validation, settings.test) == (0.1, None)
    assert settings.encoding == "utf-8"
    assert settings.batch_size == resolved.batches.batch_size == 5
    assert settings.seq_length == resolved.batches.seq_length
    assert isinstance(resolved.batches, Shuffled)
    assert isinstance(asked("story.txt", {"steps": 1}).batches, Streams)
    assert len(corpus.validation) == resolved.scorable == len(STORY) * 10
    assert [source.role for source in corpus.sources] == ["train"]


def test_shrinking_is_said(short):
    resolved = asked(short, {"steps": 1})
    assert (resolved.settings.batch_size, resolved.settings.seq_length) == (1, 15)
    assert said(resolved, "`batch_size` is 1 instead of 16: 16 characters hold no more")
    assert said(resolved, "`seq_length` is 15 instead of 32: 16 characters hold no more")


def test_a_short_text_is_trained_on_whole_and_that_is_said(short):
    resolved = asked(short, {"steps": 1})
    assert resolved.settings.validation == 0
    assert len(resolved.corpus.train) == 16
    assert said(resolved, "no validation loss")


def test_patience_needs_a_validation_part():
    with pytest.raises(SettingsError, match=r"`patience`.*`validation`"):
        asked("story.txt", {"steps": 9, "patience": 2, "validation": 0.0})


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize(
    ("name", "same"), [("story.txt", 1), ("same.txt", 1), ("other.txt", 0)]
)
def test_holding_out_what_is_learned_from_is_reported(part, name, same):
    shutil.copy("story.txt", "same.txt")
    Path("other.txt").write_text(Path("story.txt").read_text("utf-8") + "!", "utf-8")
    notes = asked("story.txt", {"steps": 9, part: name}).notes
    expected = f"`{part}` is the text that is learned from"
    assert sum(expected in note for note in notes) == same


def test_unseen_validation_characters_are_reported():
    Path("odd.txt").write_text("ab" * 1500 + "x" * 50, encoding="utf-8")
    assert said(asked("odd.txt", {"steps": 1}), "16.39% of the validation characters")


def test_a_part_from_a_file_is_a_part_of_the_corpus():
    Path("held.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    resolved = asked("story.txt", {"steps": 1, "validation": "held.txt"})
    corpus = resolved.corpus
    assert corpus.vocabulary.decode(corpus.validation.read()).endswith("pepper")
    assert resolved.settings.validation == "held.txt"
    sources = [(source.role, source.name) for source in corpus.sources]
    assert sources == [("train", "story.txt"), ("validation", "held.txt")]
    assert resolved.scorable == len("a clerk who counted pepper") - 1


# --- the model --------------------------------------------------------------------------


def test_a_model_that_no_checkpoint_can_hold_is_refused():
    with pytest.raises(SettingsError, match="more than the 500,000,000"):
        asked("story.txt", {"steps": 1, "units": 16_384, "layers": 4})
    Path("big.txt").write_text(STORY * 2000, encoding="utf-8")
    given = {"steps": 1, "units": 4096, "layers": 1, "batch_size": 10_000}
    with pytest.raises(SettingsError, match="`batch_size`"):
        asked("big.txt", {**given, "seq_length": 4, "validation": 0.0})
    assert not Path("checkpoints").exists()


def test_memory_that_may_not_do_is_told(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        module, "foresee_memory", lambda weights: sizes.append(weights) or "too little"
    )
    resolved = asked("story.txt", {"steps": 1, "units": 24})
    assert "too little" in resolved.notes
    characters = len(resolved.corpus.vocabulary)
    assert sizes == [resolved.settings.model.parameters(characters)]


NEW = "abba, cab! bad cab; a bad 中 bed.\n" * 120


@pytest.fixture
def model():
    """A model of other characters, and a text to train it further on."""
    Path("new.txt").write_text(NEW, encoding="utf-8")
    parts = {"units": 7, "layers": 2, "characters": "\nabcdez"}
    write_run(Path("old"), 1, **parts)
    return tiny_checkpoint(step=1, seed=1, **parts)


def test_a_model_that_is_trained_further_keeps_its_shape_and_characters(model):
    resolved = asked("new.txt", {"steps": 3, "dropout": 0.4}, init_from="old")
    settings = resolved.settings
    assert (settings.cell, settings.units, settings.layers) == ("lstm", 7, 2)
    assert settings.embedding_size == 3
    assert settings.dropout == 0.4  # which is not a matter of the weights
    assert "".join(resolved.corpus.vocabulary.characters) == "\n !,.;abcdez中"
    assert said(resolved, "starting from old")
    assert resolved.origin == "old"
    for name, array in grow(model, resolved.corpus, seed=0).items():
        np.testing.assert_array_equal(resolved.initial[name], array, err_msg=name)


def test_characters_that_the_text_lacks_can_be_left_out(model):
    dropped = asked("new.txt", {"steps": 3}, init_from="old", drop_unused=True)
    assert "z" not in dropped.corpus.vocabulary
    assert "e" in dropped.corpus.vocabulary


def test_weights_that_are_too_large_to_carry_over_are_refused(model):
    parts = {"units": 7, "layers": 2, "characters": "\nabcdez"}
    write_run(Path("huge"), 1, scale=5e37, **parts)
    with pytest.raises(CheckpointError, match="too large to train on from"):
        asked("new.txt", {"steps": 3}, init_from="huge")


def test_the_origin_is_named_without_folders_and_kept(model):
    resolved = asked("new.txt", {"steps": 3}, init_from=str(Path("old").resolve()))
    assert resolved.origin == "old"
    assert asked("new.txt", {"steps": 3}).origin is None
    trained({"steps": 9, "units": 24}, training={"batch_size": 2, "init_from": "letters"})
    assert asked(resume=True).origin == "letters"


def test_a_text_of_one_character_is_refused():
    Path("dull.txt").write_text("a" * 5000, encoding="utf-8")
    with pytest.raises(TextError, match=r"dull\.txt consists of one character repeated"):
        asked("dull.txt", {"steps": 3})
