"""Options made from settings, and settings in messages turned into options."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st

import chargen
from chargen.checks import (
    Choice,
    Flag,
    Name,
    Option,
    Real,
    ShareOrFiles,
    Whole,
    options_of,
)
from chargen.checks import option as described
from chargen.cli import COMMANDS, cli
from chargen.cli.command import Command
from chargen.cli.options import (
    DURATIONS,
    KNOWN,
    DurationType,
    as_options,
    format_value,
    option,
    sections,
    settings,
)
from chargen.display import format_seconds
from chargen.sampling.blend import Blend
from chargen.sampling.copies import CopyIndex
from chargen.sampling.options import Sampling
from chargen.training.settings import GROUPS, Settings

# --- durations --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h5s", 3605),
        ("2h3m4s", 7384),
        ("5min", 300),
        ("5mins", 300),
        ("1 minute", 60),
        ("10 minutes", 600),
        ("1 hour", 3600),
        ("2 hours", 7200),
        ("2hrs", 7200),
        ("1hr", 3600),
        ("1 hour 30 minutes", 5400),
        ("90 sec", 90),
        ("90secs", 90),
        ("1 second", 1),
        ("90 seconds", 90),
        ("1.5h", 5400),
        ("0.5s", 0.5),
        (" 5m ", 300),
        ("5M", 300),
        ("1H 30Min", 5400),
    ],
)
def test_a_duration(written: str, seconds: float) -> None:
    assert DurationType().convert(written, None, None) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *("", "5", "m", "hour", "five minutes", "5 parsecs", "5mm", "5 m 3", "1h30"),
        *(
            "30m1h",
            "5m5m",
            "-5m",
            "+5m",
            "1,5m",
            ".5m",
            "1.h",
            "1e3s",
            "nan",
            "inf",
            "1:30",
        ),
    ],
)
def test_what_is_not_a_duration(written: str) -> None:
    with pytest.raises(
        click.BadParameter, match="is not a duration: write 90s, 5m or 1h30m"
    ):
        DurationType().convert(written, None, None)


@pytest.mark.parametrize("written", ["0s", "0m", "0h0m0s", "0.0 hours"])
def test_a_duration_of_nothing(written: str) -> None:
    with pytest.raises(click.BadParameter, match="must be above 0"):
        DurationType().convert(written, None, None)


@given(st.integers(1, 10**9) | st.floats(1e-3, 1e9))
def test_a_duration_is_read_as_it_is_written(seconds: float) -> None:
    assert DurationType().convert(format_seconds(seconds), None, None) == seconds
    assert DurationType().convert(seconds, None, None) == seconds  # a default


@pytest.mark.parametrize("written", ["5min", "5 minutes"])
def test_a_training_takes_a_duration_in_words(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, environment in (
        (["--for", written], {}),
        ([], {"CHARGEN_TRAIN_FOR": written}),
    ):
        arguments = ["train", "minerals", *words, "--dry-run"]
        found = CliRunner().invoke(cli, arguments, env=environment)
        assert found.exit_code == 0, found.output
        assert " --for 5m " in f"{found.stdout.splitlines()[-1]} "


# --- options that are made from a record ------------------------------------------------


@dataclass(frozen=True)
class Bread:
    """A record with an option of each kind."""

    rise: float = described(1.5, Real(0, 24, high_open=True), "Hours.", group="dough")
    loaves: int = described(2, Whole(1, 12), "How many.", group="dough", common=True)
    flour: str = described("rye", Choice(("rye", "wheat")), "Which.", group="dough")
    baker: str | None = described(None, Name(), "Who.", group="people", default="you")
    share: float | str = described(
        0.5, ShareOrFiles(0, 1, high_open=True), "Whose.", group="people"
    )
    oven_hot: bool = described(False, Flag(), "Whether it is.")


@click.command(cls=Command, groups=("people", "dough"))
@settings(Bread, flour={"help": "Which one."})
def bake(**values: object) -> None:
    """Bake."""
    click.echo(repr(values))


def baked(*words: str) -> dict[str, object]:
    found = CliRunner().invoke(bake, words)
    assert found.exit_code == 0, found.output
    values = ast.literal_eval(found.stdout)
    assert isinstance(values, dict)
    return values


def test_the_defaults_are_those_of_the_record() -> None:
    assert baked() == vars(Bread())


def test_each_kind_of_option_is_read(tmp_path: Path) -> None:
    words = ["--loaves", "3", "--rise", "2", "--flour", "WHEAT", "--baker", "5"]
    assert baked(*words, "--share", "0.25", "--oven-hot") == {
        "rise": 2.0,
        "loaves": 3,
        "flour": "wheat",
        "baker": "5",
        "share": 0.25,
        "oven_hot": True,
    }
    file = tmp_path / "0.25"
    file.touch()
    assert baked("--share", str(file))["share"] == str(file)


def test_what_is_a_number_and_a_file_is_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("0.25").touch()
    assert baked("--share", "0.25")["share"] == "0.25"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--loaves", "0"], "0 is not in the range 1<=x<=12"),
        (["--loaves", "13"], "13 is not in the range 1<=x<=12"),
        (["--loaves", "2.5"], "'2.5' is not a valid whole number"),
        (["--rise", "24"], "24.0 is not in the range 0<=x<24"),
        (["--rise", "long"], "'long' is not a valid number"),
        (["--flour", "oat"], "'oat' is not one of 'rye', 'wheat'"),
        (["--share", "1"], "1 is not in the range 0<=x<1"),
        (["--share", "nan"], "nan is not in the range 0<=x<1"),
        (["--share", "no.txt"], "there is no file 'no.txt', and it is not a number"),
    ],
)
def test_a_value_out_of_its_range_is_refused(words: list[str], message: str) -> None:
    found = CliRunner().invoke(bake, words)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_the_help_is_in_groups_and_common_options_come_first() -> None:
    shown = CliRunner().invoke(bake, ["--help"]).stdout
    lines = [line for line in shown.splitlines() if line.strip()]
    assert [line.split("  ")[0] for line in lines if line[0].isupper()] == [
        "Usage: bake [OPTIONS]",
        "People:",
        "Dough:",
        "Options:",
    ]
    assert re.findall(r"--([a-z-]+)", shown) == [
        *("baker", "share", "loaves", "rise", "flour", "oven-hot", "help"),
    ]
    said = " ".join(shown.split())
    assert "--baker TEXT Who. [default: you]" in said
    assert "--share FRACTION OR FILE Whose. [default: 0.5]" in said
    assert "--loaves WHOLE NUMBER How many. [default: 2; 1<=x<=12]" in said
    assert "--rise NUMBER Hours. [default: 1.5; 0<=x<24]" in said
    assert "--flour [rye|wheat] Which one. [default: rye]" in said
    assert "--oven-hot Whether it is." in said


MADE = [
    (command, name, default, about)
    for command, record in (("train", Settings), ("sample", Sampling))
    for name, default, about in options_of(record)
]


@pytest.mark.parametrize(("command", "name", "default", "about"), MADE)
def test_each_setting_has_its_option(
    command: str, name: str, default: object, about: Option
) -> None:
    made = COMMANDS[command]()
    (found,) = (parameter for parameter in made.params if parameter.name == name)
    assert isinstance(found, click.Option)
    assert found.opts == [option(name)]
    shown = found.get_default(click.Context(made))
    assert shown == default or (found.multiple and shown == ())
    for attribute in ("help", "group", "common"):
        assert getattr(found, attribute) == getattr(about, attribute)
    assert not found.is_flag or default is False


@pytest.mark.parametrize(("command", "name", "default", "about"), MADE)
def test_the_help_says_each_default_once_and_without_brackets(
    command: str, name: str, default: object, about: Option
) -> None:
    made = COMMANDS[command]()
    (found,) = (parameter for parameter in made.params if parameter.name == name)
    assert isinstance(found, click.Option)
    record = found.get_help_record(click.Context(made))
    assert record is not None
    assert "default: (" not in record[1]
    told = about.default
    if told is None and default is not None and default is not False:
        told = format_value(name, default)
    assert record[1].count("default: ") == (told is not None)
    assert told is None or f"[default: {told}" in record[1]


def test_the_help_of_a_training_has_every_option_once_under_a_heading() -> None:
    train = COMMANDS["train"]()
    shown = CliRunner().invoke(cli, ["train", "--help"]).stdout
    headings = [line[:-1] for line in shown.splitlines() if re.fullmatch(r"\w+:", line)]
    assert headings == [*(group.capitalize() for group in GROUPS), "Options"]
    listed = re.findall(r"^  (?:-h, )?(--[a-z-]+)", shown, flags=re.MULTILINE)
    options = [p for p in train.params if isinstance(p, click.Option)]
    assert sorted(listed) == sorted([*(p.opts[0] for p in options), "--help"])
    for heading, members in sections(options, GROUPS):
        assert heading in headings and heading != "Options"
        common = [getattr(member, "common", False) for member in members]
        assert common == sorted(common, reverse=True), heading


def test_an_option_of_the_same_name_is_made_of_the_same_words() -> None:
    assert option("seconds") == "--for"
    assert option("embedding_size") == "--embedding-size"
    assert len({option(name) for name in KNOWN}) == len(KNOWN)


# --- settings that a message names ------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`batch_size` is 5 instead of 16", "--batch-size is 5 instead of 16"),
        ("give one of `seconds`, `epochs`", "give one of --for, --epochs"),
        ("use `validation=0`", "use --validation 0"),
        ("`learning_rate=0.005`", "--learning-rate 0.005"),
        ("`learning_rate=1e-05`", "--learning-rate 1e-05"),
        ("`seconds=60.0`", "--for 1m"),
        ("`save_every=5400`", "--save-every 1h30m"),
        ("`resume=True` or `overwrite=True`", "--resume or --overwrite"),
        ("`drop_unused`", "--drop-unused"),
        ("`tied=True` `tied=False`", "--tied --no-tied"),
        ("`stock=False` is safe", "no --stock is safe"),
        ("`tensorboard` needs it", "--tensorboard needs it"),
        ("`cell='gru'` differs", "--cell gru differs"),
        ("`part='test'`", "--part test"),
        ("`out='my runs/x'`", "--out 'my runs/x'"),
        ('`out="it\'s"`', "--out 'it'\"'\"'s'"),
        ("`out='$(rm -rf .)'`", "--out '$(rm -rf .)'"),
    ],
)
def test_a_setting_becomes_its_option(message: str, shown: str) -> None:
    assert as_options(message) == shown


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nothing is named",
        "`nothing`",
        "`nothing=1`",
        "`Settings`",
        "`run.json`",
        "`chargen eval`",
        "`units = 5`",
        "`units=`",
        "`units=5",
        "`units=five`",
        "`units=__import__('os')`",
        "`units=\n5`",
        "units",
        "``",
    ],
)
def test_what_is_not_a_setting_stays(message: str) -> None:
    assert as_options(message) == message


def parsed(name: str, words: list[str]) -> object:
    """Read an option of the training as the command line does."""
    context = COMMANDS["train"]().make_context("train", ["text.txt", *words])
    with context:
        return context.params[name]


VALUES = {
    "backward": True,
    "cell": "gru",
    "clip_norm": 0.5,
    "device": "cpu",
    "cache": "my texts",
    "column": "the name",
    "documents": "blank-lines",
    "glob": "*.txt",
    "group_by": "family",
    "label": "country",
    "lowercase": True,
    "newlines": "lf",
    "no_cache": True,
    "normalize": "nfkc",
    "remember_items": True,
    "validation_chars": 2000,
    "drop_unused": True,
    "dropout": 0.25,
    "tied": True,
    "encoding": "gb18030",
    "init_from": "it's",
    "learning_rate": 1e-05,
    "optimizer": "adamw",
    "out": "my runs/x y",
    "overwrite": True,
    "precision": "float32",
    "resume": True,
    "save_every": 90.0,
    "seconds": 5400.5,
    "stock": True,
    "tensorboard": True,
    "test": 0.1,
    "validation": 0.05,
    "warmup": 0.5,
    "weight_decay": 0.0,
    "windows": "shuffled",
}
"""One of each setting that is not a whole number."""


# Options of commands other than `train`, which `parsed` asks.
IN_TRAIN = {field.name for field in fields(Settings)}
ELSEWHERE = {
    "part",
    "count",
    "containing",
    "gap",
    *(field.name for field in fields(Sampling)),
} - IN_TRAIN


@pytest.mark.parametrize("name", sorted(KNOWN - ELSEWHERE))
def test_what_a_message_becomes_can_be_typed(name: str) -> None:
    value = VALUES.get(name, 7)
    shown = as_options(f"`{name}={value!r}`")
    read = parsed(name, shlex.split(shown))
    assert (str(read) if isinstance(read, Path) else read) == value


def test_each_option_that_a_message_becomes_is_one_of_a_command() -> None:
    options = {word for make in COMMANDS.values() for p in make().params for word in p.opts}
    assert {option(name) for name in KNOWN} <= options
    assert {"seconds", "save_every"} == DURATIONS


def test_an_error_of_the_library_is_shown_with_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("to be or not to be, " * 200, encoding="utf-8")
    given = {"patience": 2, "validation": 0.0, "steps": 5}
    with pytest.raises(chargen.ChargenError, match=r"`patience`.*`validation`$"):
        chargen.prepare("text.txt", **given).__enter__()
    words = ["--patience", "2", "--validation", "0", "--steps", "5"]
    found = CliRunner().invoke(cli, ["train", "text.txt", *words])
    assert found.exit_code == 1
    assert re.search(r"Error: --patience.*--validation$", found.stderr.strip())
    found = CliRunner().invoke(cli, ["train", "text.txt", "--for", "1000000 hours"])
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: --for must be a number in (0, ")


# --- what the messages of the library are made of ---------------------------------------

ARGUMENTS = {
    "cold_every": chargen.evaluate,
    **dict.fromkeys(("how", "to", "over"), Blend),
    "window": CopyIndex.of,
    **dict.fromkeys(("gap", "beam"), chargen.restore),
}
"""What a message may name besides settings: arguments of calls, which no command sets."""

LIBRARY = [
    path
    for path in sorted((ROOT / "chargen").rglob("*.py"))
    if not path.is_relative_to(ROOT / "chargen" / "cli")
]


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the strings of a module but docstrings.

    What an f-string fills in is written as {}.
    """
    tree = ast.parse(source)
    parts: set[ast.AST] = set()
    for node in ast.walk(tree):  # a string comes before its parts
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.add(node.value)  # a docstring: of a name, too
        elif isinstance(node, ast.JoinedStr):
            parts |= set(node.values)
            texts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
            yield node.lineno, "".join(texts)
        elif (
            isinstance(node, ast.Constant)
            and node not in parts
            and isinstance(node.value, str)
        ):
            yield node.lineno, node.value


COMMAND = re.compile(r"`chargen [^`]*`")  # a whole command is the same for everybody
OPTION = re.compile(r"(?<![\w-])--(?:[a-z]|\{\})[\w-]*")
NAMED = re.compile(r"`(\w+)(?:=[^`]*)?`")


def found_in_messages(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Return (file:line, what was found) of the strings of the library."""
    return [
        (f"{path.relative_to(ROOT)}:{line}", match)
        for path in LIBRARY
        for line, text in strings(path.read_text(encoding="utf-8"))
        for match in pattern.findall(COMMAND.sub("", text))
    ]


def test_the_strings_of_a_module_are_found() -> None:
    source = '"""--a"""\nNAME = "--b"\n"""--c"""\nf(f"--d {x} --{y}", "--e" "--f")\n'
    assert list(strings(source)) == [(2, "--b"), (4, "--d {} --{}"), (4, "--e--f")]
    assert OPTION.findall("--d {} --{} a--b `--for`, --init-from=x ---") == [
        *("--d", "--{}", "--for", "--init-from"),
    ]


def test_no_message_of_the_library_names_an_option() -> None:
    found = found_in_messages(OPTION)
    assert not found, "\n".join(f"{where}: {what}" for where, what in found)


def test_what_a_message_of_the_library_names_is_a_setting_or_an_argument() -> None:
    found = found_in_messages(NAMED)
    assert {"resume", "validation", "out", *ARGUMENTS} <= {name for _, name in found}
    unknown = [item for item in found if item[1] not in {*KNOWN, *ARGUMENTS}]
    assert not unknown, "\n".join(f"{where}: `{what}`" for where, what in unknown)


def test_arguments_that_messages_name_are_there() -> None:
    for name, function in ARGUMENTS.items():
        assert name in inspect.signature(function).parameters
