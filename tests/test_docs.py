"""The commands and snippets of the READMEs and documents are real, in both languages."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner
from helpers import ROOT

from chargen.cli import COMMANDS, cli
from chargen.cli.aliases import HABITS, TOOLS, Habit
from chargen.cli.options import sections
from chargen.text.sources import BUNDLED_CORPORA
from chargen.training.settings import GROUPS

READMES = {
    name: (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")
}
PYTHON = (ROOT / "docs/python.md").read_text("utf-8")
SAMPLING = (ROOT / "docs/sampling.md").read_text("utf-8")
COMING = (ROOT / "docs/coming-from.md").read_text("utf-8")
PAGES = (READMES["README.md"], PYTHON, SAMPLING)
NOTEBOOK = ROOT / "examples/first-steps.ipynb"


def blocks(text: str, *languages: str) -> list[str]:
    """Return the fenced blocks of some languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
    return [code for language, code in found if language in languages]


def typed(text: str) -> list[str]:
    """Return every command of chargen that a reader is told to type, in order."""
    fenced = "".join(blocks(text, "sh"))
    indented = "".join(re.findall(r"^    (?:\$ )?(.*\n)", text, re.M))
    lines = (fenced + indented).splitlines()
    return [line for line in lines if line.startswith("chargen ")]


def without_comments(snippet: str) -> str:
    return re.sub(r"  # .*", "", snippet)


def test_both_languages_have_the_same_commands_and_snippets():
    english, chinese = READMES.values()
    assert len(typed(english)) >= 18
    assert len(blocks(english, "python")) == 2
    for kind in (["sh", "powershell"], ["text"]):
        assert blocks(english, *kind) == blocks(chinese, *kind)
    for text in ("    make demo\n    make test\n", "](examples/first-steps.ipynb)"):
        assert text in english and text in chinese
    snippets = [
        [without_comments(s) for s in blocks(text, "python")] for text in READMES.values()
    ]
    assert snippets[0] == snippets[1]


def test_both_languages_have_the_same_figures_and_options():
    rows = [re.findall(r"^\| (`chargen [^|]*)\|", t, re.M) for t in READMES.values()]
    assert rows[0] == rows[1]
    english, chinese = (set(re.findall(r"`[^`\n]+`", t)) for t in READMES.values())
    assert not english - chinese
    assert chinese - english == {
        '`--seed-text "春"`',
        # what the program says in English, explained
        "`best validation loss`",
        "`like choosing among … characters`",
        "`over-fitting since step …`",
    }
    figures = [
        set(re.findall(r"\d+(?:[.,]\d+)+|\d{3,}", text)) for text in READMES.values()
    ]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", READMES[name])
    assert len(links) > 10
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


@pytest.mark.parametrize("name", READMES)
def test_links_into_pages_lead_to_a_heading(name):
    links = re.findall(r"\]\((?!https:)([^)#]+)#([^)]*)\)", READMES[name])
    assert len(links) >= len(GROUPS)
    for page, anchor in links:
        headings = re.findall(r"^#+ (.*)", (ROOT / page).read_text("utf-8"), re.M)
        assert anchor in {as_anchor(heading) for heading in headings}, (page, anchor)


def as_anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    "line",
    sorted(
        {*typed(READMES["README.md"]), *typed(PYTHON), *typed(COMING), *typed(SAMPLING)}
    ),
)
def test_every_command_can_be_parsed(line):
    name, *arguments = shlex.split(line)[1:]
    if "--primetext" in arguments:  # shown with its error
        return
    command = COMMANDS[name]()
    command.make_context(name, arguments)


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_options_has_the_groups_of_train_and_their_options(name):
    """In the order of `chargen train --help`: common ones first."""
    table = re.findall(
        r"^\| \[(\w+)[^]|]*\]\(docs/options\.md#(\w+)\)(.*)$", READMES[name], re.M
    )
    rows = [
        (heading, anchor, re.findall(r"--[a-z-]+", rest)) for heading, anchor, rest in table
    ]
    assert rows == [
        (heading, heading.lower(), [option.opts[0] for option in options])
        for heading, options in sections(COMMANDS["train"]().params, GROUPS)
    ]


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_options_of_sample_has_its_groups_and_their_options(name):
    table = READMES[name].split("| `sample` |")[1].split("\n\n")[0]
    rows = [row.split(" | ") for row in table.split("\n| ")[1:]]
    command = COMMANDS["sample"]()
    assert [(row[0], re.findall(r"--[a-z-]+", row[1])) for row in rows] == [
        (heading, [option.opts[0] for option in options])
        for heading, options in sections(command.params, command.groups)
    ]


def test_the_page_of_options_is_what_the_code_says_of_them():
    """If not, run `python docs/options.py`."""
    made = runpy.run_path(str(ROOT / "docs/options.py"))
    assert made["PAGE"].read_text("utf-8") == made["page"]()


@pytest.mark.parametrize("name", READMES)
def test_the_commands_of_the_command_line_are_all_in_the_readme(name):
    for command in COMMANDS:
        assert f"| `chargen {command}` |" in READMES[name]


def run(words, folder, *, environment=None):
    """Run something as a reader would, in a folder."""
    return subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
    )


SHOWN = [
    example
    for text in (READMES["README.md"], SAMPLING)
    for example in re.findall(
        r"^```sh\n(chargen [^\n]*)\n```\n\n```text\n(.*?)```$", text, re.M | re.S
    )
]


def test_enough_samples_are_shown():
    assert len(SHOWN) > 12


@pytest.mark.parametrize(("line", "expected"), SHOWN)
def test_the_samples_are_what_the_commands_write(line, expected):
    done = CliRunner().invoke(cli, shlex.split(line)[1:])
    assert done.stdout.rstrip("\n") == expected.rstrip("\n")


# What a reader's command takes, and what the test gives it.
SHORT = {"": "4s", "1m": "4s", "20m": "8s"}


@pytest.mark.slow
def test_every_command_runs_in_the_order_of_the_readme(tmp_path):
    play = (BUNDLED_CORPORA / "harbour-plays.txt").read_text("utf-8")
    (tmp_path / "novel.txt").write_text("It was a day.\n" + play[:30_000], "utf-8")
    (tmp_path / "letters.txt").write_text(play[30_000:50_000], "utf-8")
    minerals = (BUNDLED_CORPORA / "minerals.txt").read_text("utf-8")
    (tmp_path / "names.txt").write_text(minerals, "utf-8")
    poems = (BUNDLED_CORPORA / "sishi-jueju.txt").read_text("utf-8")
    (tmp_path / "poems.txt").write_text(poems[:5_000], "utf-8")
    rows = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(minerals.split("\n")[:300])]
    (tmp_path / "names.csv").write_text("\n".join(["name,country", *rows]), "utf-8")
    small = {
        "CHARGEN_TRAIN_UNITS": "16",
        "CHARGEN_TRAIN_LAYERS": "1",
        "CHARGEN_TRAIN_FOR": SHORT[""],
    }
    for line in typed(READMES["README.md"]):
        if line.startswith("chargen write"):  # which needs a terminal
            continue
        line = re.sub(r"--for (\w+)", lambda m: f"--for {SHORT[m[1]]}", line)
        done = run([sys.executable, "-m", *shlex.split(line)], tmp_path, environment=small)
        assert done.returncode == 0, (line, done.stderr.decode())
        assert done.stdout, line
        if line.startswith("chargen train") and "--dry-run" not in line:
            (folder,) = done.stdout.decode().splitlines()
            assert (tmp_path / folder / "best").is_file(), line
    assert (tmp_path / "checkpoints/letters/best").exists()


SNIPPETS = [snippet for page in PAGES for snippet in blocks(page, "python")]


@pytest.mark.parametrize(
    "snippet",
    [pytest.param(s, marks=pytest.mark.slow) if "train(" in s else s for s in SNIPPETS],
    ids=range(len(SNIPPETS)),
)
def test_every_snippet_runs(snippet, tmp_path):
    done = run([sys.executable, "-c", snippet], tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    if "print(" in snippet:
        assert len(done.stdout) > 10
    if "PELL:" in snippet and "bits)" in snippet:
        *text, bits = done.stdout.decode("utf-8").splitlines()
        assert len("\n".join(text)) >= 80
        assert 0 < float(bits) < 8


def test_the_python_page_has_every_public_name():
    import chargen

    assert len(blocks(PYTHON, "python")) >= 5
    for name in set(chargen.__all__) - {"__version__"}:
        assert f"chargen.{name}" in PYTHON or f"`{name}`" in PYTHON


# How a tool spells an option.
SPELLINGS = {
    "char-rnn": lambda name: "-" + name.replace("-", "_"),
    "textgenrnn": lambda name: name.replace("-", "_") + "=",
    "nanoGPT": lambda name: "--" + name.replace("-", "_") + "=",
    "Hugging Face": lambda name: "--" + name.replace("-", "_"),
    "others": lambda name: "--" + name,
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_page_for_people_from_elsewhere_has_the_table_of_the_command_line(tool):
    def row(habit: Habit) -> str:
        theirs = SPELLINGS[tool](habit.theirs)
        return f"| `{theirs}` | `{habit.command}` | {habit.answer} |"

    heading = "Others" if tool == "others" else tool
    section = COMING.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(habit) for habit in HABITS if tool in habit.tools]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    assert not any(c.get("outputs") for c in cells)
    script = "\n".join(code)
    assert "STEPS = 600" in script
    script = script.replace("STEPS = 600", "STEPS = 20") + "\nprint(picture.stat().st_size)"
    done = run([sys.executable, "-c", script], tmp_path, environment={"TMPDIR": "."})
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout.split()[-1]) > 5_000


def test_git_ignores_the_users_runs_and_nothing_that_ships():
    def ignored(path):
        words = ["git", "check-ignore", "-q", path]
        return subprocess.run(words, cwd=ROOT, check=False, timeout=60).returncode

    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    for name in ("minerals", "minerals-2", "demo", "demo.replaced-20260101-000000-0"):
        assert ignored(f"checkpoints/{name}/run.json") == 0
    for kept in ("README.md", "bundle.py", "bundled/harbour-plays/best"):
        assert ignored(f"checkpoints/{kept}") == 1
