"""The third step of `prepare`: from what was asked for to the settings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chargen.display import describe_passes, printable
from chargen.errors import SettingsError
from chargen.model.cells import CELLS
from chargen.model.shape import MAX_PARAMETERS
from chargen.runs.checkpoint import MAX_STATES
from chargen.runs.tensors import Arrays
from chargen.text.batches import Shuffled, Streams
from chargen.text.corpus import Corpus, split, vocabulary_of
from chargen.text.parts import Items
from chargen.text.sources import recorded_names
from chargen.text.vocabulary import Folding
from chargen.training.finetune import grow
from chargen.training.memory import foresee_memory
from chargen.training.read import HeldOut, Read
from chargen.training.recipe import measured_speed, recommend
from chargen.training.schedule import total_steps, useful_steps
from chargen.training.settings import (
    DEFAULT_PATIENCE,
    DEFAULT_SECONDS,
    FIXED,
    Held,
    Settings,
)

FASTEST = 100_000  # characters a second: a text longer than this · 5 min / 100 uses them


@dataclass(frozen=True)
class Resolved:
    """A training of which everything is settled except the folder.

    Attributes:
        read: what was asked for, together with what it names.
        settings: all settings, resolved.
        corpus: what it learns from.
        batches: the training part of the corpus, cut into batches.
        initial: weights to start from; None for random ones.
        notes: what the user should know, including the notes of the steps before.
    """

    read: Read
    settings: Settings
    corpus: Corpus
    batches: Streams | Shuffled
    initial: Arrays | None
    notes: tuple[str, ...]

    @property
    def origin(self) -> str | None:
        """The name, without folders, of the checkpoint that the weights come from."""
        if self.read.checkpoint is not None:
            found = self.read.checkpoint.training.get("init_from")
            return found if isinstance(found, str) else None
        if self.read.request.init_from is None:
            return None
        return printable(Path(self.read.request.init_from).resolve().name)

    @property
    def scorable(self) -> int:
        """How many characters of the validation part can be scored."""
        return len(self.corpus.validation) - (not len(self.corpus.context))


def resolve(read: Read) -> Resolved:
    """Cut the corpus into its parts, and fill in what was not asked for.

    Raises:
        TextError: there is too little text, or too many different characters.
        SettingsError: a setting contradicts the text, or the model would be too large.
        CheckpointError: the weights to start from are too large to compute with.
    """
    request, settings, notes = read.request, read.settings, list(read.notes)
    vocabulary = read.checkpoint.vocabulary if read.checkpoint else None
    folding = Folding(settings.min_count, settings.max_vocabulary)
    fixed: dict[str, Any] = {}
    if read.trained is not None:
        fixed = {name: getattr(read.trained.model, name) for name in FIXED}
        settings = replace(settings, **fixed)
        known = None if request.drop_unused else read.trained.vocabulary
        texts = [read.text, *read.held_out.texts.values()]
        vocabulary = vocabulary_of(texts, known, folding=folding, name=read.title)
    held_out = read.held_out
    corpus = split(
        read.text,
        held_out.validation,
        vocabulary,
        test=held_out.test,
        folding=folding,
        backward=settings.backward,
        name=read.title,
        sources=read.sources,
    )
    notes += _counted(read, corpus)
    if read.run is None:
        given = {**read.given, **fixed}
        settings, note = _recommended(settings, given, corpus)
        notes.append(note)
    batches = settings.batches(corpus.train)
    notes += _forced(settings, read, corpus, batches)
    settings = _recorded_settings(settings, read, corpus, batches)
    validates = len(corpus.validation) > 0
    settings, more = _with_length(settings, batches, validates=validates)
    notes += more
    _check_size(settings, len(corpus.vocabulary))
    short = foresee_memory(settings.model.parameters(len(corpus.vocabulary)))
    notes += [short] if short else []
    initial = None
    if read.trained is not None:
        initial = grow(read.trained, corpus, seed=settings.seed)
    return Resolved(read, settings, corpus, batches, initial, tuple(notes))


def _recommended(
    settings: Settings, given: Mapping[str, Any], corpus: Corpus
) -> tuple[Settings, str]:
    """Fill in the recipe for the text and the length, and say what was chosen."""
    timed = settings.epochs is None and settings.steps is None
    seconds = settings.seconds or (DEFAULT_SECONDS if timed else None)
    speed = measured_speed(settings) if seconds else 0.0
    characters, different = len(corpus.train), len(corpus.vocabulary)
    chosen = recommend(
        settings,
        given,
        characters,
        vocabulary_size=different,
        seconds=seconds,
        speed=speed,
    )
    options = [f"`{name}={value!r}`" for name, value in chosen.settings.items()]
    settings = replace(settings, **chosen.settings)
    batch = settings.batch_size * settings.seq_length
    note = "all settings were given"
    if options:
        machine = ", length and machine" if seconds else " and length"
        note = f"chosen for this text{machine}: {' '.join(options)}"
    if characters >= batch:  # a batch with fewer characters costs no less
        passes = chosen.passes
        if timed and not settings.seconds:  # the default length, which may be cut short
            each = characters // batch
            passes = min(passes, useful_steps(each) / each)
        note += f"; about {describe_passes(passes)} over the training text"
    return settings, note


def _counted(read: Read, corpus: Corpus) -> list[str]:
    """Say what the texts are made of, where that is not plain."""
    notes = []
    vocabulary = corpus.vocabulary
    if isinstance(corpus.train, Items):
        held = corpus.validation.count if isinstance(corpus.validation, Items) else 0
        notes.append(f"{corpus.train.count:,} items to learn from, {held:,} to validate on")
    elif read.settings.remember_items:
        raise SettingsError("`remember_items` is for a text of items: give `documents`")
    if vocabulary.unknown is not None:
        gone = read.different - len(vocabulary.characters)
        bounded = read.settings.max_vocabulary is not None
        keep = "" if bounded else " (`min_count=1` keeps them all)"
        notes.append(
            f"{gone:,} rare characters, {corpus.folded:.3%} of the text, are folded into "
            f"one mark, which is never written{keep}"
        )
    limit = read.settings.validation_chars
    scorable = len(corpus.validation) - (not len(corpus.context))
    if scorable > limit:
        notes.append(
            f"validating on about {limit:,} of {scorable:,} characters, in evenly spaced "
            "spans (`validation_chars`); `chargen eval` scores them all"
        )
    return notes


def _forced(
    settings: Settings, read: Read, corpus: Corpus, batches: Streams | Shuffled
) -> list[str]:
    """Say which settings the texts change, or make of little use.

    Raises:
        SettingsError: a setting makes no sense without a validation part.
    """
    notes = []
    sizes = (("batch_size", batches.batch_size), ("seq_length", batches.seq_length))
    for name, size in sizes:
        if size != getattr(settings, name):
            notes.append(
                f"`{name}` is {size} instead of {getattr(settings, name)}: "
                f"{len(corpus.train):,} characters hold no more"
            )
    if not len(corpus.validation):
        notes.append(
            "training on the whole text: there is no validation loss, and the latest "
            "checkpoint counts as the best"
        )
        if settings.patience is not None:
            raise SettingsError(
                "`patience` waits for a lower validation loss, and there is no "
                "validation part: give `validation`"
            )
    elif corpus.unseen:
        notes.append(
            f"{corpus.unseen:.2%} of the validation characters never occur in training"
        )
    hashes = [source.sha256 for source in corpus.sources if source.role == "train"]
    learned = {file.sha256 for file in read.text.files if file.size}
    for part, held in read.held_out.texts.items():
        known = sum(file.sha256 in learned for file in held.files)
        if hashes == [s.sha256 for s in corpus.sources if s.role == part]:
            notes.append(
                f"`{part}` is the text that is learned from: the loss on it will say "
                "nothing about new text"
            )
        elif known:
            notes.append(
                f"{known:,} of the files of `{part}` are learned from, too: the loss on "
                "them says nothing about new text"
            )
    return notes


def _recorded_settings(
    settings: Settings, read: Read, corpus: Corpus, batches: Streams | Shuffled
) -> Settings:
    """Return the settings as a checkpoint records them: as the texts have made them."""
    share = _recorded(read.held_out, "validation")
    if share is None:
        share = 0.1 if len(corpus.validation) else 0.0
    texts = (read.text, *read.held_out.texts.values())
    encodings = {file.encoding for text in texts for file in text.files}
    return replace(
        settings,
        validation=share,
        test=_recorded(read.held_out, "test"),
        encoding=encodings.pop() if len(encodings) == 1 else "auto",
        batch_size=batches.batch_size,
        seq_length=batches.seq_length,
    )


def _with_length(
    settings: Settings, batches: Streams | Shuffled, *, validates: bool
) -> tuple[Settings, list[str]]:
    """Give a run the default length if it has none, and say what there is to say.

    A run of the default length ends by itself once it has stopped improving.
    """
    each = batches.steps_per_epoch
    useful, limit = useful_steps(each), total_steps(settings, each)
    if settings.seconds is None and limit is None:
        note = (
            "training for 5 minutes, or until it stops improving, by default: `seconds`, "
            "`epochs` or `steps`"
        )
        settings = replace(settings, seconds=DEFAULT_SECONDS, steps=useful)
        if settings.patience is None and validates:
            settings = replace(settings, patience=DEFAULT_PATIENCE)
        characters = useful * batches.batch_size * batches.seq_length
        if characters < FASTEST * DEFAULT_SECONDS:
            note += (
                f". This text can hardly use more than {useful:,} steps "
                f"({useful / each:.0f} passes), so it may end earlier"
            )
        return settings, [note]
    if settings.seconds is None and limit is not None and limit > useful:
        return settings, [
            f"{limit / each:.0f} passes over the text were asked for; one of this size "
            f"rarely gains from more than {useful:,} steps"
        ]
    return settings, []


def _recorded(held_out: HeldOut, part: str) -> Held:
    """Return what a run records of a part: its share, or the names of its files."""
    if part not in held_out.inputs:
        held: float | None = getattr(held_out, part)
        return held
    return recorded_names(held_out.inputs[part])


def _check_size(settings: Settings, characters: int) -> None:
    """Refuse a model whose checkpoints could not be read."""
    parameters = settings.model.parameters(characters)
    if parameters > MAX_PARAMETERS:
        raise SettingsError(
            f"the model would have {parameters:,} parameters, more than the "
            f"{MAX_PARAMETERS:,} of a checkpoint: choose fewer `units` or `layers`"
        )
    units = settings.layers * settings.units
    states = len(CELLS[settings.cell].states) * units * settings.batch_size
    if 4 * states > MAX_STATES:
        raise SettingsError(
            f"the states of {settings.batch_size:,} streams would not fit into a "
            "checkpoint: choose a smaller `batch_size`"
        )
