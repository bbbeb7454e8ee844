"""From what is asked for to a job in a folder of its own, and no further.

What may happen to the folders is tested with `runs.claim`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from helpers import write_run
from jobs import begun, publish, trained

from chargen.errors import CheckpointError, SettingsError
from chargen.runs.find import open_checkpoint
from chargen.training import prepare as module
from chargen.training.prepare import prepare, train

pytestmark = pytest.mark.usefixtures("folder")

MINE = Path("mine")


def contents(folder=MINE):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_run_gets_a_folder_of_its_own():
    with contextlib.ExitStack() as together:
        jobs = [together.enter_context(prepare("story.txt", steps=1)) for _ in range(3)]
        folders = [str(job.run.folder) for job in jobs]
    names = ["checkpoints/story", "checkpoints/story-2", "checkpoints/story-3"]
    assert folders == names


def test_a_bundled_corpus_by_name():
    with prepare("minerals", steps=1) as job:
        assert job.run.folder == Path("checkpoints/minerals")
        assert job.resolved.corpus.name == "minerals.txt"


def test_a_second_run_is_told_of_the_first():
    write_run(Path("checkpoints/story"), 1)
    with prepare("story.txt", steps=1) as job:
        said = "checkpoints/story is taken: `resume=True` goes on with the newest"
        assert any(said in note for note in job.notes)


def test_settings_are_given_as_keyword_arguments():
    Path("held.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    with prepare(
        Path("story.txt"), out="mine", units=24, steps=3, validation=Path("held.txt")
    ) as job:
        assert job.run.folder == MINE
        assert job.resolved.read.given == {
            "units": 24,
            "steps": 3,
            "validation": "held.txt",
        }
        assert job.settings == job.resolved.settings
        assert job.settings.units == 24
        assert job.checkpoint is None


def test_a_model_is_trained_further_by_its_path():
    write_run(Path("old"), 1, units=7)
    with prepare("story.txt", steps=3, init_from=Path("old"), drop_unused=True) as job:
        assert job.settings.units == 7
        assert job.resolved.initial is not None


def test_an_unknown_setting_is_named_and_the_one_that_was_meant():
    with (
        pytest.raises(SettingsError, match=r"unknown settings: unit; did you mean units"),
        prepare("story.txt", unit=24),
    ):
        pytest.fail("it was prepared")


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 1, "epochs": 1},
        {"units": 0},
        {"unit": 3},
        {"resume": True, "overwrite": True},
        {"steps": 9, "patience": 2, "validation": 0.0},
        {"steps": 1, "units": 16_384, "layers": 4},
        {"steps": 1, "overwrite": True},
    ],
)
def test_what_is_wrong_shows_before_a_folder_is_made(wrong):
    with pytest.raises(SettingsError), prepare("story.txt", **wrong):
        pytest.fail("it was prepared")
    assert not Path("checkpoints").exists()


def test_overwrite_without_a_folder_is_an_error():
    with (
        pytest.raises(SettingsError, match="`overwrite` needs `out`"),
        prepare("story.txt", steps=1, overwrite=True),
    ):
        pytest.fail("it was prepared")


# --- folders that are there -------------------------------------------------------------


def test_an_explicit_folder_that_holds_a_run_is_refused():
    trained({"steps": 1}, out=MINE)
    with (
        pytest.raises(SettingsError, match=r"`resume=True`.*`overwrite=True`"),
        prepare("story.txt", steps=1, out=MINE),
    ):
        pytest.fail("it was prepared")


@pytest.mark.parametrize("wishes", [{}, {"overwrite": True}, {"resume": True}])
def test_a_folder_that_is_not_a_run_is_refused_whatever_is_wished(wishes):
    MINE.mkdir()
    Path("mine/thesis.doc").write_text("precious")
    before = contents()
    with (
        pytest.raises(SettingsError, match="is not a run"),
        prepare("story.txt", steps=1, out=MINE, **wishes),
    ):
        pytest.fail("it was prepared")
    assert contents() == before


@pytest.mark.parametrize("what", ["a file of the user's", "another run.json"])
def test_overwrite_does_not_replace_what_is_more_than_a_run(what):
    if what == "another run.json":
        MINE.mkdir()
        Path("mine/run.json").write_text('{"scripts": 1}')
    else:
        trained({"steps": 1}, out=MINE)
        Path("mine/thesis.txt").write_text("years of work")
    before = contents()
    with (
        pytest.raises(SettingsError, match="holds more than a run"),
        prepare("story.txt", steps=1, out=MINE, overwrite=True),
    ):
        pytest.fail("it was prepared")
    assert contents() == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_a_folder_that_cannot_be_is_said(name, overwrite):
    Path("loop").symlink_to("loop")
    with (
        pytest.raises(SettingsError, match="cannot make the folder"),
        prepare("story.txt", steps=1, out=name, overwrite=overwrite),
    ):
        pytest.fail("it was prepared")


def test_a_link_to_nowhere_in_the_place_of_runs_is_said():
    Path("checkpoints").symlink_to("/nowhere/at/all")
    with (
        pytest.raises(SettingsError, match="cannot make the folder checkpoints"),
        prepare("story.txt", steps=1),
    ):
        pytest.fail("it was prepared")


def test_a_run_without_its_description_is_said():
    trained({"steps": 1}, out=MINE, step=1)
    Path("mine/run.json").unlink()
    with (
        pytest.raises(SettingsError, match=r"has checkpoints, but its run\.json"),
        prepare("story.txt", out=MINE),
    ):
        pytest.fail("it was prepared")
    assert open_checkpoint("mine").step == 1


def test_two_jobs_with_one_new_folder_do_not_remove_each_other():
    with prepare("story.txt", steps=1, out=MINE) as one:
        with (
            pytest.raises(CheckpointError, match="another process is training mine"),
            prepare("story.txt", steps=1, out=MINE),
        ):
            pytest.fail("it was prepared")
        one.run.write_description({"format": 1, "settings": {}})
        assert Path("mine/run.json").is_file()
    assert not MINE.exists()


# --- how it ends ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, CheckpointError, KeyboardInterrupt])
def test_a_job_given_up_leaves_no_folder(error):
    expected = pytest.raises(error) if error else contextlib.nullcontext()
    with expected, prepare("story.txt", steps=1) as job:
        assert job.run.folder.is_dir()
        if error:
            raise error("it is given up")
    assert not Path("checkpoints").exists()


def test_a_job_that_published_a_checkpoint_leaves_it():
    with prepare("story.txt", steps=1) as job:
        job.run.write_description({"settings": job.settings.to_dict()})
        publish(job.run, job.resolved.corpus.vocabulary, step=1)
    assert open_checkpoint("story").step == 1


def test_overwrite_keeps_the_old_run_until_the_new_one_has_a_checkpoint():
    trained({"steps": 1}, out=MINE, step=1)
    Path("mine/.tmp-mark").write_text("old")
    with prepare("story.txt", steps=1, out=MINE, overwrite=True) as job:
        (kept,) = Path().glob("mine.replaced-*")
        assert (kept / ".tmp-mark").read_text() == "old"
        assert not Path("mine/.tmp-mark").exists()
        assert any(str(kept) in note for note in job.notes)
        with pytest.raises(CheckpointError, match=str(kept)):
            open_checkpoint("mine")
    # Given up before a checkpoint: the old run comes back.
    assert Path("mine/.tmp-mark").read_text() == "old"
    assert open_checkpoint("mine").step == 1
    assert not list(Path().glob("mine.replaced-*"))


@pytest.mark.parametrize("left", ["nothing", ".lock", "run.json"])
def test_an_overwrite_that_was_killed_loses_nothing(left):
    trained({"steps": 1}, out=Path("mine.replaced-20260101-000000-000000"), step=1)
    MINE.mkdir()
    if left == ".lock":
        Path("mine/.lock").touch()
    elif left == "run.json":
        begun({"steps": 2}, out=MINE)
    with prepare("story.txt", steps=2, out=MINE, overwrite=True) as job:
        assert any("mine is back" in note for note in job.notes)
        assert len(list(Path().glob("mine.replaced-*"))) == 1
    assert open_checkpoint("mine").step == 1
    assert not list(Path().glob("mine.replaced-*"))
    with prepare("story.txt", out=MINE, resume=True) as job:
        assert job.checkpoint.step == 1


def test_a_fine_tuning_that_was_killed_before_its_first_checkpoint_can_start_again():
    write_run(Path("old"), 1, units=7)
    run = begun({"steps": 3}, out=MINE)
    run.write_description({**run.description(), "init_from": "old"})
    with prepare("story.txt", steps=3, init_from="old", out=MINE, overwrite=True) as job:
        assert job.resolved.initial is not None


def test_a_run_that_was_trained_on_meanwhile_is_not_gone_on_with(monkeypatch):
    run = trained({"steps": 9, "units": 24}, step=4)
    original = module.resolve

    def slow(read):
        publish(run, read.checkpoint.vocabulary, step=5)
        return original(read)

    monkeypatch.setattr(module, "resolve", slow)
    with (
        pytest.raises(CheckpointError, match="has been trained on since"),
        prepare("story.txt", resume=True),
    ):
        pytest.fail("it was prepared")


# --- train ------------------------------------------------------------------------------


def test_train_trains_what_prepare_prepares_and_returns_the_folder(monkeypatch):
    calls = []

    @contextlib.contextmanager
    def fake(corpus, **asked):
        with prepare(corpus, **asked) as job:
            monkeypatch.setattr(job, "train", lambda listeners: calls.append(listeners))
            calls.append(job)
            yield job

    monkeypatch.setattr(module, "prepare", fake)
    listeners = [print]
    folder = train("story.txt", out="mine", units=24, steps=3, listeners=listeners)
    job, told = calls
    assert folder == MINE
    assert told is listeners
    assert (job.settings.units, job.settings.steps) == (24, 3)
