"""The texts that are asked for, and the run or the model that training goes on from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import write_run
from jobs import STORY, asked, begun, looked_at, publish, trained

from chargen.errors import CheckpointError, SettingsError, TextError
from chargen.runs.repair import go_back
from chargen.runs.run import Run
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary
from chargen.training.resume import settings_of

pytestmark = pytest.mark.usefixtures("folder")

MINE = Path("mine")


def contents():
    """Every file and folder below the folder one works in."""
    return {
        path: path.read_bytes() if path.is_file() else None for path in Path().rglob("*")
    }


def said(text):
    """The characters of an encoded text."""
    return text.text(0, len(text))


# --- texts ------------------------------------------------------------------------------


def test_a_text_is_read_from_a_file_or_is_a_bundled_one():
    assert said(looked_at("story.txt").text) == STORY * 100
    assert looked_at("story.txt").name == "story"
    bundled = looked_at("minerals")
    assert (bundled.name, bundled.title) == ("minerals", "minerals.txt")


def test_without_a_run_there_are_settings_and_nothing_to_go_on_from():
    found = looked_at("story.txt", {"units": 24})
    assert found.given == {"units": 24}
    assert found.settings.units == 24
    assert (found.run, found.latest, found.checkpoint, found.back) == (None,) * 4
    assert found.trained is None
    assert found.notes == ()


def test_the_encoding_is_recorded_as_it_was_read():
    Path("verses.txt").write_text("café " * 500, encoding="cp1252")
    found = looked_at("verses.txt", {"encoding": "WINDOWS-1252"})
    assert found.given == {"encoding": "cp1252"}
    assert found.settings.encoding == "cp1252"


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_part_may_be_a_file_of_which_the_name_is_recorded(part):
    Path("texts").mkdir()
    Path("texts/held.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    found = looked_at("story.txt", {part: "texts/held.txt"})
    assert said(getattr(found.held_out, part)).endswith("pepper")
    assert list(found.held_out.texts) == [part]
    assert found.held_out.files == {part: ("texts/held.txt",)}
    assert found.given == {part: "held.txt"}
    assert getattr(found.settings, part) == "held.txt"


def test_a_part_may_be_a_share():
    found = looked_at("story.txt", {"validation": 0.2})
    assert (found.held_out.validation, found.held_out.test) == (0.2, None)
    assert found.held_out.texts == {}


def test_the_texts_of_one_training_may_have_several_encodings():
    Path("held.txt").write_text("a clerk", encoding="utf-16")
    found = looked_at("story.txt", {"validation": "held.txt"})
    assert said(found.held_out.texts["validation"]) == "a clerk"
    Path("more.txt").write_text("and more", encoding="utf-16")
    found = asked(("story.txt", "more.txt"), {"steps": 1})
    assert said(found.read.text) == STORY * 100 + "and more"
    assert found.settings.encoding == "auto"


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(TextError, match=r"nowhere\.txt"):
        looked_at("story.txt", {"validation": "nowhere.txt"})


# --- a run that is gone on with ---------------------------------------------------------


def test_resume_takes_the_settings_of_the_run():
    run = begun({"steps": 9, "units": 24, "cell": "gru"})
    found = looked_at(resume=True)
    assert found.run.folder == run.folder
    assert found.given == {}
    assert asked(resume=True).settings.to_dict() == run.description()["settings"]


def test_resume_takes_the_latest_checkpoint_and_says_so():
    run = trained({"steps": 9, "units": 24}, step=4)
    found = looked_at(resume=True)
    assert found.checkpoint.step == found.latest == 4
    assert found.checkpoint.resume is not None
    assert f"going on from step 4 of {run.folder}" in found.notes


def test_resume_without_a_folder_takes_the_newest_run_of_the_corpus():
    given = {"steps": 9, "units": 24}
    begun(given)
    begun(given, "minerals", created="2026-03-01T00:00:00+00:00")
    newer = Path("checkpoints/story-2")
    begun({**given, "units": 26}, out=newer, created="2026-02-01T00:00:00+00:00")
    found = looked_at(resume=True)
    assert found.run.folder == newer
    assert found.settings.units == 26


def test_a_run_without_a_checkpoint_is_not_a_reason_to_begin_anew():
    run = trained({"steps": 9, "units": 24})
    newer = Path("checkpoints/story-2")
    begun({"steps": 9, "units": 24}, out=newer, created="2026-02-01T00:00:00+00:00")
    assert looked_at(resume=True).run.folder == run.folder


@pytest.mark.parametrize("out", ["story", "checkpoints/story/latest"])
def test_resume_of_what_is_nearly_a_run_names_it(out):
    trained({"steps": 9, "units": 24})
    with pytest.raises(SettingsError, match=r"did you mean `out='checkpoints/story'`\?"):
        looked_at(resume=True, out=Path(out))
    assert looked_at(resume=True, out=Path("elsewhere/story")).checkpoint is None


def test_resume_with_nothing_there_starts_and_says_so():
    found = looked_at("story.txt", {"steps": 9}, resume=True)
    assert any("nothing to resume yet" in note for note in found.notes)
    assert found.checkpoint is None


def test_a_part_in_a_file_is_found_again_on_resume():
    Path("texts").mkdir()
    Path("texts/held.txt").write_text("a clerk who counted", encoding="utf-8")
    Path("story.txt").rename("texts/story.txt")
    given = {"steps": 1, "validation": "texts/held.txt"}
    run = begun(given, "texts/story.txt")
    again = asked("texts/story.txt", resume=True, out=run.folder)
    assert again.settings.to_dict() == run.description()["settings"]
    assert said(again.read.held_out.texts["validation"]) == "a clerk who counted"
    Path("texts/held.txt").unlink()
    with pytest.raises(TextError, match=r"held\.txt.*`validation`"):
        looked_at("texts/story.txt", resume=True, out=run.folder)


def test_a_part_of_a_strangers_run_is_not_looked_for_elsewhere():
    run = begun({"steps": 1, "units": 24})
    description = run.description()
    description["settings"]["validation"] = "/etc/hostname"
    run.write_description(description)
    with pytest.raises(SettingsError, match=r"run\.json is damaged: .* is a path"):
        looked_at(resume=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"units": 25}, "`units=25` differs from the run's 24"),
        ({"dropout": 0.5}, "`dropout=0.5` differs"),
        ({"seed": 5}, "`seed=5` differs from the run's 0"),
        ({"optimizer": "adamw"}, "`optimizer='adamw'` differs"),
        ({"precision": "bfloat16"}, "`precision='bfloat16'` differs"),
        ({"precision": "auto"}, "`precision='auto'` differs from the run's float32"),
        ({"stock": True}, "`stock=True` differs"),
        ({"backward": True}, "`backward=True` differs from the run's False"),
    ],
)
def test_resume_refuses_another_setting_and_names_it(given, message):
    begun({"steps": 9, "units": 24, "precision": "float32", "threads": 2})
    with pytest.raises(SettingsError, match=message):
        looked_at("story.txt", given, resume=True)


def test_resume_accepts_the_same_command_again():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    given = {
        "steps": 9,
        "units": 24,
        "batch_size": 32,
        "validation": 0.0,
        "encoding": "UTF8",
    }
    run = begun(given, "short.txt")
    settings = run.description()["settings"]
    assert settings["batch_size"] == 1  # more did not fit in
    assert asked("short.txt", given, resume=True).settings.to_dict() == settings


def test_resume_keeps_the_direction():
    begun({"steps": 9, "backward": True})
    assert looked_at(resume=True).settings.backward
    assert looked_at("story.txt", {"backward": True}, resume=True).settings.backward
    with pytest.raises(SettingsError, match="`backward=False` differs from the run's True"):
        looked_at("story.txt", {"backward": False}, resume=True)


def test_resume_accepts_another_length():
    begun({"steps": 9})
    found = looked_at("story.txt", {"seconds": 600.0, "patience": 3}, resume=True)
    assert (found.settings.seconds, found.settings.steps) == (600.0, None)
    assert found.settings.patience == 3


def test_resume_takes_other_threads():
    begun({"steps": 9, "precision": "float32", "threads": 2})
    assert looked_at("story.txt", {"threads": 5}, resume=True).settings.threads == 5


def test_resume_takes_another_device_and_auto_where_nothing_was_asked():
    begun({"steps": 9})
    given = {"device": "cpu", "precision": "auto"}
    assert looked_at("story.txt", given, resume=True).settings.device == "cpu"


def test_resume_refuses_a_changed_corpus():
    begun({"steps": 9})
    Path("story.txt").write_text(STORY * 101, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"story\.txt has changed"):
        looked_at(resume=True)


def test_resume_with_another_file_names_both_and_what_to_do():
    Path("other.txt").write_text(STORY * 90, encoding="utf-8")
    run = begun({"steps": 9})
    with pytest.raises(
        SettingsError,
        match=r"learned from story\.txt and not from other\.txt.*"
        r"use `init_from='checkpoints/story'` instead of `resume`",
    ):
        looked_at("other.txt", resume=True, out=run.folder)


def test_a_run_without_a_resume_part_cannot_be_resumed_and_says_why():
    trained({"steps": 9}, resume={})
    with pytest.raises(CheckpointError, match=r"training cannot be resumed"):
        looked_at(resume=True)


def test_a_checkpoint_of_another_model_than_the_run_describes_is_damage():
    run = trained({"steps": 9, "units": 24})
    description = run.description()
    description["settings"]["units"] = 25
    run.write_description(description)
    with pytest.raises(CheckpointError, match="are of different models"):
        looked_at(resume=True)


def test_settings_of_a_run_that_are_none_are_damage():
    assert settings_of({"settings": {"units": 24}}) == {"units": 24}
    for damaged in ({"units": "many"}, {"colour": 1}):
        with pytest.raises(SettingsError, match=r"^the run's run\.json is damaged: "):
            settings_of({"settings": damaged})


# --- older steps ------------------------------------------------------------------------


def test_resuming_from_within_a_step(monkeypatch):
    trained({"steps": 9}, out=MINE, step=1)
    monkeypatch.chdir("mine/step-00000001")
    found = looked_at("../../story.txt", resume=True, out=Path("."))
    assert found.checkpoint.step == 1
    assert not any("will be removed" in note for note in found.notes)
    go_back(found.run, found.back)
    assert found.run.read("latest").step == 1


def test_what_is_newer_is_told_in_the_order_of_the_steps():
    run = begun({"steps": 9}, out=MINE)
    vocabulary = Vocabulary.from_text(STORY)
    for _ in range(11):
        publish(run, vocabulary, step=1)
    run.publish(run.read(), best=True, keep=99)
    names = [step.name for step in run.steps()]
    assert names[-2:] == ["step-00000001-11", "step-00000001-12"]
    again = looked_at(resume=True, out=MINE / names[-2])
    assert again.back == MINE / names[-2]
    assert f"{names[-1]} will be removed" in again.notes
    assert [step.name for step in run.steps()] == names  # nothing is changed yet


# --- what a crash left ------------------------------------------------------------------


def left_unpublished(run):
    """Leave a step that was written and that no pointer names."""
    shutil.copytree(run.step_folder(), run.folder / "step-00000009")


def test_a_run_is_put_in_order_before_training_goes_on():
    run = trained({"steps": 9}, step=1)
    left_unpublished(run)
    assert looked_at(resume=True).checkpoint.step == 1
    assert [step.name for step in run.steps()] == ["step-00000001"]


def test_a_run_is_left_as_it_is_where_nothing_is_to_be_trained():
    run = trained({"steps": 9}, step=1)
    left_unpublished(run)
    before = contents()
    assert looked_at(resume=True, dry_run=True).checkpoint.step == 1
    assert contents() == before


def killed_while_replacing(left):
    """Leave what a killed `overwrite` leaves; return where the old run is."""
    aside = Path("mine.replaced-20260101-000000-000000")
    trained({"steps": 1}, out=aside, step=1)
    MINE.mkdir()
    if left == ".lock":
        Path("mine/.lock").touch()
    elif left == "run.json":
        begun({"steps": 2}, out=MINE)
    return aside


each_rest = pytest.mark.parametrize("left", ["nothing", ".lock", "run.json"])


@each_rest
@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_a_killed_overwrite_had_put_aside_comes_back(left, resume):
    aside = killed_while_replacing(left)
    found = looked_at(out=MINE, resume=resume)
    assert not aside.exists()
    assert Run(MINE).read("latest").step == 1
    assert any(note.startswith("mine is back") for note in found.notes)
    assert (found.checkpoint.step if resume else found.checkpoint) == (
        1 if resume else None
    )


@each_rest
def test_a_dry_run_does_not_bring_it_back(left):
    killed_while_replacing(left)
    before = contents()
    assert looked_at(out=MINE, dry_run=True).notes == ()
    assert contents() == before


@pytest.mark.parametrize("wishes", [{}, {"resume": True}, {"overwrite": True}])
def test_what_is_more_than_a_run_stays_where_an_overwrite_was_killed(wishes):
    killed_while_replacing("run.json")
    Path("mine/thesis.txt").write_text("years of work")
    before = contents()
    with pytest.raises(SettingsError, match="holds more than a run"):
        looked_at("story.txt", {"steps": 2}, out=MINE, **wishes)
    assert contents() == before


# --- a model that is trained further ----------------------------------------------------


def test_a_model_that_is_trained_further_is_read_and_named():
    write_run(Path("old"), 3, units=7)
    found = looked_at("story.txt", {"steps": 3, "units": 7}, init_from="old")
    assert found.trained.step == 3
    assert found.checkpoint is None
    assert "starting from old" in found.notes


@pytest.mark.parametrize(
    ("name", "value"),
    [("units", 8), ("layers", 2), ("cell", "gru"), ("embedding_size", 64)],
)
def test_settings_that_contradict_the_model_are_refused(name, value):
    write_run(Path("old"), 1, units=7)
    with pytest.raises(SettingsError, match=f"`{name}={value!r}` contradicts"):
        looked_at("story.txt", {"steps": 3, name: value}, init_from="old")


@pytest.mark.parametrize("backward", [False, True])
def test_a_model_that_is_trained_further_keeps_its_direction(backward):
    policy = TextPolicy(direction="backward" if backward else "forward")
    write_run(Path("old"), 1, units=7, text=policy)
    for given in ({}, {"backward": backward}):
        found = asked("story.txt", {"steps": 3, **given}, init_from="old")
        assert found.settings.backward is backward
        known = found.corpus.vocabulary.decode(found.corpus.train.read(0, len(STORY)))
        assert known == (STORY if not backward else STORY[::-1])
    end = "end" if backward else "beginning"
    with pytest.raises(
        SettingsError, match=f"`backward={not backward}` contradicts .* from its {end}"
    ):
        looked_at("story.txt", {"steps": 3, "backward": not backward}, init_from="old")


def test_a_run_that_lost_what_it_was_to_start_from_does_not_start_from_nothing():
    """It was killed between its description and its first checkpoint, step 0."""
    run = begun({"steps": 3}, out=MINE)
    run.write_description({**run.description(), "init_from": "old"})
    with pytest.raises(SettingsError, match="`init_from` and `overwrite=True`"):
        looked_at(resume=True, out=MINE)


def test_more_files_than_a_checkpoint_can_record_are_refused():
    with pytest.raises(TextError, match=r"1,001 files .* name the folder"):
        looked_at(("story.txt",) * 1_001)
