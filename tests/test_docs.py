"""The README's commands and snippets are real."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from chargen.cli import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
TYPED = sorted(set(re.findall(r"^    (chargen .*)$", README, re.M)))
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.S)


def test_there_are_commands_and_snippets():
    assert len(TYPED) >= 6
    assert len(SNIPPETS) == 2


@pytest.mark.parametrize("line", TYPED)
def test_every_command_can_be_parsed(line):
    name, *arguments = shlex.split(line)[1:]
    command = COMMANDS[name]()
    command.make_context(name, arguments)


def test_the_table_of_options_names_every_option_of_train():
    shown = set(re.findall(r"--[a-z-]+", README))
    options = {
        flag for parameter in COMMANDS["train"]().params for flag in parameter.opts
    } - {"corpus", "--help"}
    assert options <= shown


def test_the_commands_of_the_command_line_are_all_in_the_readme():
    for name in COMMANDS:
        assert f"chargen {name}" in README


@pytest.mark.parametrize(
    "snippet",
    [SNIPPETS[0], pytest.param(SNIPPETS[1], marks=pytest.mark.slow)],
    ids=["sampling", "training"],
)
def test_every_snippet_runs(snippet, tmp_path):
    imports = "import chargen\n" if "import chargen\n" not in snippet else ""
    done = subprocess.run(
        [sys.executable, "-c", imports + snippet],
        cwd=tmp_path,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    if "PELL" in snippet:
        *text, bits = done.stdout.decode("utf-8").splitlines()
        assert len("\n".join(text)) >= 80
        assert 0 < float(bits) < 8
    else:
        assert (tmp_path / "checkpoints/minerals/latest").exists()


def test_git_ignores_the_users_runs_and_nothing_that_ships():
    def ignored(path):
        words = ["git", "check-ignore", "-q", path]
        return subprocess.run(words, cwd=ROOT, check=False, timeout=60).returncode

    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    for run in ("minerals", "minerals-2", "demo", "demo.replaced-20260101-000000-0"):
        assert ignored(f"checkpoints/{run}/run.json") == 0
    for kept in ("README.md", "bundle.py", "bundled/harbour-plays/best"):
        assert ignored(f"checkpoints/{kept}") == 1
