"""Preparing a training: settings, folders, resuming, and what a trainer is given."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import tiny_checkpoint

from chargen.cli.advice import longer_command, resume_command, train_command
from chargen.display import format_seconds
from chargen.errors import CheckpointError, SettingsError, TextError
from chargen.runs.find import open_checkpoint
from chargen.runs.run import Run
from chargen.training.job import prepare
from chargen.training.plan import Plan

STORY = "Once upon a time there was a clerk who counted salt.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")
    return tmp_path


def started(job):
    """Write what a training writes at its start, without one."""
    job.run.write_description(
        {
            "created": "2026-01-01T00:00:00+00:00",
            "given": dict(job.given),
            "settings": job.settings.to_dict(),
            "corpus": [text.source for text in job.corpus.sources],
        }
    )
    return job


def publish(job, **parts):
    """Write a checkpoint of the job's model, without a training."""
    model = job.settings.model
    checkpoint = tiny_checkpoint(
        model.cell,
        units=model.units,
        layers=model.layers,
        embedding_size=model.embedding_size,
        characters="".join(job.corpus.vocabulary.characters),
        model=model,
        **parts,
    )
    job.run.publish(checkpoint, best=True, keep=3)


def test_each_run_gets_a_folder_of_its_own():
    folders = [str(prepare("story.txt", {"steps": 1}).run.folder) for _ in range(3)]
    assert folders == ["checkpoints/story", "checkpoints/story-2", "checkpoints/story-3"]


def test_bundled_corpus_by_name():
    job = prepare("minerals", {"steps": 1})
    assert job.run.folder == Path("checkpoints/minerals")
    assert job.corpus.name == "minerals.txt"


def test_explicit_folder_that_holds_a_run_is_refused():
    started(prepare("story.txt", {"steps": 1}, out=Path("mine")))
    with pytest.raises(SettingsError, match=r"--resume.*--overwrite"):
        prepare("story.txt", {"steps": 1}, out=Path("mine"))


@pytest.mark.parametrize("flags", [{}, {"overwrite": True}, {"resume": True}])
def test_folder_that_is_no_run_is_refused_whatever_the_flags(flags):
    Path("mine").mkdir()
    Path("mine/thesis.doc").write_text("precious")
    with pytest.raises(SettingsError, match="is no run"):
        prepare("story.txt", {"steps": 1}, out=Path("mine"), **flags)
    assert Path("mine/thesis.doc").read_text() == "precious"


def test_overwrite_keeps_the_old_run_until_the_new_one_has_a_checkpoint():
    started(prepare("story.txt", {"steps": 1}, out=Path("mine")))
    Path("mine/.tmp-mark").write_text("old")
    job = prepare("story.txt", {"steps": 1}, out=Path("mine"), overwrite=True)
    (kept,) = Path().glob("mine.replaced-*")
    assert (kept / ".tmp-mark").read_text() == "old"
    assert not Path("mine/.tmp-mark").exists()
    assert any(str(kept) in note for note in job.notes)
    job.tidy()  # given up before a checkpoint: the old run comes back
    assert Path("mine/.tmp-mark").read_text() == "old"
    assert not list(Path().glob("mine.replaced-*"))


@pytest.mark.parametrize("left", ["nothing", ".lock", "run.json"])
def test_an_overwrite_that_was_killed_loses_nothing_and_says_where_the_run_is(left):
    publish(started(prepare("story.txt", {"steps": 1}, out=Path("mine"))), step=1)
    job = prepare("story.txt", {"steps": 2}, out=Path("mine"), overwrite=True)
    (kept,) = Path().glob("mine.replaced-*")
    if left == ".lock":
        Path("mine/.lock").touch()
    elif left == "run.json":
        started(job)
    del job  # killed: it never tidied up
    for options in ({"resume": True}, {}):
        with pytest.raises(SettingsError, match=f"--resume --out {kept}"):
            prepare("story.txt", {}, out=Path("mine"), **options)
    with pytest.raises(CheckpointError, match=str(kept)):
        open_checkpoint("mine")
    again = prepare("story.txt", {"steps": 2}, out=Path("mine"), overwrite=True)
    assert list(Path().glob("mine.replaced-*")) == [kept]
    again.tidy()  # the run that was first there comes back
    assert open_checkpoint("mine").step == 1
    assert not list(Path().glob("mine.replaced-*"))
    assert prepare("story.txt", {}, out=Path("mine"), resume=True).checkpoint.step == 1


def test_what_is_more_than_a_run_stays_where_an_overwrite_was_killed():
    publish(started(prepare("story.txt", {"steps": 1}, out=Path("mine"))), step=1)
    prepare("story.txt", {"steps": 2}, out=Path("mine"), overwrite=True)
    Path("mine/thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="holds more than a run"):
        prepare("story.txt", {"steps": 2}, out=Path("mine"), overwrite=True)
    assert Path("mine/thesis.txt").exists()


@pytest.mark.parametrize("flags", [{}, {"overwrite": True}])
@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_a_folder_that_cannot_be_is_said(name, flags):
    Path("loop").symlink_to("loop")
    with pytest.raises(SettingsError, match="cannot make the folder"):
        prepare("story.txt", {"steps": 1}, out=Path(name), **flags)


def test_a_run_without_its_description_is_said():
    publish(started(prepare("story.txt", {"steps": 1}, out=Path("mine"))), step=1)
    Path("mine/run.json").unlink()
    with pytest.raises(SettingsError, match=r"has checkpoints, but its run\.json"):
        prepare("story.txt", {}, out=Path("mine"))
    assert open_checkpoint("mine").step == 1


def test_resuming_from_within_a_step(monkeypatch):
    publish(started(prepare("story.txt", {"steps": 9}, out=Path("mine"))), step=1)
    monkeypatch.chdir("mine/step-00000001")
    job = prepare("../../story.txt", {}, resume=True, out=Path("."))
    assert job.checkpoint.step == 1
    assert not any("will be removed" in note for note in job.notes)
    job.run.go_back(job._back)
    assert job.run.read("latest").step == 1


def test_what_is_newer_is_told_in_the_order_of_the_steps():
    job = started(prepare("story.txt", {"steps": 9}, out=Path("mine")))
    for _ in range(11):
        publish(job, step=1)
    job.run.publish(job.run.read(), best=True, keep=99)
    names = [step.name for step in job.run.steps()]
    again = prepare("story.txt", {}, resume=True, out=Path("mine") / names[-2])
    assert f"{names[-1]} will be removed" in again.notes


@pytest.mark.parametrize("what", ["a file of the user's", "another run.json"])
def test_overwrite_does_not_replace_what_is_more_than_a_run(what):
    if what == "another run.json":
        Path("mine").mkdir()
        Path("mine/run.json").write_text('{"scripts": 1}')
    else:
        started(prepare("story.txt", {"steps": 1}, out=Path("mine")))
        Path("mine/thesis.txt").write_text("years of work")
    before = {p: p.read_bytes() for p in Path("mine").iterdir()}
    with pytest.raises(SettingsError, match="holds more than a run"):
        prepare("story.txt", {"steps": 1}, out=Path("mine"), overwrite=True)
    assert {p: p.read_bytes() for p in Path("mine").iterdir()} == before


def test_two_jobs_with_one_new_folder_do_not_remove_each_other():
    one = prepare("story.txt", {"steps": 1}, out=Path("mine"))
    other = prepare("story.txt", {"steps": 1}, out=Path("mine"))
    one._lock()
    one._describe()
    with pytest.raises(CheckpointError, match="another process is training mine"):
        other.train()
    assert Path("mine/run.json").is_file()
    one.tidy()
    assert not Path("mine").exists()
    Path("mine").mkdir()  # somebody else's by now
    one.tidy()
    assert Path("mine").exists()


def test_a_model_that_no_checkpoint_can_hold_is_refused():
    with pytest.raises(SettingsError, match="more than the 500,000,000"):
        prepare("story.txt", {"steps": 1, "units": 16_384, "layers": 4})
    with pytest.raises(SettingsError, match="--batch-size"):
        given = {"steps": 1, "units": 4096, "layers": 1, "batch_size": 10_000}
        Path("big.txt").write_text(STORY * 2000, encoding="utf-8")
        prepare("big.txt", {**given, "seq_length": 4, "validation": 0.0})
    assert not Path("checkpoints").exists()


def test_a_link_to_nowhere_in_the_place_of_runs_is_said():
    Path("checkpoints").symlink_to("/nowhere/at/all")
    with pytest.raises(SettingsError, match="cannot make the folder checkpoints"):
        prepare("story.txt", {"steps": 1})


def test_overwrite_without_a_folder_is_an_error():
    with pytest.raises(SettingsError, match="--out"):
        prepare("story.txt", {"steps": 1}, overwrite=True)


def test_a_job_given_up_leaves_no_folder():
    job = prepare("story.txt", {"steps": 1})
    assert job.run.folder.is_dir()
    job.tidy()
    assert not job.run.folder.exists()


def test_settings_that_contradict_each_other():
    with pytest.raises(SettingsError, match="one of --for, --epochs and --steps"):
        prepare("story.txt", {"steps": 1, "epochs": 1})
    with pytest.raises(SettingsError, match="--resume goes on"):
        prepare("story.txt", {}, resume=True, overwrite=True)
    with pytest.raises(SettingsError, match=r"`units` must be.*got 0"):
        prepare("story.txt", {"units": 0})
    with pytest.raises(SettingsError, match="unknown settings: unit"):
        prepare("story.txt", {"unit": 3})
    assert not Path("checkpoints").exists()


def test_patience_needs_a_validation_part():
    with pytest.raises(SettingsError, match=r"--patience.*--validation"):
        prepare("story.txt", {"steps": 9, "patience": 2, "validation": 0.0})


def test_default_length_is_five_minutes_and_said():
    job = prepare("story.txt")
    assert job.settings.seconds == 300
    assert any("5 minutes, the default" in note for note in job.notes)


def test_default_length_of_a_short_text_is_bounded_by_passes():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    job = prepare("short.txt")
    assert job.settings.steps == 500
    assert any("can hardly use more than 500 steps" in note for note in job.notes)


def test_a_given_length_is_obeyed_with_a_warning():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    job = prepare("short.txt", {"epochs": 5000})
    assert job.settings.steps is None and job.settings.epochs == 5000
    assert any("rarely gains" in note for note in job.notes)


def test_shrinking_is_said():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    job = prepare("short.txt", {"steps": 1})
    assert (job.settings.batch_size, job.settings.seq_length) == (1, 15)
    assert any("--batch-size is 1 instead of 16" in note for note in job.notes)
    assert any("--seq-length is 15 instead of 32" in note for note in job.notes)


def test_a_short_text_is_trained_on_whole_and_that_is_said():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    job = prepare("short.txt", {"steps": 1})
    assert job.settings.validation == 0
    assert len(job.corpus.train) == 16
    assert any("no validation loss" in note for note in job.notes)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_holding_out_what_is_learned_from_is_reported(part):
    shutil.copy("story.txt", "same.txt")
    Path("other.txt").write_text(Path("story.txt").read_text("utf-8") + "!", "utf-8")
    said = "is the text that is learned from"
    for name, count in [("story.txt", 1), ("same.txt", 1), ("other.txt", 0)]:
        notes = prepare("story.txt", {"steps": 9, part: name}, dry_run=True).notes
        assert sum(f"--{part} {said}" in note for note in notes) == count


def test_unseen_validation_characters_are_reported():
    Path("odd.txt").write_text("ab" * 1500 + "x" * 50, encoding="utf-8")
    job = prepare("odd.txt", {"steps": 1})
    assert any("16.39% of the validation characters" in note for note in job.notes)


def test_validation_from_a_file():
    Path("held.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    job = prepare("story.txt", {"steps": 1, "validation": "held.txt"})
    assert job.corpus.vocabulary.decode(job.corpus.validation).endswith("pepper")
    assert job.settings.validation == "held.txt"
    assert [text.name for text in job.corpus.sources] == ["story.txt", "held.txt"]
    assert "--validation held.txt" in train_command(job)
    assert "--validation held.txt" in resume_command(job)


def test_validation_file_is_found_again_on_resume():
    Path("texts").mkdir()
    Path("texts/held.txt").write_text("a clerk who counted", encoding="utf-8")
    Path("story.txt").rename("texts/story.txt")
    job = prepare("texts/story.txt", {"steps": 1, "validation": "texts/held.txt"})
    folder = started(job).run.folder
    again = prepare("texts/story.txt", resume=True, out=folder)
    assert again.settings == job.settings
    Path("texts/held.txt").unlink()
    with pytest.raises(TextError, match=r"held\.txt.*--validation"):
        prepare("texts/story.txt", resume=True, out=folder)


def test_resume_takes_the_settings_of_the_run():
    job = started(prepare("story.txt", {"steps": 9, "units": 24, "cell": "gru"}))
    again = prepare("story.txt", resume=True)
    assert again.run.folder == job.run.folder
    assert again.settings == job.settings


def test_resume_without_a_folder_takes_the_newest_run_of_the_corpus():
    job = started(prepare("story.txt", {"steps": 9, "units": 24}))
    started(prepare("minerals", {"steps": 9, "units": 25}))
    newer = prepare("story.txt", {"steps": 9, "units": 26})
    description = {**job.run.description(), "created": "2026-02-01T00:00:00+00:00"}
    newer.run.write_description({**description, "settings": newer.settings.to_dict()})
    assert prepare("story.txt", resume=True).run.folder == newer.run.folder


def test_a_run_without_a_checkpoint_is_no_reason_to_begin_anew():
    job = started(prepare("story.txt", {"steps": 9, "units": 24}))
    publish(job)
    newer = started(prepare("story.txt", {"steps": 9, "units": 24}))
    description = {**job.run.description(), "created": "2026-02-01T00:00:00+00:00"}
    newer.run.write_description(description)
    assert prepare("story.txt", resume=True).run.folder == job.run.folder


@pytest.mark.parametrize("out", ["story", "checkpoints/story/latest"])
def test_resume_of_what_is_nearly_a_run_names_it(out):
    publish(started(prepare("story.txt", {"steps": 9, "units": 24})))
    with pytest.raises(SettingsError, match=r"did you mean --out checkpoints/story\?"):
        prepare("story.txt", resume=True, out=Path(out))
    assert prepare("story.txt", resume=True, out=Path("elsewhere/story")).checkpoint is None


def test_resume_with_nothing_there_starts_and_says_so():
    job = prepare("story.txt", {"steps": 9}, resume=True)
    assert any("nothing to resume yet" in note for note in job.notes)
    assert job.checkpoint is None


def test_resume_refuses_another_setting_and_names_it():
    started(prepare("story.txt", {"steps": 9, "units": 24}))
    with pytest.raises(SettingsError, match=r"--units 25 differs from the run's 24"):
        prepare("story.txt", {"units": 25}, resume=True)
    with pytest.raises(SettingsError, match="--dropout"):
        prepare("story.txt", {"dropout": 0.5}, resume=True)
    with pytest.raises(SettingsError, match="--seed"):
        prepare("story.txt", {"seed": 5}, resume=True)


def test_resume_accepts_the_same_command_again():
    Path("short.txt").write_text("a short sentence", encoding="utf-8")
    given = {
        "steps": 9,
        "units": 24,
        "batch_size": 32,
        "validation": 0.0,
        "encoding": "UTF8",
    }
    job = started(prepare("short.txt", given))
    assert prepare("short.txt", given, resume=True).settings == job.settings


def test_resume_accepts_another_length():
    started(prepare("story.txt", {"steps": 9}))
    job = prepare("story.txt", {"seconds": 600.0, "patience": 3}, resume=True)
    assert (job.settings.seconds, job.settings.steps) == (600.0, None)
    assert job.settings.patience == 3


def test_resume_keeps_precision_and_layers_and_takes_other_threads():
    given = {"steps": 9, "precision": "float32", "threads": 2}
    started(prepare("story.txt", given))
    with pytest.raises(SettingsError, match="--precision bfloat16 differs"):
        prepare("story.txt", {"precision": "bfloat16"}, resume=True)
    with pytest.raises(SettingsError, match="--optimizer adamw differs"):
        prepare("story.txt", {"optimizer": "adamw"}, resume=True)
    with pytest.raises(SettingsError, match="--stock"):
        prepare("story.txt", {"stock": True}, resume=True)
    assert prepare("story.txt", {"threads": 5}, resume=True).settings.threads == 5


def test_resume_takes_another_device_and_auto_where_nothing_was_asked():
    started(prepare("story.txt", {"steps": 9}))
    job = prepare("story.txt", {"device": "cpu", "precision": "auto"}, resume=True)
    assert job.settings.device == "cpu"
    started(prepare("story.txt", {"steps": 9, "precision": "float32"}))
    with pytest.raises(SettingsError, match="--precision auto differs"):
        prepare("story.txt", {"precision": "auto"}, resume=True)


PLAN = {"precision": "bfloat16", "xla": True, "shards": 3, "stock": False}


def plan_before(training, *, gpu=False):
    """The plan with which a run goes on whose checkpoint says this of its training."""
    job = started(prepare("story.txt", {"steps": 9}, out=Path("mine")))
    publish(job, training={"batch_size": 2, **training})
    again = prepare("story.txt", resume=True, out=Path("mine"))
    return again._plan_before(SimpleNamespace(threads=1, gpu=gpu))


def test_a_resumed_run_is_computed_as_it_was():
    assert plan_before({"seed": 0, **PLAN}) == Plan("bfloat16", xla=True, shards=3)


@pytest.mark.parametrize(
    "training",
    [{"seed": 0}, {**PLAN, "precision": "float8"}, {**PLAN, "shards": "3"}],
    ids=["none", "unknown precision", "wrong shards"],
)
def test_a_resumed_run_is_free_where_its_plan_is_unknown(training):
    assert plan_before(training) is None


def test_a_resumed_run_is_free_on_a_gpu():
    assert plan_before({"seed": 0, **PLAN}, gpu=True) is None


def test_a_new_run_is_free():
    job = prepare("story.txt", {"steps": 9})
    assert job._plan_before(SimpleNamespace(threads=1, gpu=False)) is None


def test_resume_refuses_a_changed_corpus():
    started(prepare("story.txt", {"steps": 9}))
    Path("story.txt").write_text(STORY * 101, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"story\.txt has changed"):
        prepare("story.txt", resume=True)


def test_a_run_without_a_resume_part_cannot_be_resumed_and_says_why():
    job = started(prepare("story.txt", {"steps": 9}))
    publish(job, resume={})
    with pytest.raises(CheckpointError, match=r"training cannot be resumed"):
        prepare("story.txt", resume=True)


def test_the_command_that_repeats_a_run_says_every_setting():
    job = prepare("story.txt", {"steps": 7, "learning_rate": 1e-3, "windows": "shuffled"})
    words = shlex.split(train_command(job))
    assert words[:2] == ["train", "story.txt"]
    pairs = dict(zip(words[2::2], words[3::2], strict=True))
    assert pairs["--steps"] == "7"
    assert pairs["--learning-rate"] == "0.001"
    assert pairs["--stride"] == "1"
    assert pairs["--save-every"] == "10m"
    assert pairs["--precision"] == "auto"
    assert pairs["--device"] == "auto"
    assert "--threads" not in pairs  # all of whatever machine repeats it
    assert pairs["--layers"] == "2"
    assert pairs["--units"] == str(job.settings.units)


def test_the_command_that_repeats_a_run_says_stock_and_threads():
    given = {"steps": 7, "stock": True, "threads": 3, "device": "cpu"}
    words = shlex.split(train_command(prepare("story.txt", given)))
    assert words[2] == "--stock"
    pairs = dict(zip(words[3::2], words[4::2], strict=True))
    assert (pairs["--threads"], pairs["--device"]) == ("3", "cpu")


def test_nothing_private_is_written():
    Path("secret-folder").mkdir()
    Path("secret-folder/held.txt").write_text(STORY, encoding="utf-8")
    Path("story.txt").rename("secret-folder/story.txt")
    given = {"steps": 7, "validation": "secret-folder/held.txt"}
    job = started(prepare("secret-folder/story.txt", given))
    assert "secret" not in json.dumps(Run(job.run.folder).description())


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(5, "5s"), (90, "1m30s"), (300, "5m"), (3600, "1h"), (3661, "1h1m1s"), (2.5, "2.5s")],
)
def test_format_seconds(seconds, written):
    assert format_seconds(seconds) == written


def test_resume_with_another_file_names_both():
    Path("other.txt").write_text(STORY * 90, encoding="utf-8")
    job = started(prepare("story.txt", {"steps": 9}))
    with pytest.raises(
        SettingsError, match=r"learned from story\.txt and not from other\.txt"
    ):
        prepare("other.txt", resume=True, out=job.run.folder)


def test_the_command_for_a_longer_run_is_longer_than_what_was_had():
    publish(started(prepare("story.txt", {"steps": 9, "units": 24})), step=8)
    for given, end in (({"steps": 3}, "--steps 16"), ({"seconds": 1.0}, "--for 1m")):
        assert longer_command(prepare("story.txt", given, resume=True)).endswith(end)


def test_passes_are_foretold_where_there_is_a_batch_to_time():
    Path("short.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    short, long = (
        prepare(name, {"seconds": 60.0}, dry_run=True).notes
        for name in ("short.txt", "story.txt")
    )
    said = "passes over the training text"
    assert not any(said in note for note in short)
    assert any(said in note and "length and machine" in note for note in long)


def test_no_more_passes_are_foretold_than_the_default_length_has():
    notes = " ".join(prepare("story.txt", {}, dry_run=True).notes)
    foretold = re.search(r"about ([\d,]+) passes? over the training text", notes)
    useful = re.search(r"\(([\d,]+) passes\), so it may end earlier", notes)
    assert foretold[1] == useful[1]


def test_a_second_run_is_told_of_the_first():
    prepare("story.txt", {"steps": 1})
    notes = prepare("story.txt", {"steps": 1}).notes
    assert any("checkpoints/story is taken" in note for note in notes)


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({"seconds": 90.0}, "--for 3m"),
        ({"seconds": 3.0}, "--for 1m"),
        ({"steps": 9}, "--steps 18"),
        ({"epochs": 2}, "--epochs 4"),
    ],
)
def test_the_command_for_a_longer_run_doubles_its_length(given, end):
    assert longer_command(prepare("story.txt", given)).endswith(end)


class Trainer:
    """Takes what the trainer is given, and trains nothing."""

    given: dict

    def __init__(self, settings, corpus, batches, **given):
        Trainer.given = given
        self.counters = SimpleNamespace(evaluated_step=0)
        self.progress = SimpleNamespace(step=0, share=0.0)

    def nothing_left(self):
        return False

    def run(self):
        pass


def test_what_a_resumed_training_takes_up(monkeypatch):
    pytest.importorskip("tensorflow")
    plan = Plan(shards=3, xla=False)
    job = started(prepare("story.txt", {"steps": 9, "units": 24}))
    training = {**job.settings.to_dict(), **plan.to_dict(), "threads": 99}
    publish(job, step=4, seconds=12.5, training=training)
    again = prepare("story.txt", {"steps": 20}, resume=True)
    notes = []
    monkeypatch.setattr("chargen.training.tf.trainer.Trainer", Trainer)
    assert again.train([lambda event: notes.append(event.text)])
    assert any("trained on 99 processors so far" in note for note in notes)
    assert Trainer.given["resume"].step == 4
    assert Trainer.given["plan"] == plan
    clock = Trainer.given["clock"]
    assert clock.lap("start") == 0.0  # a run that is resumed has paid for one
    assert clock.spent == 12.5
    described = again.run.description()
    assert described["given"] == {"steps": 20, "units": 24}
    assert described["settings"]["steps"] == 20
    assert described["finished"] is True


def test_checking_what_the_machine_can_do_is_no_part_of_a_run(monkeypatch):
    pytest.importorskip("tensorflow")

    def choose_plan(settings, runtime):
        time.sleep(0.3)
        return Plan(), ["checked"]

    monkeypatch.setattr("chargen.training.tf.runtime.choose_plan", choose_plan)
    monkeypatch.setattr("chargen.training.tf.trainer.Trainer", Trainer)
    job = prepare("story.txt", {"steps": 9, "units": 24})
    begun, notes = time.perf_counter(), []
    assert job.train([lambda event: notes.append(event.text)], started=begun)
    assert "checked" in notes
    clock = Trainer.given["clock"]
    clock.lap("start")
    assert clock.spent < time.perf_counter() - begun - 0.25
