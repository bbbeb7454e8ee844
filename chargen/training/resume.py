"""The run that a training goes on with: its settings, its texts, its latest step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chargen.errors import CheckpointError, SettingsError
from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.lock import locked
from chargen.runs.repair import repair as repair_run
from chargen.runs.run import RUN_FILE, Run, read_step
from chargen.system.files import MAX_MESSAGE
from chargen.text.sources import Source
from chargen.training.settings import CHANGEABLE, LENGTHS, Settings, of_default_length

AS_IN_FORMAT_1 = {
    "newlines": "lf",
    "normalize": "none",
    "documents": "none",
}
"""What format 1 does not say, because there was no choice."""


def settings_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a run's description has.

    Raises:
        SettingsError: they are not settings.
    """
    settings = dict(description.get("settings", {}))
    if settings and description.get("format") == 1:
        settings = {**AS_IN_FORMAT_1, **settings}
    settings_from(settings, f"the run's {RUN_FILE} is damaged: ")
    return settings


def settings_from(values: Mapping[str, Any], what: str = "") -> Settings:
    """Return settings by name as a record.

    Raises:
        SettingsError: they are not settings; the message begins with `what`.
    """
    try:
        return Settings.from_dict(values)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{what}{str(error)[:MAX_MESSAGE]}") from error


def without_length(base: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run without its length, if another one is given."""
    if any(name in given for name in LENGTHS):
        gone = {*LENGTHS, *of_default_length(base)}
        return {k: v for k, v in base.items() if k not in gone}
    return base


def nothing_yet(before: Mapping[str, Any]) -> str:
    """Say that a run that is to be resumed begins anew, if it can."""
    if "init_from" in before:
        raise SettingsError(
            "the run was stopped before the weights that it was to start from were "
            "saved: start it again with `init_from` and `overwrite=True`"
        )
    return "nothing to resume yet: starting a new training"


def check_unchanged(
    run: Run,
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    sources: Sequence[Source],
) -> None:
    """Refuse to resume a run with other settings or on another text."""
    resolved = settings_of(before)
    # If no precision was asked for, it was "auto", and became what the CPU multiplies.
    asked = {"precision": "auto", **before.get("given", {})}
    for name, value in given.items():
        known = [x.get(name) for x in (resolved, asked)]
        same = value in [tuple(x) if isinstance(x, list) else x for x in known]
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


def take_up(
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
