"""What a trainer tells its listeners. Standard library and NumPy's types only.

Progress leaves the trainer in no other way: the terminal, the log and the writer of
checkpoints all listen to these events. Losses are in nats per character.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chargen.runs.tensors import Arrays


@dataclass(frozen=True)
class Progress:
    """Where a run stands after an update.

    Attributes:
        step: updates done. epoch: passes over the training text, a fraction.
        seconds: time spent, pauses left out.
        train: the loss, smoothed over the last fifty batches or so.
        learning_rate: the learning rate of the last update.
        characters_per_second: how many characters are trained, by the median update; 0
            before the first one.
        share: how much of the run is over, in [0, 1].
        remaining: an estimate of the seconds to go.
    """

    step: int
    epoch: float
    seconds: float
    train: float | None
    learning_rate: float
    characters_per_second: float
    share: float
    remaining: float


@dataclass(frozen=True)
class Stepped:
    """An update was done."""

    progress: Progress


@dataclass(frozen=True)
class CheckpointDue:
    """A checkpoint is to be published.

    Attributes:
        progress: where the run stands.
        evaluated: whether an evaluation asked for it, rather than time or a signal.
        validation: the loss on the sample of the validation part that progress is measured
            on, which is the same at each evaluation; None if it was not measured.
        sample_characters: how many characters that sample has, about 20,000 at most; 0 if
            there is no validation part.
        whole: the loss on the whole validation part; None if it was not measured, or if it
            is the sample.
        whole_characters: how many characters the whole part has.
        best: whether these weights are the run's best so far, on the sample.
        weights: float32 arrays by their names in a checkpoint.
        resume: what else a training needs to go on from here.
    """

    progress: Progress
    evaluated: bool
    validation: float | None
    sample_characters: int
    whole: float | None
    whole_characters: int
    best: bool
    weights: Arrays = field(repr=False)
    resume: Arrays = field(repr=False)


@dataclass(frozen=True)
class RolledBack:
    """The loss was not finite: training went back and goes on more carefully.

    Attributes:
        failed: the step whose loss, weights or validation loss was not finite.
        step: the step that training went back to.
        learning_rate: the new peak rate.
    """

    failed: int
    step: int
    learning_rate: float


@dataclass(frozen=True)
class Note:
    """Something that the user should know."""

    text: str


Event = Stepped | CheckpointDue | RolledBack | Note
Listener = Callable[[Event], None]
