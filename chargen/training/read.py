"""The second step of `prepare`: read the texts, and what training goes on from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chargen.errors import SettingsError, TextError
from chargen.runs.checkpoint import MAX_SOURCES, Checkpoint
from chargen.runs.claim import bring_back
from chargen.runs.find import find_checkpoint, open_checkpoint, run_to_resume
from chargen.runs.run import RUN_FILE, Run, is_step
from chargen.text.documents import is_table
from chargen.text.encoded import Encoded
from chargen.text.ingest import encode, files_of, is_a_list
from chargen.text.parts import occurring
from chargen.text.policy import Reading
from chargen.text.sources import (
    HELD_OUT,
    Input,
    Source,
    bundled_documents,
    find_inputs,
    is_bare,
    recorded_names,
    title,
)
from chargen.text.store import default_cache
from chargen.training.request import Request
from chargen.training.resume import (
    check_unchanged,
    nothing_yet,
    settings_from,
    settings_of,
    take_up,
    without_length,
)
from chargen.training.settings import FIXED, Settings

PREPARED = ("newlines", "normalize", "lowercase", "backward")
"""Settings that a model that is trained further brings along.

Others may be given, but for its direction.
"""


@dataclass(frozen=True)
class HeldOut:
    """What a training holds out.

    Attributes:
        validation, test: a share of the text, a text of its own, or None if not asked for.
        inputs: the files of the parts that are texts of their own, by part.
        files: these, as they were asked for.
    """

    validation: float | Encoded | None
    test: float | Encoded | None
    inputs: Mapping[str, Sequence[Input]]
    files: Mapping[str, tuple[str, ...]]

    @property
    def texts(self) -> dict[str, Encoded]:
        """The parts that are texts of their own, by name, validation before test."""
        parts = {"validation": self.validation, "test": self.test}
        return {part: held for part, held in parts.items() if isinstance(held, Encoded)}


@dataclass(frozen=True)
class Read:
    """What was asked for, together with the texts, run and model that it names.

    Attributes:
        request: what was asked for.
        name: what a new run is called.
        title: what messages call the text.
        text: what is trained on.
        sources: the files of all parts.
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
    title: str
    text: Encoded
    sources: tuple[Source, ...]
    held_out: HeldOut
    given: Mapping[str, Any]
    settings: Settings
    run: Run | None
    latest: int | None
    checkpoint: Checkpoint | None
    back: Path | None
    trained: Checkpoint | None
    notes: tuple[str, ...]

    @property
    def different(self) -> int:
        """How many different characters the texts have."""
        texts = (self.text, *self.held_out.texts.values())
        return len({c for text in texts for c in occurring(text)})


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
    if out is not None and not request.dry_run and (back_again := bring_back(out)):
        notes.append(back_again)
    inputs, run, before = _inputs_and_run(request)
    base = settings_of(before)
    trained = open_checkpoint(request.init_from) if request.init_from else None
    if trained is not None:
        base = {name: getattr(trained.text, name) for name in PREPARED}
    reading, found = _reading(settings_from({**base, **given}), given, before, inputs)
    notes += found
    cache = None if request.no_cache else request.cache or default_cache()
    text = encode(inputs, reading, cache)
    held_out = _read_held_out(given, base, inputs, reading, cache)
    sources = _sources(
        {"train": inputs, **held_out.inputs}, {"train": text, **held_out.texts}
    )
    notes += _notes_on(inputs, text, reading) + _notes_on_cache(text, cache)
    given = _as_recorded(given, reading, text, held_out)
    if run:
        check_unchanged(run, before, given, sources)
    base = without_length(base, given)
    settings = settings_from({**base, **given, "documents": reading.documents})
    back = out if run and out is not None and is_step(out) else None
    checkpoint = None
    if run:
        checkpoint, more = take_up(run, back, settings.model, repair=not request.dry_run)
        notes += more
    if request.resume and checkpoint is None:
        notes.append(nothing_yet(before))
    if trained is not None:
        _check_model(trained, given)
        notes.append(f"starting from {find_checkpoint(request.init_from or '')}")
    return Read(
        request=request,
        name=inputs[0].stem,
        title=title(inputs),
        text=text,
        sources=sources,
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


def _inputs_and_run(
    request: Request,
) -> tuple[list[Input], Run | None, Mapping[str, Any]]:
    """Return the files to train on, the run that is resumed, and its description."""
    glob = request.given.get("glob")
    inputs = find_inputs(request.names, glob=glob)
    if not request.resume:
        return inputs, None, {}
    run = run_to_resume(inputs[0].name, request.out)
    before = run.description() if run else {}
    kept = settings_of(before).get("glob")
    if glob is None and kept is not None:
        inputs = find_inputs(request.names, glob=kept)
    return inputs, run, before


def _check_model(trained: Checkpoint, given: Mapping[str, Any]) -> None:
    """Refuse settings that contradict the model that is trained further."""
    model, backward = trained.model, trained.text.backward
    if given.get("backward", backward) != backward:
        raise SettingsError(
            f"`backward={given['backward']!r}` contradicts the checkpoint, whose model "
            f"reads a text from its {'end' if backward else 'beginning'}: leave it out"
        )
    for name in FIXED:
        if given.get(name, getattr(model, name)) != getattr(model, name):
            raise SettingsError(
                f"`{name}={given[name]!r}` contradicts the checkpoint, whose model has "
                f"{getattr(model, name)}: leave it out"
            )


def _reading(
    settings: Settings,
    given: Mapping[str, Any],
    before: Mapping[str, Any],
    inputs: Sequence[Input],
) -> tuple[Reading, list[str]]:
    """Return how the texts are read, and what to say about that.

    Args:
        settings: those of the run that is resumed, and what was asked for.
        given: what was asked for.
        before: the description of the run that is resumed.
        inputs: the files that are trained on.
    """
    # As it was asked for, so that a text that is kept on the disk is found again.
    encoding = given.get("encoding", before.get("given", {}).get("encoding"))
    reading = replace(Reading.of(settings), encoding=encoding)
    if reading.documents is not None:
        return reading, []
    kind = bundled_documents(inputs)
    if kind is None and is_a_list(inputs, reading):
        kind = "lines"
    if kind is None:
        return replace(reading, documents="none"), []
    what = "line" if kind == "lines" else "block of lines"
    note = (
        f"this is a list: each {what} is learned by itself, and what is held out is drawn "
        "at random (`documents='none'` takes it as one running text)"
    )
    return replace(reading, documents=kind), [note] if kind != "none" else []


def _notes_on(inputs: Sequence[Input], text: Encoded, reading: Reading) -> list[str]:
    """Say what was left out, what may be meant, and how encodings were found out."""
    notes = [
        f"{each.skipped:,} files in {each.name} are not texts, and were left out"
        for each in inputs
        if each.skipped
    ]
    if text.skipped:
        notes.append(f"{text.skipped:,} rows hold no item, and were left out")
    table = next((file for file in files_of(inputs) if is_table(file.name)), None)
    if table is not None and reading.documents == "none":
        notes.append(
            f"{table.name} is a table, and is learned as it stands: `column` takes one of "
            "its columns"
        )
    unsure = [file for file in text.files if file.sureness is not None]
    for encoding, count in Counter(file.encoding for file in unsure).most_common():
        least = min(unsure, key=lambda f: (f.encoding != encoding, f.sureness or 0.0))
        what = f"{count:,} files are" if count > 1 else f"{Path(least.path).name} is"
        at_least = "at least " if count > 1 else ""
        notes.append(f"{what} read as {encoding} ({at_least}{least.sureness:.0%} sure)")
    return notes


def _notes_on_cache(text: Encoded, cache: Path | None) -> list[str]:
    """Say where a large text is kept."""
    if cache is None or not text.on_disk:
        return []
    size = len(text) * text.dtype.itemsize / 1e6
    return [
        f"so that it is read only once, the text is kept in {cache} ({size:,.0f} MB): "
        "`chargen cache` shows and removes it, `no_cache=True` does without"
    ]


def _sources(
    inputs: Mapping[str, Sequence[Input]], texts: Mapping[str, Encoded]
) -> tuple[Source, ...]:
    """Return what is recorded of the files of each role.

    Raises:
        TextError: they are more than a checkpoint can record.
    """
    found = []
    for role, named in inputs.items():
        files = iter(texts[role].files)
        for each in named:
            found.append(each.source(role, [next(files) for _ in each.files]))
    if len(found) > MAX_SOURCES:
        raise TextError(
            f"{len(found):,} files are more than the {MAX_SOURCES:,} that can be named one "
            "by one: name the folder that they are in"
        )
    return tuple(found)


def _as_recorded(
    given: Mapping[str, Any], reading: Reading, text: Encoded, held_out: HeldOut
) -> dict[str, Any]:
    """Return what was asked for, with files as a run records them: by their bare names."""
    recorded = dict(given)
    if reading.encoding not in (None, "auto") and "encoding" in given:
        recorded["encoding"] = text.files[0].encoding  # under the codec's own name
    for part, inputs in held_out.inputs.items():
        if part in given:
            recorded[part] = recorded_names(inputs)
    return recorded


def _read_held_out(
    given: Mapping[str, Any],
    base: Mapping[str, Any],
    corpus: Sequence[Input],
    reading: Reading,
    cache: Path | None,
) -> HeldOut:
    """Read what is held out.

    Args:
        given, base: settings that were asked for, and those of the run that is resumed.
        corpus: what is trained on.
        reading: how every file is read.
        cache: where large texts are kept.

    Raises:
        TextError: a file cannot be found or read.
    """
    parts: dict[str, float | Encoded | None] = {}
    inputs: dict[str, Sequence[Input]] = {}
    files: dict[str, tuple[str, ...]] = {}
    for part in HELD_OUT:
        value = given.get(part, base.get(part))
        if not isinstance(value, str | tuple | list):
            parts[part] = value
            continue
        names = (value,) if isinstance(value, str) else tuple(value)
        if part not in given:
            names = tuple(str(_beside(name, corpus[0], part)) for name in names)
        files[part] = names
        inputs[part] = find_inputs(names, glob=given.get("glob", base.get("glob")))
        parts[part] = encode(inputs[part], reading, cache)
    return HeldOut(parts["validation"], parts["test"], inputs, files)


def _beside(name: str, corpus: Input, part: str) -> Path:
    """Return the file of a part, of which a run keeps only the name.

    It is looked for in the current folder, then beside the corpus.
    """
    if not is_bare(name):
        raise SettingsError(f"the run's {RUN_FILE} is damaged: its {part} part is a path")
    for path in (Path(name), (corpus.folder or corpus.files[0]).parent / name):
        if os.path.exists(path):
            return path
    raise TextError(
        f"the run's {part} part is {name[:200]}, which is neither here nor beside the "
        f"corpus: say where it is with `{part}`"
    )
