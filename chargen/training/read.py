"""The second step of `prepare`: read the texts, and what training goes on from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chargen.errors import CheckpointError, SettingsError, TextError
from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.claim import bring_back
from chargen.runs.find import find_checkpoint, open_checkpoint, run_to_resume
from chargen.runs.lock import locked
from chargen.runs.repair import repair as repair_run
from chargen.runs.run import RUN_FILE, Run, is_step, read_step
from chargen.system.files import MAX_MESSAGE
from chargen.text.reading import Text, read_text
from chargen.text.sources import HELD_OUT, Source, find_corpus
from chargen.training.request import Request
from chargen.training.settings import CHANGEABLE, FIXED, LENGTHS, Settings


@dataclass(frozen=True)
class HeldOut:
    """What a training holds out.

    Attributes:
        validation, test: a share of the text, a text of its own, or None if not asked for.
        files: the files of the parts that are files, by part, as they were asked for.
    """

    validation: float | Text | None
    test: float | Text | None
    files: Mapping[str, str]

    @property
    def texts(self) -> dict[str, Text]:
        """The parts that are texts of their own, by name, validation before test."""
        parts = {"validation": self.validation, "test": self.test}
        return {part: held for part, held in parts.items() if isinstance(held, Text)}


@dataclass(frozen=True)
class Read:
    """What was asked for, together with the texts, run and model that it names.

    Attributes:
        request: what was asked for.
        name: what a new run is called.
        text: what is trained on.
        held_out: what is held out.
        given: the settings that were asked for, as a run records them.
        settings: these, completed by those of the run that is resumed and by defaults.
        run: the run that is resumed; None for a new one.
        latest: the number of its latest step; None if there is none.
        checkpoint: what training goes on from; None if it starts afresh.
        back: the older step of the run to which training goes back, if it does.
        trained: the checkpoint whose model is trained further, with `init_from`.
        notes: what the user should know.
    """

    request: Request
    name: str
    text: Text
    held_out: HeldOut
    given: Mapping[str, Any]
    settings: Settings
    run: Run | None
    latest: int | None
    checkpoint: Checkpoint | None
    back: Path | None
    trained: Checkpoint | None
    notes: tuple[str, ...]


def read(request: Request) -> Read:
    """Read the texts, the run that is resumed, and the model that is trained further.

    A run that a crash left half written is put in order, unless nothing is to be trained.

    Raises:
        TextError: a text cannot be read.
        SettingsError: a setting is wrong, or contradicts the run that is resumed.
        CheckpointError: that run, or the checkpoint to start from, is damaged, or another
            process is training the run.
    """
    given, out, notes = dict(request.given), request.out, []
    path = find_corpus(request.corpus)
    if out is not None and not request.dry_run and (back_again := bring_back(out)):
        notes.append(back_again)
    run = run_to_resume(path, out) if request.resume else None
    before = run.description() if run else {}
    base = settings_of(before)
    encoding = given.get("encoding", base.get("encoding"))
    text = read_text(path, encoding=encoding)
    given |= {"encoding": text.encoding} if "encoding" in given else {}
    held_out = _read_held_out(given, base, path, text, encoding)
    given |= {part: held.name for part, held in held_out.texts.items() if part in given}
    if run:
        texts = {"train": text, **held_out.texts}
        _check_unchanged(run, before, given, [Source.of(t, r) for r, t in texts.items()])
    if any(name in given for name in LENGTHS):
        base = {k: v for k, v in base.items() if k not in LENGTHS}
    settings = _settings({**base, **given})
    checkpoint, back = None, None
    if run:
        back = out if out is not None and is_step(out) else None
        checkpoint, more = _take_up(run, back, settings.model, repair=not request.dry_run)
        notes += more
    if request.resume and checkpoint is None:
        if "init_from" in before:
            raise SettingsError(
                "the run was stopped before the weights that it was to start from were "
                "saved: start it again with `init_from` and `overwrite=True`"
            )
        notes.append("nothing to resume yet: starting a new training")
    trained = None
    if request.init_from is not None:
        trained = open_checkpoint(request.init_from)
        _check_model(trained.model, given)
        notes.append(f"starting from {find_checkpoint(request.init_from)}")
    return Read(
        request=request,
        name=path.stem,
        text=text,
        held_out=held_out,
        given=given,
        settings=settings,
        run=run,
        latest=run.latest_step() if run else None,
        checkpoint=checkpoint,
        back=back,
        trained=trained,
        notes=tuple(notes),
    )


def settings_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a run's description has.

    Raises:
        SettingsError: they are not settings.
    """
    settings = dict(description.get("settings", {}))
    _settings(settings, f"the run's {RUN_FILE} is damaged: ")
    return settings


def _settings(values: Mapping[str, Any], what: str = "") -> Settings:
    try:
        return Settings.from_dict(values)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{what}{str(error)[:MAX_MESSAGE]}") from error


def _check_model(model: ModelConfig, given: Mapping[str, Any]) -> None:
    """Refuse settings that contradict the model that is trained further."""
    for name in FIXED:
        if given.get(name, getattr(model, name)) != getattr(model, name):
            raise SettingsError(
                f"`{name}={given[name]!r}` contradicts the checkpoint, whose model has "
                f"{getattr(model, name)}: leave it out"
            )


def _read_held_out(
    given: Mapping[str, Any],
    base: Mapping[str, Any],
    corpus: Path,
    text: Text,
    encoding: str | None,
) -> HeldOut:
    """Read what is held out.

    Args:
        given, base: settings that were asked for, and those of the run that is resumed.
        corpus: the file that is trained on.
        text: what it holds.
        encoding: the encoding of every file, if one was asked for.

    Raises:
        TextError: a file cannot be found or read, or is in another encoding.
    """
    parts: dict[str, float | Text | None] = {}
    files: dict[str, str] = {}
    for part in HELD_OUT:
        parts[part] = value = given.get(part, base.get(part))
        if not isinstance(value, str):
            continue
        path = Path(value) if part in given else _beside(value, corpus, part)
        files[part] = str(path)
        held = read_text(path, encoding=encoding)
        if held.encoding != text.encoding:
            raise TextError(
                f"{held.name} is {held.encoding.upper()} and {text.name} is "
                f"{text.encoding.upper()}: save both in one encoding"
            )
        parts[part] = held
    return HeldOut(parts["validation"], parts["test"], files)


def _beside(name: str, corpus: Path, part: str) -> Path:
    """Return the file of a part, of which a run keeps only the name.

    It is looked for in the current folder, then beside the corpus.
    """
    if Path(name).name != name:
        raise SettingsError(f"the run's {RUN_FILE} is damaged: its {part} part is a path")
    for path in (Path(name), corpus.parent / name):
        if os.path.isfile(path):
            return path
    raise TextError(
        f"the run's {part} part is {name[:200]}, which is neither here nor beside the "
        f"corpus: say where it is with `{part}`"
    )


def _check_unchanged(
    run: Run,
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    sources: list[Source],
) -> None:
    """Refuse to resume a run with other settings or on another text."""
    resolved = settings_of(before)
    # If no precision was asked for, it was "auto", and became what the CPU multiplies.
    asked = {"precision": "auto", **before.get("given", {})}
    for name, value in given.items():
        same = value in (resolved.get(name), asked.get(name))
        if name not in CHANGEABLE and not same:
            raise SettingsError(
                f"`{name}={value!r}` differs from the run's "
                f"{resolved.get(name, 'default')}: a resumed run keeps its settings. Leave "
                f"`{name}` out, or start a new run without `resume`"
            )
    recorded = run.sources()
    if len(recorded) != len(sources):
        raise SettingsError(
            f"{run.folder} learned from {len(recorded)} files, and not from {len(sources)}"
        )
    for now, then in zip(sources, recorded, strict=True):
        if now.name != then.name:
            raise SettingsError(
                f"{run.folder} learned from {then.name[:MAX_MESSAGE]} and not from "
                f"{now.name}: to train its model further on another text, use "
                f"`init_from={str(run.folder)!r}` instead of `resume`"
            )
        if now.sha256 != then.sha256:
            raise SettingsError(
                f"{now.name} has changed since {run.folder} was started (its SHA-256 "
                "differs): bring the old file back, or start a new run without `resume`"
            )


def _take_up(
    run: Run, back: Path | None, model: ModelConfig, *, repair: bool
) -> tuple[Checkpoint | None, list[str]]:
    """Return what training goes on from, if there is anything, and notes.

    If that is an older step, `back`, nothing is changed yet: see `Job.train`.
    """
    if back is None and repair:
        with locked(run.folder):
            repair_run(run)
    if back is None and not run.has("latest") and not run.steps():
        return None, []
    if back is not None:
        checkpoint = read_step(back, resume=True)
    else:
        checkpoint = run.read("latest", resume=True)
    if checkpoint.model != model:
        raise CheckpointError(
            f"{run.folder} is damaged: its {RUN_FILE} and its checkpoint are of different "
            "models"
        )
    notes = [f"going on from step {checkpoint.step:,} of {run.folder}"]
    order = [step.name for step in run.steps()]
    newer = order[order.index(back.name) + 1 :] if back and back.name in order else []
    if newer:
        notes.append(f"{', '.join(newer)} will be removed")
    return checkpoint, notes
