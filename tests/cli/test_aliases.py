"""Answers to the habits of other tools, and options from the environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import write_run

from chargen.cli import COMMANDS, cli
from chargen.cli.aliases import HABITS, THEIR_COMMANDS

TEXT = "\n abcde"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(Path("checkpoints/tiny"), 1, characters=TEXT, scale=3.0)
    Path("text.txt").write_text("abcde " * 200)


def invoke(*arguments, code, **environment):
    done = CliRunner().invoke(cli, arguments, env=environment)
    assert done.exit_code == code, done.output
    return done.output


def options(command):
    return {
        flag: parameter
        for parameter in COMMANDS[command]().params
        if parameter.param_type_name == "option"
        for flag in parameter.opts
    }


@pytest.mark.parametrize("habit", HABITS, ids=lambda h: f"{h.command} {h.theirs}")
def test_each_habit_is_answered_with_an_option_that_exists(habit):
    known = options(habit.command)
    assert f"--{habit.theirs}" not in known
    if habit.ours.startswith("--"):
        assert habit.ours.split()[0] in known
    else:
        assert habit.ours in ("CHECKPOINT", "CORPUS", "")
    output = invoke(habit.command, "tiny", f"--{habit.theirs}", "5", code=2)
    assert f"No such option '--{habit.theirs}'" in output
    assert " ".join(habit.answer.split()) in " ".join(output.split())


def test_no_habit_is_there_twice():
    found = [(habit.command, habit.theirs) for habit in HABITS]
    assert len(found) == len(set(found))
    assert all(habit.tools for habit in HABITS)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (["-primetext", "a"], "In chargen it is --seed-text"),
        (["--max_new_tokens=5"], "In chargen it is --length"),
        (["--seed_text", "a"], "It is written --seed-text"),
        (["-temperature", "1"], "It is written --temperature"),
        (["--lenght", "5"], "Did you mean '--length'?"),
    ],
)
def test_however_an_option_is_spelt(typed, answer):
    assert answer in invoke("sample", "tiny", *typed, code=2)


def test_text_for_the_seed_is_pointed_to_the_seed_text():
    output = invoke("sample", "tiny", "--seed", "It was", code=2)
    assert "--seed-text" in output
    assert "--seed-text" not in invoke("sample", "tiny", "--seed", "-1", code=2)
    assert "'x' is not a valid whole number" in invoke(
        "sample", "tiny", "--length", "x", code=2
    )


@pytest.mark.parametrize("name", THEIR_COMMANDS)
def test_commands_of_others(name):
    output = invoke(name, "tiny", code=2)
    assert f"In chargen it is {THEIR_COMMANDS[name]}." in output
    assert THEIR_COMMANDS[name].split()[0] in (*COMMANDS, "chargen")


def test_a_command_that_is_nearly_right():
    assert "Did you mean sample?" in invoke("smple", code=2)
    assert "Did you mean" not in invoke("xyzzy", code=2)


# --- the environment --------------------------------------------------------------------


def test_options_from_the_environment_and_the_command_line_before_them():
    chosen = {"CHARGEN_SAMPLE_LENGTH": "7", "CHARGEN_SAMPLE_SEED": "1"}
    text = invoke("sample", "tiny", code=0, **chosen)
    assert text == invoke("sample", "tiny", "--length", "7", "--seed", "1", code=0)
    assert text != invoke("sample", "tiny", "--length", "9", code=0, **chosen)


def test_every_option_but_the_destructive_ones_has_a_variable():
    for name in COMMANDS:
        for flag, parameter in options(name).items():
            expected = f"CHARGEN_{name}_{flag[2:]}".upper().replace("-", "_")
            if flag in ("--overwrite", "--resume"):
                assert parameter.envvar is None
            else:
                assert parameter.envvar == expected


def test_a_variable_counts_as_given():
    plain = invoke("train", "text.txt", "--dry-run", "--steps", "5", code=0)
    output = invoke(
        *("train", "text.txt", "--dry-run", "--steps", "5"),
        code=0,
        CHARGEN_TRAIN_UNITS="24",
    )
    assert "--units 24" in output and "--units 24" not in plain
    assert "--units" not in output.split("chosen for")[1].split(";")[0]
    both = {"CHARGEN_TRAIN_FOR": "5m", "CHARGEN_TRAIN_EPOCHS": "2"}
    dry = ("train", "text.txt", "--dry-run")
    assert "--steps 5" in invoke(*dry, "--steps", "5", code=0, **both)
    assert "give one of" in invoke(*dry, code=2, **both)


def test_a_variable_of_no_use_is_named():
    output = invoke("sample", "tiny", code=2, CHARGEN_SAMPLE_LENGTH="many")
    assert "CHARGEN_SAMPLE_LENGTH" in output


def test_a_variable_that_no_option_reads_is_named():
    note = "CHARGEN_SAMPLE_LENGHT is set, but there is no option of that name"
    assert note in invoke("sample", "tiny", code=0, CHARGEN_SAMPLE_LENGHT="5")
    assert "is set" not in invoke("sample", "tiny", code=0, CHARGEN_HOME=".")


def test_a_text_beside_the_checkpoint_is_pointed_to_the_seed_text():
    assert "text to continue with --seed-text" in invoke("sample", "tiny", "ab", code=2)
    assert "--seed-text" not in invoke("corpora", "tiny", code=2)


def test_a_dash_in_place_of_hyphens_is_said():
    output = invoke("train", "text.txt", "—for", "5m", code=2)
    assert "begins with a dash, not with hyphens: --for" in output


def test_how_a_newline_is_typed_is_said():
    output = invoke("sample", "harbour-plays", "--seed-text", "First\\nCitizen", code=1)
    assert "a newline is typed $'First\\nCitizen'" in output


def test_curly_quotes_around_a_text_are_said():
    assert "straight ones" in invoke("sample", "tiny", "--seed-text", "“ab”", code=1)
    assert "straight ones" not in invoke("sample", "tiny", "--seed-text", "xb", code=1)


def test_a_destructive_option_is_not_read_from_the_environment():
    write_run(Path("mine"), 1)
    output = invoke(
        *("train", "text.txt", "--out", "mine", "--steps", "1"),
        code=1,
        CHARGEN_TRAIN_OVERWRITE="1",
    )
    assert "holds a run already" in output
    assert "CHARGEN_TRAIN_OVERWRITE is set, but is not read" in output


def test_names_of_choices_are_read_in_any_case():
    output = invoke("train", "minerals", "--cell", "LSTM", "--dry-run", code=0)
    assert "--cell lstm" in output


def test_help_says_so_and_json_is_where_a_script_reads():
    assert "CHARGEN_SAMPLE_<OPTION>" in invoke("sample", "--help", code=0)
    for arguments in (["eval", "harbour-plays"], ["info", "tiny"], ["runs"], ["corpora"]):
        json.loads(invoke(*arguments, "--json", code=0))
