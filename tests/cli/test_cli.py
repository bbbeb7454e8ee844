"""The commands that need no TensorFlow, run as they are installed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import write_run

import chargen
from chargen.cli import COMMANDS, cli

CHARGEN = [sys.executable, "-m", "chargen"]
TEXT = "\n abcde"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    write_run(Path("checkpoints/tiny"), 1, characters=TEXT, scale=3.0)
    return tmp_path


def run(*arguments, **options):
    """Run the command with bytes in and out."""
    return subprocess.run(
        [*CHARGEN, *arguments], capture_output=True, timeout=120, check=False, **options
    )


def expected(seed_text: str = "", **settings) -> str:
    return seed_text + "".join(
        chargen.generate(chargen.load("checkpoints/tiny"), seed_text, **settings)
    )


def test_sample_writes_seed_text_then_text_then_one_newline():
    done = run("sample", "tiny", "--seed-text", "ab", "--length", "30", "--seed", "1")
    text = expected("ab", length=30, seed=1)
    assert done.stdout.decode() == text + "\n" * (not text.endswith("\n"))
    assert len(text) == 32
    assert done.stderr == b""
    assert done.returncode == 0


def test_sample_adds_no_newline_to_a_text_that_ends_in_one():
    done = run("sample", "tiny", "--seed-text", "ab\n", "--length", "0", "--seed", "1")
    assert done.stdout == b"ab\n"


def test_sample_defaults():
    done = run("sample", "tiny", "--seed", "7")
    assert done.stdout.decode().rstrip("\n") == expected(
        length=500, temperature=0.8, seed=7
    ).rstrip("\n")


def test_sample_names_the_seed_that_it_drew():
    done = run("sample", "tiny", "--length", "40")
    seed = int(done.stderr.split()[1])
    again = run("sample", "tiny", "--length", "40", "--seed", str(seed))
    assert again.stdout == done.stdout
    assert run("sample", "tiny", "--length", "40").stdout != done.stdout


def test_greedy_needs_no_seed_and_names_none():
    done = run("sample", "tiny", "--length", "40", "--temperature", "0")
    assert done.stderr == b""
    assert done.stdout.decode().startswith(expected(length=40, temperature=0).rstrip("\n"))


def test_sample_writes_utf8_whatever_python_would():
    write_run(Path("checkpoints/poems"), 1, characters="\n春风é", scale=3.0)
    arguments = ["sample", "poems", "--seed-text", "春é", "--length", "20", "--seed", "1"]
    done = run(*arguments)
    same = run(*arguments, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.stdout.decode("utf-8").startswith("春é")
    assert same.stdout == done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_a_console_that_cannot_show_a_character_gets_an_escape():
    import pty

    write_run(Path("checkpoints/poems"), 1, characters="春\x1b")
    parent, child = pty.openpty()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = subprocess.Popen(
        [
            *CHARGEN,
            "sample",
            "poems",
            "--seed-text",
            "春\x1b",
            "--length",
            "0",
            "--seed",
            "1",
        ],
        stdout=child,
        stderr=subprocess.PIPE,
        env=environment,
    )
    os.close(child)
    shown = b""
    while not shown.endswith(b"\n"):
        shown += os.read(parent, 1000)
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    os.close(parent)
    assert shown == b"\\u6625\\x1b\r\n"


def test_a_closed_pipe_ends_quietly():
    process = subprocess.Popen(
        [*CHARGEN, "sample", "tiny", "--length", "10000000", "--seed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert len(process.stdout.read(100)) == 100
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


def test_text_comes_as_it_is_drawn():
    process = subprocess.Popen(
        [*CHARGEN, "sample", "tiny", "--length", "100000000", "--seed", "1"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.read(1)  # long before the last of a hundred million
    process.kill()
    process.wait(timeout=60)
    process.stdout.close()


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_while_sampling_exits_130():
    process = subprocess.Popen(
        [*CHARGEN, "sample", "tiny", "--length", "100000000", "--seed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_unknown_seed_characters_are_named_and_nothing_is_written():
    done = run("sample", "tiny", "--seed-text", "abé é", "--length", "5")
    message = done.stderr.decode()
    assert done.returncode == 1
    assert done.stdout == b""
    assert "U+00E9 LATIN SMALL LETTER E WITH ACUTE" in message
    assert "2 times, first at character 3" in message
    assert "did you mean 'e'?" in message
    assert "Traceback" not in message


@pytest.mark.skipif(os.name == "nt", reason="Windows command lines are Unicode")
def test_undecodable_bytes_on_the_command_line():
    done = run("sample", "tiny", "--seed-text", b"ab\xff")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"U+DCFF" in done.stderr


def test_seed_text_may_be_longer_than_any_window():
    text = "abcde" * 2000
    done = run("sample", "tiny", "--seed-text", text, "--length", "3", "--seed", "1")
    assert done.stdout.decode().startswith(text)
    assert len(done.stdout.decode().rstrip("\n")) >= len(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "tiny", "--length", "-1"),
        ("sample", "tiny", "--temperature", "-0.1"),
        ("sample", "tiny", "--temperature", "nan"),
        ("sample", "tiny", "--seed", "-1"),
        ("sample",),
        ("train", "tiny", "--for", "5 parsecs"),
        ("train", "tiny", "--for", "0s"),
        ("train", "tiny", "--for", "5"),
        ("train", "minerals", "--for", "5m", "--steps", "5"),
        ("train", "tiny", "--validation", "1.5"),
        ("train", "tiny", "--validation", "nan"),
        ("train", "tiny", "--units", "0"),
        ("train", "tiny", "--cell", "transformer"),
        ("nonsense",),
    ],
)
def test_wrong_usage_exits_2_with_a_message(arguments):
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "nowhere"), "There are: harbour-plays, minerals, sishi-jueju, tiny"),
        (("info", "nowhere"), "there is no checkpoint 'nowhere'"),
        (("train", "nowhere"), "no bundled corpus of that name"),
        (("train", "empty.txt"), "is empty"),
        (("train", "same.txt"), "consists of one character repeated"),
        (("train", "checkpoints"), "the folder checkpoints holds no text"),
    ],
)
def test_user_errors_exit_1_with_a_message(arguments, message):
    Path("empty.txt").write_text("")
    Path("same.txt").write_text("aaaaaaaa")
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == ["tiny"]


@pytest.mark.parametrize("command", ["sample", "eval", "info"])
def test_a_text_in_place_of_a_checkpoint_gets_the_command_that_learns_from_it(command):
    name = "my novel.txt"
    Path(name).write_text("It was", encoding="utf-8")
    done = CliRunner().invoke(cli, [command, name])
    assert done.exit_code == 1
    assert f"{name} is a file, and a checkpoint is a folder" in done.stderr
    assert shlex.split(done.stderr.splitlines()[-1])[-2:] == ["train", name]
    Path("empty").touch()
    assert " train " not in CliRunner().invoke(cli, [command, "empty"]).stderr


def test_info_says_what_the_checkpoint_says():
    done = CliRunner().invoke(cli, ["info", "tiny"])
    assert done.exit_code == 0
    for part in (
        "1 × LSTM of 5 units",
        "tiny.txt",
        "7 characters",
        "1 steps",
        "2.5000 nats",
    ):
        assert part in done.stdout
    assert "validation  not measured" in done.stdout


def test_info_shows_no_control_characters():
    write_run(Path("checkpoints/evil"), 1, characters="\x1b\x07\u202eab")
    done = CliRunner().invoke(cli, ["info", "evil"])
    assert done.exit_code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_corpora_lists_the_bundled_texts():
    done = CliRunner().invoke(cli, ["corpora"])
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[1:]}
    assert rows["harbour-plays"] == ["114,116", "114,116", "68"]
    assert rows["sishi-jueju"] == ["57,091", "20,641", "1,403"]
    assert rows["minerals"] == ["16,869", "16,869", "28"]


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_has_an_example_and_every_option_a_text(command):
    arguments = [command] if command else []
    for flag in ("-h", "--help"):
        done = CliRunner().invoke(cli, [*arguments, flag])
        assert done.exit_code == 0
        assert "  chargen " in done.stdout.split("Usage:")[1]
    if command:
        for parameter in COMMANDS[command]().params:
            if parameter.param_type_name == "option":
                assert parameter.help


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full file")
@pytest.mark.parametrize("command", [["info"], ["sample", "--length", "3"], ["verify"]])
def test_an_output_that_is_full_is_said(command):
    with open("/dev/full", "wb") as full:
        words = [*CHARGEN, command[0], "tiny", *command[1:]]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert b"the output: No space left" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="the shell is POSIX")
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_are_no_trouble(closed):
    words = shlex.join([*CHARGEN, "sample", "tiny", "--length", "3", "--seed", "1"])
    done = subprocess.run(f"{words} {closed}", shell=True, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == b""
    text = expected(length=3, seed=1).encode()
    assert done.stdout.startswith(b"" if "1>" in closed else text)


def test_no_summary_is_cut_off():
    listed = CliRunner().invoke(cli, ["--help"]).stdout.split("Commands:\n")[1]
    assert len(listed.splitlines()) == len(COMMANDS)
    assert "..." not in listed


def test_version():
    assert chargen.__version__ in CliRunner().invoke(cli, ["--version"]).stdout


def test_the_installed_command_is_the_module():
    script = Path(sys.executable).with_name("chargen")
    done = subprocess.run(
        [script, "--version"], capture_output=True, timeout=60, check=True
    )
    assert done.stdout == run("--version").stdout


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_writable_checkpoint_is_not_needed_to_sample():
    started = time.time()
    for path in sorted(Path("checkpoints").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert run("sample", "tiny", "--length", "5", "--seed", "1").returncode == 0
        changed = [p for p in Path("checkpoints").rglob("*") if p.stat().st_mtime > started]
        assert not changed
    finally:
        for path in sorted(Path("checkpoints").rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_byte_order_mark_is_no_part_of_a_seed_text():
    for marked in ("PELL:", "\ufeffPELL:"):
        arguments = ["sample", "harbour-plays", "--seed-text", marked]
        done = CliRunner().invoke(cli, [*arguments, "--length", "5", "--seed", "1"])
        assert done.exit_code == 0
        assert done.stdout.startswith("PELL:\n")


def test_a_checkpoint_that_hides_a_bundled_one_says_so():
    write_run(Path("checkpoints/sishi-jueju"), 1, characters=TEXT)
    done = run("sample", "sishi-jueju", "--length", "3", "--seed", "1")
    assert b"from checkpoints/sishi-jueju, not the bundled one" in done.stderr
    assert run("sample", "harbour-plays", "--length", "3", "--seed", "1").stderr == b""
    assert (
        "checkpoints/sishi-jueju" in CliRunner().invoke(cli, ["info", "sishi-jueju"]).stdout
    )
