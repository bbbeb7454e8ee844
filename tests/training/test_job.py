"""A job: what a trainer is given, and what is written of it. Nothing is trained here."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import write_run
from jobs import STORY, begun, publish, trained

from chargen._version import __version__
from chargen.errors import TrainingError
from chargen.runs.run import Run
from chargen.training.job import start_tensorflow
from chargen.training.plan import Plan
from chargen.training.prepare import prepare
from chargen.training.settings import Settings
from chargen.training.writers import CheckpointWriter, LogWriter

pytestmark = pytest.mark.usefixtures("folder", "tf")

CHOSEN = Plan("float32", xla=False, shards=2)
"""What a machine chooses that is free to."""

RUNTIME = SimpleNamespace(threads=4, gpu=False, notes=("started",))


class Trainer:
    """Takes what the trainer is given, and trains nothing.

    Attributes:
        given: to the last one that was made.
        described: what run.json held when it ran; None: it did not run.
        done: whether nothing is left to do.
        judged: what it says of the best checkpoint.
    """

    given: dict
    described: dict | None
    done = False
    judged = None

    def __init__(self, settings, corpus, batches, **given):
        Trainer.given = {"settings": settings, "corpus": corpus, **given}
        Trainer.described = None
        self.counters = SimpleNamespace(evaluated_step=0, stale=0)
        self.progress = SimpleNamespace(step=0, share=0.0)

    def nothing_left(self):
        return Trainer.done

    def judge(self, weights):
        return Trainer.judged

    def run(self):
        log, *_ = Trainer.given["listeners"]
        Trainer.described = log._run.description()


@pytest.fixture
def tf(monkeypatch):
    """Stand in for the modules that import TensorFlow."""
    runtime = SimpleNamespace(
        choose_plan=lambda settings, runtime, end: (CHOSEN, ["tried out"])
    )
    trainer = SimpleNamespace(Trainer=Trainer)
    monkeypatch.setitem(sys.modules, "chargen.training.tf.runtime", runtime)
    monkeypatch.setitem(sys.modules, "chargen.training.tf.trainer", trainer)
    monkeypatch.setattr(Trainer, "done", False)
    return runtime


def train(corpus="story.txt", *, runtime=RUNTIME, started=None, **asked):
    """Prepare and train; return the job and what was noted meanwhile."""
    notes = []
    with prepare(corpus, **asked) as job:
        job.had_work = job.train(
            [lambda event: notes.append(event.text)], runtime=runtime, started=started
        )
        job.written = job.run.description()
        return job, notes


# --- what a trainer is given ------------------------------------------------------------


def test_what_a_new_training_is_given():
    job, notes = train(steps=9, units=24)
    given = Trainer.given
    assert notes == ["started", "tried out"]
    assert given["settings"] == job.settings
    assert (job.settings.precision, job.settings.stock) == ("float32", False)
    assert given["corpus"] is job.resolved.corpus
    assert given["plan"] == CHOSEN
    assert (given["checkpoint"], given["initial"]) == (None, None)
    log, writer, theirs = given["listeners"]
    assert (type(log), type(writer)) == (LogWriter, CheckpointWriter)
    assert callable(theirs)
    assert job.had_work


def test_what_a_resumed_training_takes_up():
    plan = Plan(shards=3, xla=False)
    settings = begun({"steps": 9, "units": 24}).description()["settings"]
    training = {**settings, **plan.to_dict(), "threads": 99}
    trained({"steps": 9, "units": 24}, step=4, seconds=12.5, training=training)
    job, notes = train(steps=20, resume=True)
    assert job.had_work
    assert "trained on 99 processors so far and on 4 from here on" in notes[1]
    assert Trainer.given["checkpoint"].step == 4
    assert Trainer.given["plan"] == plan
    clock = Trainer.given["clock"]
    assert clock.lap("start") == 0.0  # a run that is resumed has paid for one
    assert clock.spent == 12.5
    assert job.written["given"] == {"steps": 20, "units": 24}
    assert job.written["settings"]["steps"] == 20
    assert job.written["created"] == "2026-01-01T00:00:00+00:00"
    assert job.written["finished"] is True


def test_the_same_processors_are_not_worth_a_note():
    trained({"steps": 9}, training={"batch_size": 2, "threads": RUNTIME.threads})
    _, notes = train(steps=20, resume=True)
    assert not any("processors so far" in note for note in notes)


def test_a_model_that_is_trained_further_is_given_and_named():
    write_run(Path("old"), 1, units=7)
    job, _ = train(steps=9, init_from="old")
    assert Trainer.given["initial"].keys() == job.resolved.initial.keys()
    assert job.written["init_from"] == "old"


def test_checking_what_the_machine_can_do_is_not_part_of_a_run(tf):
    def choose_plan(settings, runtime, end):
        time.sleep(0.3)
        return Plan(), ["checked"]

    tf.choose_plan = choose_plan
    begun_at = time.perf_counter()
    _, notes = train(steps=9, units=24, started=begun_at)
    assert "checked" in notes
    clock = Trainer.given["clock"]
    clock.lap("start")
    assert clock.spent < time.perf_counter() - begun_at - 0.25


RECORDED = {"precision": "bfloat16", "xla": True, "shards": 3, "stock": False}


def plan_after(training, *, gpu=False):
    """The plan with which a run goes on whose checkpoint says this of its training."""
    trained({"steps": 9}, training={"batch_size": 2, "seed": 0, **training})
    train(resume=True, runtime=SimpleNamespace(threads=1, gpu=gpu, notes=()))
    return Trainer.given["plan"]


def test_a_resumed_run_is_computed_as_it_was():
    assert plan_after(RECORDED) == Plan("bfloat16", xla=True, shards=3)
    assert Trainer.given["settings"].precision == "bfloat16"


@pytest.mark.parametrize(
    "training",
    [{}, {**RECORDED, "precision": "float8"}, {**RECORDED, "shards": "3"}],
    ids=["none", "unknown precision", "wrong shards"],
)
def test_a_resumed_run_is_free_where_its_plan_is_unknown(training):
    assert plan_after(training) == CHOSEN


def test_a_resumed_run_is_free_on_a_gpu():
    assert plan_after(RECORDED, gpu=True) == CHOSEN


# --- what is written --------------------------------------------------------------------


def test_a_run_is_described_before_it_trains_and_when_it_is_finished():
    job, _ = train(steps=9, units=24)
    assert Trainer.described["finished"] is False
    assert job.written == {**Trainer.described, "finished": True}
    assert job.written["chargen"] == __version__
    assert job.written["given"] == {"steps": 9, "units": 24}
    assert job.written["settings"] == job.settings.to_dict()
    assert job.written["corpus"] == [s.to_dict() for s in job.resolved.corpus.sources]
    assert set(job.written["versions"]) == {"python", "numpy", "tensorflow", "keras"}
    assert "init_from" not in job.written


def test_nothing_private_is_written():
    Path("secret-folder").mkdir()
    Path("secret-folder/held.txt").write_text(STORY, encoding="utf-8")
    Path("story.txt").rename("secret-folder/story.txt")
    write_run(Path("secret-folder/old"), 1, units=7)
    job, _ = train(
        "secret-folder/story.txt",
        steps=7,
        validation="secret-folder/held.txt",
        init_from="secret-folder/old",
    )
    assert "held.txt" in json.dumps(job.written)
    assert "secret" not in json.dumps(job.written)


def test_a_finished_run_has_nothing_left_to_do(monkeypatch):
    trained({"steps": 9, "units": 24}, step=9)
    monkeypatch.setattr(Trainer, "done", True)
    job, _ = train(resume=True)
    assert not job.had_work
    assert Trainer.described is None  # it did not run
    assert job.written["finished"] is True


# --- an older step ----------------------------------------------------------------------


@pytest.fixture
def older():
    """A run of two steps, of which the older one is gone back to."""
    run = trained({"steps": 9, "units": 24}, out=Path("mine"), step=1)
    publish(run, run.read().vocabulary, step=2)
    return run.folder / "step-00000001"


def test_a_training_that_goes_back_removes_what_is_newer(older):
    train(resume=True, out=older)
    assert Trainer.given["checkpoint"].step == 1
    run = Run(Path("mine"))
    assert [step.name for step in run.steps()] == [older.name]
    assert run.step_folder("latest").name == older.name


def test_nothing_is_removed_where_there_is_nothing_left_to_do(older, monkeypatch):
    before = Run(Path("mine")).description()
    monkeypatch.setattr(Trainer, "done", True)
    job, _ = train(resume=True, out=older)
    assert not job.had_work
    assert len(Run(Path("mine")).steps()) == 2
    assert job.written == before


# --- TensorFlow -------------------------------------------------------------------------


class Missing:
    """Finds no module, as where a package is missing that it imports."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        raise ModuleNotFoundError(f"No module named {self.package!r}", name=self.package)


@pytest.fixture
def without(monkeypatch, tf):
    """Make the module that starts TensorFlow miss a package."""

    def missing(package):
        monkeypatch.delitem(sys.modules, "chargen.training.tf.runtime")
        monkeypatch.setattr(sys, "meta_path", [Missing(package), *sys.meta_path])

    return missing


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow.python", "keras"])
def test_training_without_tensorflow_says_what_to_do(without, name):
    without(name)
    with pytest.raises(TrainingError, match=r"needs TensorFlow .* Sampling works without"):
        start_tensorflow(Settings())


def test_training_without_another_package_names_it(without):
    without("platformdirs")
    with pytest.raises(TrainingError, match="pip install platformdirs"):
        start_tensorflow(Settings())


def test_a_tensorflow_that_cannot_be_loaded_gives_its_reason(monkeypatch, tf):
    """Its runtime lacks a name here, which is an ImportError as well."""
    with pytest.raises(TrainingError, match=r"^TensorFlow cannot be loaded: .*import name"):
        start_tensorflow(Settings())


# --- the best checkpoint, once the run is over --------------------------------------------


@pytest.mark.parametrize(
    ("judged", "last", "best", "loss"),
    [
        ((1.5, 900), (1.75, 900), "step-00000004-2", 1.5),
        ((1.5, 900), (1.5, 900), "step-00000009", 1.5),  # the sample was wrong
        ((1.5, 900), (1.25, 900), "step-00000009", 1.25),
        ((1.5, 900), (1.25, 100), "step-00000004-2", 1.5),  # of a sample: not comparable
        (None, (1.75, 100), "step-00000004", 1.0),
    ],
)
def test_an_earlier_best_checkpoint_is_scored_as_the_last_one_was(
    monkeypatch, judged, last, best, loss
):
    monkeypatch.setattr(Trainer, "judged", judged)

    def run(self):
        self.counters.stale = 3
        folder = Trainer.given["listeners"][0]._run
        vocabulary = Trainer.given["corpus"].vocabulary
        whole, characters = last
        for step, found, of in ((4, 1.0, 100), (9, whole, characters)):
            training = {"validation_characters": of, "batch_size": 2, "seed": 0}
            parts = {"step": step, "validation_loss": found, "training": training}
            publish(folder, vocabulary, best=step == 4, **parts)

    monkeypatch.setattr(Trainer, "run", run)
    job, _ = train(steps=9, units=8)
    assert job.run.step_folder("best").name == best
    assert job.run.step_folder("latest").name == "step-00000009"
    found = job.run.read("best", resume=True)
    assert found.validation_loss == loss
    if judged is not None:
        assert found.training["validation_characters"] == 900
    assert found.resume
    assert job.written["finished"]
