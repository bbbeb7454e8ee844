"""What a training shows: the sample of a backward model is in reading order."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import tiny_checkpoint
from jobs import STORY, asked
from rich.console import Console

from chargen.cli import terminal as module
from chargen.cli.terminal import Terminal
from chargen.training.events import CheckpointDue, Progress


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
    terminal(CheckpointDue(progress, True, 2.5, True, 25, made.weights, {}))
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
