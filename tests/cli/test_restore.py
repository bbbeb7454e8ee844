"""`chargen restore`: where its text comes from, what it writes, and what it refuses."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import typed
from helpers import tiny_checkpoint, write_run
from item_models import write_item_run

import chargen
from chargen.cli import cli
from chargen.runs.run import Run
from chargen.text.policy import TextPolicy

TEXT = "\n abcde'中"
GAPS = "ab_ d__e\n_bc"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    write_run(Path("checkpoints/tiny"), 1, characters=TEXT)
    back = Run(Path("checkpoints/back"))
    back.folder.mkdir()
    back.write_description({"format": 1, "settings": {}})
    policy = TextPolicy(direction="backward")
    found = tiny_checkpoint(characters=TEXT, text=policy, seed=1)
    back.publish(found, best=True, keep=3)
    return tmp_path


def invoke(*words, code=0, stdin=None):
    done = CliRunner().invoke(cli, ["restore", *words], input=stdin)
    assert done.exit_code == code, done.output
    return done


def restored(name="tiny", text=GAPS, *, backward=None, **options):
    other = None if backward is None else chargen.load(backward)
    return chargen.restore(chargen.load(name), text, backward=other, **options)


@pytest.mark.parametrize("name", ["tiny", "back"])
def test_a_model_fills_the_gaps_of_a_text(name):
    done = invoke(name, GAPS)
    assert done.stdout == f"{restored(name).text}\n"
    assert done.stderr == ""


def test_two_models_fill_them_together():
    text = "a_ d__e\n_bc_中__ab_e"
    both = restored(text=text, backward="back").text
    assert both not in (restored(text=text).text, restored("back", text).text)
    assert invoke("tiny", text, "--backward-model", "back").stdout == f"{both}\n"


def test_another_character_can_stand_for_a_gap():
    done = invoke("tiny", "a?b", "--gap", "?")
    assert done.stdout == f"{restored(text='a_b').text}\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_text_can_be_in_a_file(end):
    Path("damaged.txt").write_bytes(f"\ufeff{GAPS}{end}".encode())
    assert invoke("tiny", "--file", "damaged.txt").stdout == f"{restored().text}\n"


def test_the_text_can_come_from_standard_input():
    assert invoke("tiny", "--file", "-", stdin=f"{GAPS}\n").stdout == f"{restored().text}\n"


def test_items_of_a_list_are_restored_one_by_one():
    write_item_run(Path("checkpoints/names"))
    Path("names.txt").write_text("a_b\nabc\n__\n", encoding="utf-8")
    done = invoke("names", "--file", "names.txt")
    one, two = (restored("names", text).text for text in ("a_b", "__"))
    assert done.stdout == f"{one}\nabc\n{two}\n"


def test_json_says_what_was_put_where():
    text = "中_'_"
    done = invoke("tiny", text, "--json", "--backward-model", "back")
    found = restored(text=text, backward="back")
    assert done.stdout.isascii()
    assert json.loads(done.stdout) == {
        "text": found.text,
        "gaps": [
            {"position": g.position, "chosen": g.chosen, "probability": g.probability}
            for g in found.gaps
        ],
    }
    assert [gap.position for gap in found.gaps] == [1, 3]


def test_a_text_without_gaps_comes_back_with_a_note():
    done = invoke("tiny", "abc")
    assert done.stdout == "abc\n"
    assert done.stderr == "note: there is no gap: mark each missing character by _\n"


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize("words", [["tiny"], ["tiny", "a_b", "--file", "damaged.txt"]])
def test_one_text_is_needed(words):
    done = invoke(*words, code=2)
    assert "give either a text with gaps, or a --file that holds it" in done.stderr


@pytest.mark.parametrize("names", [("back", "back"), ("tiny", "tiny"), ("back", "tiny")])
def test_models_of_the_wrong_direction_are_refused(names):
    first, second = names
    done = invoke(first, "a_b", "--backward-model", second, code=2)
    assert "CHECKPOINT has to be a forward model and --backward-model one" in done.stderr


def test_a_gap_of_several_characters_is_refused():
    assert (
        "must be a single character; got '__'"
        in invoke("tiny", "a__b", "--gap", "__", code=2).stderr
    )


def test_a_text_without_quotes_is_refused_with_advice():
    assert "Put the text in quotes." in invoke("tiny", "a_b", "c", code=2).stderr


def test_characters_that_a_model_never_saw_are_an_error():
    done = invoke("tiny", "“a_x”", code=1)
    assert "the text has 3 characters that the model never saw" in done.stderr
    assert "quotes around a text have to be straight ones" in done.stderr


def test_a_file_that_is_not_there_is_an_error():
    assert "damaged.txt" in invoke("tiny", "--file", "damaged.txt", code=1).stderr


@pytest.mark.parametrize("damaged", ["tiny", "back"])
def test_where_a_run_is_damaged_the_command_for_a_sound_step_is_said(damaged):
    run = Run(Path("checkpoints", damaged))
    parts = {"step": 2, "characters": TEXT}
    if damaged == "back":
        parts["text"] = TextPolicy(direction="backward")
    run.publish(tiny_checkpoint(**parts), best=True, keep=3)
    (run.step_folder() / "weights.safetensors").write_bytes(b"")
    done = invoke("tiny", "a_b", "--backward-model", "back", code=1)
    command = shlex.split(done.stderr.splitlines()[-1])
    mended = typed(sys.executable, "-m", "chargen", *command[command.index("restore") :])
    assert mended.returncode == 0
    assert len(mended.stdout) == 4
