"""What the writers of a run make of a trainer's events. No TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import tiny_checkpoint, write_run
from jobs import asked

from chargen.training.events import CheckpointDue, Progress, RolledBack, Stepped
from chargen.training.plan import Plan
from chargen.training.writers import CheckpointWriter, LogWriter

pytestmark = pytest.mark.usefixtures("folder")


def due(resolved, step, validation, *, best, whole=None):
    """The event that asks for a checkpoint of the model."""
    model = resolved.settings.model
    made = tiny_checkpoint(
        step=step,
        characters="".join(resolved.corpus.vocabulary.characters),
        model=model,
        units=model.units,
        layers=model.layers,
        embedding_size=model.embedding_size,
    )
    progress = Progress(step, step / 4, step / 2, 2.5, 0.01, 100.0, step / 9, 1.0)
    return replace(
        evaluated(step, validation, whole),
        progress=progress,
        best=best,
        weights=made.weights,
        resume=made.resume,
    )


def test_checkpoints_are_published_as_the_trainer_says():
    resolved = asked("story.txt", {"steps": 9, "keep": 2, "units": 8})
    run, published = write_run(Path("mine")), []
    writer = CheckpointWriter(
        run,
        resolved.settings,
        resolved.corpus,
        plan=Plan(shards=2),
        threads=3,
        init_from="letters",
        written=lambda: published.append([path.name for path in run.steps()]),
    )
    losses = {1: 2.0, 2: 1.5, 3: 1.75, 4: 1.75, 5: 1.75}
    for step, loss in losses.items():
        writer(due(resolved, step, loss, best=step in (1, 2)))
    names = [f"step-0000000{step}" for step in losses]
    assert published == [
        names[:1],
        names[:2],
        names[1:3],
        names[1:4],
        [names[1], *names[3:]],
    ]
    best, latest = run.read("best"), run.read("latest", resume=True)
    assert (best.step, best.validation_loss) == (2, 1.5)
    assert (latest.step, latest.epoch, latest.seconds) == (5, 1.25, 2.5)
    assert (latest.train_loss, latest.validation_loss) == (2.5, 1.75)
    assert latest.model == resolved.settings.model
    assert latest.vocabulary.characters == resolved.corpus.vocabulary.characters
    assert latest.corpus == resolved.corpus.sources
    recorded = latest.training
    assert (recorded["threads"], recorded["shards"], recorded["keep"]) == (3, 2, 2)
    assert recorded["init_from"] == "letters"
    assert recorded["validation_characters"] == 25
    assert recorded["commonest_character"] == " "
    assert latest.resume is not None


@pytest.mark.parametrize("backward", [False, True])
def test_the_direction_is_recorded(backward):
    resolved = asked("story.txt", {"steps": 9, "units": 8, "backward": backward})
    run = write_run(Path("mine"))
    how = {"plan": Plan(), "threads": 1, "init_from": None, "written": lambda: None}
    writer = CheckpointWriter(run, resolved.settings, resolved.corpus, **how)
    writer(due(resolved, 1, 2.0, best=True))
    found = run.read("best")
    assert found.text.backward is found.training["backward"] is backward


def moment(step, share):
    """A progress of a run of 1,000 steps."""
    return Progress(step, step / 4, step / 2, 2.5, 0.01, 123.456, share, 1.0)


def evaluated(step, validation, whole=None, *, on_time=True):
    return CheckpointDue(
        progress=moment(step, step / 1000),
        evaluated=on_time,
        validation=validation,
        sample_characters=25,
        whole=whole,
        whole_characters=75,
        best=False,
        weights={},
        resume={},
    )


def test_the_log_has_a_line_each_percent_and_each_evaluation():
    run = write_run(Path("mine"))
    log = LogWriter(run)
    log.begin(0, 0.0, 0)
    for step in range(1, 31):
        log(Stepped(moment(step, step / 1000)))
    log(evaluated(30, 1.5))
    log(evaluated(31, None, on_time=False))
    lines = list(run.log)
    found = [(line["kind"], line["step"]) for line in lines]
    assert found == [("train", 10), ("train", 20), ("train", 30), ("evaluation", 30)]
    assert lines[-1] == {
        "kind": "evaluation",
        "step": 30,
        "epoch": 7.5,
        "seconds": 15.0,
        "train": 2.5,
        "validation": 1.5,
        "learning_rate": 0.01,
        "characters_per_second": 123.5,
    }


def test_a_loss_on_the_whole_part_is_logged_beside_that_on_the_sample():
    run = write_run(Path("mine"))
    log = LogWriter(run)
    log(evaluated(30, 1.5, 1.25))
    (line,) = run.log
    assert (line["validation"], line["whole"]) == (1.5, 1.25)


def test_a_checkpoint_has_the_loss_on_the_whole_part_if_there_is_one():
    resolved = asked("story.txt", {"steps": 9, "units": 8})
    run = write_run(Path("mine"))
    how = {"plan": Plan(), "threads": 1, "init_from": None, "written": lambda: None}
    writer = CheckpointWriter(run, resolved.settings, resolved.corpus, **how)
    for whole, loss, characters in ((None, 2.0, 25), (1.75, 1.75, 75)):
        writer(due(resolved, 1, 2.0, best=True, whole=whole))
        found = run.read("best")
        assert found.validation_loss == loss
        assert found.training["validation_characters"] == characters


def test_the_log_forgets_what_training_went_back_from():
    run = write_run(Path("mine"))
    log = LogWriter(run)
    log.begin(0, 0.0, 0)
    for step in (10, 20, 30):
        log(Stepped(moment(step, step / 1000)))
        log(evaluated(step, 1.5))
    log(RolledBack(failed=31, step=20, learning_rate=0.005))
    assert [line["step"] for line in run.log] == [10, 10, 20, 20]
    log = LogWriter(run)
    log.begin(20, 0.02, 10)  # it is resumed, and was not evaluated at step 20 yet
    found = [(line["kind"], line["step"]) for line in run.log]
    assert found == [("train", 10), ("evaluation", 10), ("train", 20)]
    log(Stepped(moment(21, 0.021)))
    assert len(list(run.log)) == 3
    log(Stepped(moment(30, 0.03)))
    assert [line["step"] for line in run.log] == [10, 10, 20, 30]
