"""Which command to type next, as it is printed after a training."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from helpers import write_run
from jobs import STORY, asked, trained

from chargen.cli.advice import longer_command, resume_command, train_command
from chargen.text.policy import TextPolicy
from chargen.training.prepare import prepare


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")


def repeated(corpus="story.txt", given=None, **wishes):
    """The words that repeat a run."""
    resolved = asked(corpus, given, **wishes)
    return shlex.split(train_command(resolved, resolved.settings))


def test_the_command_that_repeats_a_run_says_every_setting():
    given = {"steps": 7, "learning_rate": 1e-3, "windows": "shuffled"}
    words = repeated("story.txt", given)
    assert words[:2] == ["train", "story.txt"]
    assert words[2] == "--no-tied"
    pairs = dict(zip(words[3::2], words[4::2], strict=True))
    assert pairs["--steps"] == "7"
    assert pairs["--learning-rate"] == "0.001"
    assert pairs["--stride"] == "1"
    assert pairs["--save-every"] == "10m"
    assert pairs["--precision"] == "auto"
    assert pairs["--device"] == "auto"
    assert "--threads" not in pairs  # all of whatever machine repeats it
    assert pairs["--layers"] == "2"
    assert pairs["--units"] == str(asked("story.txt", given).settings.units)


def test_the_command_that_repeats_a_run_says_stock_and_threads():
    words = repeated(
        "story.txt", {"steps": 7, "stock": True, "threads": 3, "device": "cpu"}
    )
    assert words[2:4] == ["--no-tied", "--stock"]
    pairs = dict(zip(words[4::2], words[5::2], strict=True))
    assert (pairs["--threads"], pairs["--device"]) == ("3", "cpu")


def test_the_command_that_repeats_a_run_says_whether_it_is_tied():
    assert "--no-tied" in repeated("story.txt", {"steps": 7})
    assert "--tied" in repeated("story.txt", {"steps": 7, "tied": True})
    write_run(Path("old"), 1, units=7, tied=True)
    again = repeated("story.txt", {"steps": 7}, init_from="old")
    assert not {"--tied", "--no-tied"} & set(again)  # it follows from the model


def test_the_command_that_repeats_a_backward_run_is_backward():
    assert "--backward" in repeated("story.txt", {"steps": 7, "backward": True})
    assert "--backward" not in repeated("story.txt", {"steps": 7})
    write_run(Path("old"), 1, units=7, text=TextPolicy(direction="backward"))
    assert "--backward" in repeated("story.txt", {"steps": 7}, init_from="old")


def test_the_command_that_repeats_a_fine_tuning_says_where_it_started():
    write_run(Path("old"), 1, units=7)
    words = repeated("story.txt", {"steps": 3}, init_from="old", drop_unused=True)
    assert words[words.index("--init-from") + 1] == "old"
    assert "--drop-unused" in words
    assert "--units" not in words


def test_commands_name_a_part_by_the_file_that_was_given():
    Path("texts").mkdir()
    Path("texts/held.txt").write_text("a clerk who counted pepper", encoding="utf-8")
    given = {"steps": 1, "validation": "texts/held.txt"}
    assert "--validation texts/held.txt" in " ".join(repeated("story.txt", given))
    with prepare("story.txt", **given) as job:
        assert resume_command(job) == (
            "train story.txt --resume --out checkpoints/story --validation texts/held.txt"
        )


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({"seconds": 90.0}, "--for 3m"),
        ({"seconds": 3.0}, "--for 1m"),
        ({"steps": 9}, "--steps 18"),
        ({"epochs": 2}, "--epochs 4"),
    ],
)
def test_the_command_for_a_longer_run_doubles_its_length(given, end):
    with prepare("story.txt", **given) as job:
        assert longer_command(job) == f"{resume_command(job)} {end}"


@pytest.mark.parametrize(
    ("given", "end"), [({"steps": 3}, "--steps 16"), ({"seconds": 1.0}, "--for 1m")]
)
def test_the_command_for_a_longer_run_is_longer_than_what_was_had(given, end):
    trained({"steps": 9, "units": 24}, step=8)
    with prepare("story.txt", resume=True, **given) as job:
        assert longer_command(job) == f"{resume_command(job)} {end}"
