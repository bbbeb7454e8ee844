"""From what was asked for to the settings of a run: checked, chosen, filled in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chargen.checkpoint import MAX_STATES
from chargen.config import (
    DEFAULT_SECONDS,
    FIXED,
    LENGTHS,
    MAX_PARAMETERS,
    STATES,
    ModelConfig,
    Settings,
)
from chargen.corpus import Corpus, Shuffled, Streams
from chargen.errors import SettingsError, TextError, printable
from chargen.files import MAX_MESSAGE
from chargen.options import format_value, option
from chargen.recipe import measured_speed, recommend
from chargen.run import RUN_FILE, Run
from chargen.schedule import total_steps, useful_steps
from chargen.text import Text, read_text

CHANGEABLE = (
    *LENGTHS,
    *("eval_every", "save_every", "keep", "patience", "threads", "device"),
)
"""Settings that a resumed run may be given anew."""

FASTEST = 100_000  # characters a second: a text longer than this · 5 min / 100 uses them


def settings_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a run's description has.

    Raises:
        SettingsError: they are none.
    """
    settings = dict(description.get("settings", {}))
    try:
        Settings.from_dict(settings)
    except (ValueError, TypeError) as error:
        raise SettingsError(
            f"the run's {RUN_FILE} is damaged: {printable(str(error)[:MAX_MESSAGE])}"
        ) from error
    return settings


def check_model(model: ModelConfig, given: Mapping[str, Any]) -> None:
    """Refuse settings that contradict the model that is trained further."""
    for name in FIXED:
        if given.get(name, getattr(model, name)) != getattr(model, name):
            raise SettingsError(
                f"{option(name)} {given[name]} contradicts the checkpoint, whose model has "
                f"{getattr(model, name)}: leave it out"
            )


@dataclass(frozen=True)
class HeldOut:
    """What a training holds out.

    Attributes:
        validation, test: a share of the text, a text of its own, or None: not asked for.
        files: "validation" and "test", where they are files → those as asked for.
    """

    validation: float | Text | None
    test: float | Text | None
    files: Mapping[str, str]

    @property
    def texts(self) -> dict[str, Text]:
        """The texts of their own by part, validation before test."""
        parts = {"validation": self.validation, "test": self.test}
        return {part: held for part, held in parts.items() if isinstance(held, Text)}


def read_held_out(
    given: Mapping[str, Any],
    base: Mapping[str, Any],
    corpus: Path,
    text: Text,
) -> HeldOut:
    """Read what is held out.

    Args:
        given, base: settings that were asked for, and those of the run that is resumed.
        corpus: the file that is trained on.
        text: what it holds.

    Raises:
        TextError: a file cannot be found or read, or is in another encoding.
    """
    parts: dict[str, float | Text | None] = {}
    files: dict[str, str] = {}
    for part in ("validation", "test"):
        parts[part] = value = given.get(part, base.get(part))
        if not isinstance(value, str):
            continue
        path = Path(value) if part in given else _beside(value, corpus, part)
        files[part] = str(path)
        held = read_text(path, encoding=given.get("encoding", base.get("encoding")))
        if held.encoding != text.encoding:
            raise TextError(
                f"{held.name} is {held.encoding.upper()} and {text.name} is "
                f"{text.encoding.upper()}: save both in one encoding"
            )
        parts[part] = held
    return HeldOut(parts["validation"], parts["test"], files)


def _beside(name: str, corpus: Path, part: str) -> Path:
    """Return the file of a part of a run, which keeps its name only: here, or beside."""
    if Path(name).name != name:
        raise SettingsError(f"the run's {RUN_FILE} is damaged: its {part} part is a path")
    for path in (Path(name), corpus.parent / name):
        if os.path.isfile(path):
            return path
    raise TextError(
        f"the run's {part} part is {printable(name[:200])}, which is neither here nor "
        f"beside the corpus: say where it is with --{part}"
    )


def check_unchanged(
    run: Run,
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    texts: Sequence[Text],
) -> None:
    """Refuse to resume a run with other settings or on another text."""
    resolved = settings_of(before)
    # Not asked for, the precision was "auto", and has become what the CPU multiplies.
    asked = {"precision": "auto", **before.get("given", {})}
    for name, value in given.items():
        same = value in (resolved.get(name), asked.get(name))
        if name not in CHANGEABLE and not same:
            raise SettingsError(
                f"{option(name)} {value} differs from the run's "
                f"{resolved.get(name, 'default')}: a resumed run keeps its settings. "
                f"Leave {option(name)} out, or start a new run without --resume"
            )
    sources = [text.source for text in texts]
    recorded = before.get("corpus", [])
    if len(recorded) != len(sources):
        raise SettingsError(
            f"{printable(str(run.folder))} learned from {len(recorded)} files, and not "
            f"from {len(sources)}"
        )
    for now, then in zip(sources, recorded, strict=True):
        if now["name"] != then.get("name"):
            name = printable(str(then.get("name"))[:MAX_MESSAGE])
            raise SettingsError(
                f"{printable(str(run.folder))} learned from {name} and not from "
                f"{printable(now['name'])}: to train its model further on another text, "
                f"use --init-from {printable(str(run.folder))} instead of --resume"
            )
        if now["sha256"] != then.get("sha256"):
            raise SettingsError(
                f"{printable(now['name'])} has changed since "
                f"{printable(str(run.folder))} was started (its SHA-256 differs): bring "
                "the old file back, or start a new run without --resume"
            )


def recommended(
    settings: Settings, given: Mapping[str, Any], characters: int
) -> tuple[Settings, str]:
    """Fill in the recipe for the text and the length, and say what was chosen."""
    timed = settings.epochs is None and settings.steps is None
    seconds = settings.seconds or (DEFAULT_SECONDS if timed else None)
    speed = measured_speed(settings) if seconds else 0.0
    chosen = recommend(settings, given, characters, seconds=seconds, speed=speed)
    options = [
        f"{option(name)} {format_value(name, value)}"
        for name, value in chosen.settings.items()
    ]
    settings = replace(settings, **chosen.settings)
    batch = settings.batch_size * settings.seq_length
    note = "nothing is left to choose"
    if options:
        machine = ", length and machine" if seconds else " and length"
        note = f"chosen for this text{machine}: {' '.join(options)}"
    if characters >= batch:  # a batch of less costs no less
        passes = max(1, round(chosen.passes))
        if timed and not settings.seconds:  # the default length, which `resolve` may cut
            each = characters // batch
            passes = min(passes, round(useful_steps(each) / each))
        note += f"; about {passes:,} pass{'es' * (passes > 1)} over the training text"
    return settings, note


def resolve(
    settings: Settings,
    text: Text,
    held_out: HeldOut,
    corpus: Corpus,
    batches: Streams | Shuffled,
    notes: list[str],
) -> Settings:
    """Fill in what was not asked for, and say what the text forces."""
    share = _recorded(held_out.validation)
    if share is None:
        share = len(corpus.validation) and 0.1
    sizes = (("batch_size", batches.batch_size), ("seq_length", batches.seq_length))
    for name, size in sizes:
        if size != getattr(settings, name):
            notes.append(
                f"{option(name)} is {size} instead of {getattr(settings, name)}: "
                f"{len(corpus.train):,} characters hold no more"
            )
    if not corpus.validation.size:
        notes.append(
            "training on the whole text: there is no validation loss, and the latest "
            "checkpoint counts as the best"
        )
        if settings.patience is not None:
            raise SettingsError(
                "--patience waits for a lower validation loss, and there is no "
                "validation part: give --validation"
            )
    elif corpus.unseen:
        notes.append(
            f"{corpus.unseen:.2%} of the validation characters never occur in training"
        )
    for part, held in held_out.texts.items():
        if held.sha256 == text.sha256:
            notes.append(
                f"{option(part)} is the text that is learned from: the loss on it will say "
                "nothing about new text"
            )
    settings = replace(
        settings,
        validation=share,
        test=_recorded(held_out.test),
        encoding=text.encoding,
        batch_size=batches.batch_size,
        seq_length=batches.seq_length,
    )
    useful = useful_steps(batches.steps_per_epoch)
    limit = total_steps(settings, batches.steps_per_epoch)
    if settings.seconds is None and limit is None:
        notes.append("training for 5 minutes, the default: --for, --epochs or --steps")
        settings = replace(settings, seconds=DEFAULT_SECONDS, steps=useful)
        characters = useful * batches.batch_size * batches.seq_length
        if characters < FASTEST * DEFAULT_SECONDS:
            notes[-1] += (
                f". This text can hardly use more than {useful:,} steps "
                f"({useful / batches.steps_per_epoch:.0f} passes), so it may end earlier"
            )
    elif settings.seconds is None and limit is not None and limit > useful:
        notes.append(
            f"{limit / batches.steps_per_epoch:.0f} passes over the text were asked for; "
            f"one of this size rarely gains from more than {useful:,} steps"
        )
    return settings


def _recorded(held: float | Text | None) -> float | str | None:
    """Return what a checkpoint says of a part: its share, or the name of its file."""
    return held.name if isinstance(held, Text) else held


def check_size(settings: Settings, characters: int) -> None:
    """Refuse a model whose checkpoints could not be read."""
    parameters = settings.model.parameters(characters)
    if parameters > MAX_PARAMETERS:
        raise SettingsError(
            f"the model would have {parameters:,} parameters, more than the "
            f"{MAX_PARAMETERS:,} of a checkpoint: choose fewer --units or --layers"
        )
    states = STATES[settings.cell] * settings.layers * settings.batch_size * settings.units
    if 4 * states > MAX_STATES:
        raise SettingsError(
            f"the states of {settings.batch_size:,} streams would not fit into a "
            "checkpoint: choose a smaller --batch-size"
        )
