"""What the writers of a run make of a trainer's events. No TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tiny_checkpoint, write_run
from jobs import asked

from chargen.training.events import CheckpointDue, Progress
from chargen.training.plan import Plan
from chargen.training.writers import CheckpointWriter

pytestmark = pytest.mark.usefixtures("folder")


def due(resolved, step, validation, *, best):
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
    return CheckpointDue(progress, True, validation, best, 25, made.weights, made.resume)


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
