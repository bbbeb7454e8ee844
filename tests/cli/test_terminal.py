"""What a training shows at an evaluation."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import tiny_checkpoint
from jobs import STORY, asked
from rich.console import Console

from chargen.cli import terminal as module
from chargen.cli.terminal import Terminal
from chargen.runs.tensors import Arrays
from chargen.training.events import CheckpointDue, Event, Progress


def evaluation(progress: Progress, weights: Arrays, loss: float, **more: Any) -> Event:
    parts: dict[str, Any] = {
        "evaluated": True,
        "validation": loss,
        "sample_characters": 25,
        "whole": None,
        "whole_characters": 75,
        "best": True,
        "resume": {},
    }
    return CheckpointDue(progress, weights=weights, **{**parts, **more})


def shown(folder: Path, *, backward: bool) -> list[str]:
    """The lines of the sample that an evaluation shows; the weights are always the same."""
    resolved = asked("story.txt", {"steps": 3, "units": 7, "backward": backward})
    characters = "".join(resolved.corpus.vocabulary.characters)
    model = resolved.settings.model
    sizes = {"layers": model.layers, "embedding_size": model.embedding_size}
    made = tiny_checkpoint(units=model.units, characters=characters, **sizes)
    terminal = Terminal(
        SimpleNamespace(settings=resolved.settings, resolved=resolved),
        Console(file=(folder / "shown").open("w", encoding="utf-8"), width=80),
    )
    progress = Progress(1, 0.5, 0.5, 2.5, 0.01, 100.0, 0.5, 1.0)
    terminal(evaluation(progress, made.weights, 2.5))
    terminal._console.file.close()
    lines = (folder / "shown").read_text("utf-8").splitlines()
    return [line.removeprefix("     | ") for line in lines if "     | " in line]


def test_the_sample_of_a_backward_model_is_in_reading_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "SAMPLE_ROWS", 1_000)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")
    forward, backward = (shown(tmp_path, backward=each) for each in (False, True))
    assert "".join(forward)[::-1] == "".join(backward) != ""
    assert forward != backward


def test_a_sample_is_shown_when_it_has_improved_and_each_loss_says_what_it_is_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")
    resolved = asked("story.txt", {"steps": 3, "units": 7})
    characters = "".join(resolved.corpus.vocabulary.characters)
    model = resolved.settings.model
    sizes = {"layers": model.layers, "embedding_size": model.embedding_size}
    made = tiny_checkpoint(units=model.units, characters=characters, **sizes)
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=80, file=nowhere)
        terminal = Terminal(
            SimpleNamespace(settings=resolved.settings, resolved=resolved), console
        )
        progress = Progress(1, 0.5, 0.5, 2.5, 0.01, 100.0, 0.5, 1.0)
        for loss, more in (
            (2.5, {}),
            (2.495, {}),  # better by a little
            (2.6, {"best": False}),
            (2.4, {"whole": 2.25}),
        ):
            terminal(evaluation(progress, made.weights, loss, **more))
    lines = console.export_text().splitlines()
    heads = [i for i, line in enumerate(lines) if "validation 2." in line and "%" in line]
    samples = [any("     | " in x for x in lines[i:j]) for i, j in pairwise([*heads, None])]
    assert samples == [True, False, False, True]
    assert "validation 2.500 (sample)" in lines[heads[0]]
    assert "2.2500" in lines[heads[-1] + 1] and "75 characters" in lines[heads[-1] + 1]
