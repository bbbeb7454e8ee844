"""`chargen sample`: what its options do, alone and together, and what they refuse."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import tiny_checkpoint, write_run
from item_models import write_item_run

import chargen
from chargen.cli import cli
from chargen.runs.run import Run
from chargen.sampling.around import generate_around
from chargen.sampling.texts import generate_texts
from chargen.text.policy import TextPolicy

TEXT = "\n abcde'中"
TINY = Path("checkpoints/tiny")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    write_run(TINY, 1, characters=TEXT)
    back = Run(Path("checkpoints/back"))
    back.folder.mkdir()
    back.write_description({"format": 1, "settings": {}})
    policy = replace(TextPolicy(), direction="backward")
    back.publish(tiny_checkpoint(characters=TEXT, text=policy), best=True, keep=3)
    return tmp_path


def invoke(*words, code=0, stdin=None):
    done = CliRunner().invoke(cli, list(map(str, words)), input=stdin)
    assert done.exit_code == code, done.output
    return done


def sample(*words, **more):
    return invoke("sample", "tiny", "--seed", 1, *words, **more)


def texts(**options):
    return [s.text for s in generate_texts(chargen.load(TINY), **{"seed": 1, **options})]


def lines(text):
    return text if text.endswith("\n") else f"{text}\n"


# --- control and shape --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--top-k", 3], {"top_k": 3}),
        (["--top-p", 0.5], {"top_p": 0.5}),
        (["--min-p", 0.2], {"min_p": 0.2}),
        (["--typical-p", 0.5], {"typical_p": 0.5}),
        (["--dry", 1], {"dry": 1}),
        (["--forbid", "ab"], {"forbid": "ab"}),
        (["--bias", "a=2", "--bias", "b=-1.5"], {"bias": {"a": 2, "b": -1.5}}),
        (
            ["--stop", "a", "--stop", "b", "--keep-stop"],
            {"stop": ("a", "b"), "keep_stop": True},
        ),
        (["--lines", 3], {"lines": 3}),
        (["--acrostic", "abe"], {"acrostic": "abe"}),
        (["--temperature", 0], {"temperature": 0}),
    ],
)
def test_each_option_does_what_it_does_in_python(words, options):
    done = sample("--length", 60, *words)
    assert done.stdout == lines(texts(count=1, length=60, **options)[0])
    assert done.stdout != lines(texts(count=1, length=60)[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--top-k", 0], "'--top-k': 0 is not in the range x>=1"),
        (["--top-p", 0], "'--top-p': 0.0 is not in the range 0<x<=1"),
        (["--top-p", 1.1], "'--top-p': 1.1 is not in the range 0<x<=1"),
        (["--min-p", -0.1], "'--min-p': -0.1 is not in the range 0<=x<=1"),
        (["--typical-p", 2], "'--typical-p': 2.0 is not in the range 0<x<=1"),
        (["--dry", 0], "'--dry': 0 is not in the range x>=1"),
        (["--lines", 0], "'--lines': 0 is not in the range x>=1"),
        (["--bias", "a"], "'a' is not a character, = and a number"),
        (["--bias", "a=nan"], "'a=nan' is not a character, = and a number"),
        (["--bias", "ab=1"], "'ab=1' is not a character, = and a number"),
        (["--temperature", "0.4,-1"], "'0.4,-1' is not a number, at least 0, or several"),
        (["--temperature", "0.4,"], "'0.4,' is not a number, at least 0, or several"),
        (["--lines", 2, "--acrostic", "ab"], "--acrostic and --lines exclude each other"),
        (["--acrostic", " "], "--acrostic must have a letter"),
        (
            ["--acrostic", "a", "--seed-text", "b"],
            "with --acrostic, a seed text has to end",
        ),
        (["--forbid", TEXT], "--forbid leaves no character to write"),
        (["--stop", ""], "--stop must be texts that are not empty"),
        (["--seed-text", "a", "--seed-file", "b"], "exclude each other"),
        (["--containing", "a"], "--containing needs a model that writes forwards and"),
        (["--backward-model", "back"], "--backward-model is for --containing"),
        (
            ["--containing", "a", "--backward-model", "tiny"],
            "--backward-model writes forwards",
        ),
        (["--ending", "a"], "--ending is for a model that writes from the end"),
        (["--no-copy", 5], "--no-copy needs the training text: add --corpus FILE"),
        (["--mark-copies", 5], "--mark-copies needs the training text"),
        (["--corpus", "a.txt"], "--corpus is what --new, --no-copy and --mark-copies"),
    ],
)
def test_what_cannot_be_is_a_usage_error_that_says_why(words, message):
    output = " ".join(sample(*words, code=2).stderr.split())
    assert message in output


def test_a_stop_string_that_cannot_occur_says_how_a_newline_is_typed():
    error = sample("--stop", "a\\n", code=1).stderr
    assert "a stop string has 2 characters that the model never saw" in error
    assert "a newline is typed $'" in error


def test_a_shaped_text_that_did_not_end_is_mentioned():
    done = sample("--lines", 1000, "--length", 20)
    assert "1 of 1 texts did not end within 20 characters" in done.stderr
    assert sample("--length", 20).stderr == ""


# --- what texts go on from ----------------------------------------------------------------


def test_a_seed_text_comes_from_a_file_or_from_standard_input():
    Path("seed.txt").write_bytes("\ufeffab\r\ncd\r\n".encode())
    expected = lines(texts(seed_text="ab\ncd", count=1, length=20)[0])
    assert sample("--seed-file", "seed.txt", "--length", 20).stdout == expected
    done = sample("--seed-file", "-", "--length", 20, stdin="ab\ncd\n")
    assert done.stdout == expected


def test_each_line_of_a_file_gets_its_texts():
    Path("seeds.txt").write_text("ab\n\ncd\n")
    done = sample("--seeds-from", "seeds.txt", "--count", 2, "--length", 9, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["seed_text"] for each in found] == ["ab", "ab", "", "", "cd", "cd"]
    assert [each["number"] for each in found] == [0, 1] * 3
    expected = [
        text for s in ("ab", "", "cd") for text in texts(seed_text=s, count=2, length=9)
    ]
    assert [each["text"] for each in found] == expected


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["--seed-file", "none.txt"], None, "none.txt"),
        (["--seeds-from", "-"], "", "has 0 lines"),
        (["--seed-file", "-"], b"\xff", "standard input is not UTF-8"),
    ],
)
def test_a_seed_file_that_cannot_be_used_is_an_error(arguments, stdin, message):
    assert message in sample(*arguments, code=1, stdin=stdin).stderr


def test_unknown_characters_are_an_error_or_said_to_be_replaced():
    error = sample("--seed-text", "aÄ’X", code=1).stderr
    assert "the seed text has 3 characters that the model never saw" in error
    done = sample("--seed-text", "aÄ’", "--unknown", "nearest", "--length", 9)
    assert done.stdout == lines(texts(seed_text="aa'", count=1, length=9)[0])
    assert "never saw 'Ä' (U+00C4" in done.stderr
    assert "read as 'a'" in done.stderr
    done = sample("--seed-text", "aX", "--unknown", "skip", "--length", 9)
    assert done.stdout == lines(texts(seed_text="a", count=1, length=9)[0])
    assert "(U+0058 LATIN CAPITAL LETTER X): left out" in done.stderr


def test_a_letter_of_an_acrostic_that_the_model_never_saw_is_mentioned():
    done = sample("--acrostic", "Äz")
    assert [line[0] for line in done.stdout.splitlines()] == ["Ä", "z"]
    assert "never saw 'Ä' (U+00C4 LATIN CAPITAL LETTER A WITH DIAERESIS)" in done.stderr
    assert "it reads 'a' for it" in done.stderr
    assert "it reads nothing for it" in done.stderr


# --- backward models ----------------------------------------------------------------------


def test_a_backward_model_prints_in_reading_order():
    model = chargen.load("checkpoints/back")
    done = invoke("sample", "back", "--seed", 1, "--length", 20, "--ending", "cab")
    text = "".join(chargen.generate(model, "cab", seed=1, length=20))
    assert done.stdout == lines(text[::-1] + "cab")
    done = invoke("sample", "back", "--seed-text", "a", code=2)
    assert "by --ending" in " ".join(done.stderr.split())


def test_every_text_contains_the_word():
    given = ["--containing", "bad", "--backward-model", "back", "--count", 5]
    models = chargen.load(TINY), chargen.load("checkpoints/back")
    expected = [s.text for s in generate_around(*models, "bad", seed=1, count=5)]
    assert sample(*given).stdout == "\n".join(map(lines, expected))
    assert all("bad" in text for text in expected)


# --- many ---------------------------------------------------------------------------------


def test_several_temperatures_come_under_headings():
    done = sample("--temperature", "0.2,1.5", "--length", 20, "--count", 2)
    blocks = [
        [f"temperature {t:g}\n", *map(lines, texts(count=2, length=20, temperature=t))]
        for t in (0.2, 1.5)
    ]
    expected = ["".join(b[:2]) + "\n" + b[2] for b in blocks]
    assert done.stdout == "\n".join(expected)


def test_ranked_texts_come_best_first():
    done = sample("--count", 9, "--length", 20, "--rank", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    costs = [each["nats_a_character"] for each in found]
    assert costs == sorted(costs)
    assert sorted(each["number"] for each in found) == [*range(9)]
    plain = sample("--count", 9, "--length", 20, "--rank").stdout
    assert plain == "\n".join(lines(each["text"]) for each in found)


def test_texts_go_to_a_file_and_stdout_stays_empty():
    done = sample("--count", 3, "--length", 20, "--out", "out.txt")
    assert done.stdout == ""
    expected = sample("--count", 3, "--length", 20).stdout
    assert Path("out.txt").read_bytes() == expected.encode()


def test_a_file_stays_as_it_was_where_sampling_fails():
    Path("out.txt").write_text("mine")
    sample("--stop", "X", "--out", "out.txt", code=1)
    assert Path("out.txt").read_text() == "mine"


def test_a_sample_can_be_drawn_again_from_its_record():
    done = sample("--count", 3, "--length", 20, "--top-p", 0.9, "--bias", "a=1", "--json")
    record = json.loads(done.stdout.splitlines()[2])
    again = generate_texts(
        chargen.load(record["checkpoints"][0]["name"]),
        seed_text=record["seed_text"],
        count=record["number"] + 1,
        **{**record["settings"], "stop": tuple(record["settings"]["stop"])},
    )
    *_, last = again
    assert last.text == record["text"]
    assert record["nats"] == pytest.approx(sum(last.nats))
    weights = (TINY / "step-00000001" / "weights.safetensors").read_bytes()
    about = record["checkpoints"][0]
    assert about["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert (record["chain"], record["chargen"]) == (1, chargen.__version__)
    assert done.stdout.isascii()


def test_json_of_a_label_has_it():
    write_item_run(Path("checkpoints/names"), "\tab", label=True)
    done = invoke("sample", "names", "--label", "a", "--json", "--seed", 1)
    assert json.loads(done.stdout)["label"] == "a"


# --- copies -------------------------------------------------------------------------------


def test_nothing_longer_is_copied_and_copies_are_marked():
    text = texts(count=1, length=200)[0]
    Path("corpus.txt").write_text(text[50:150])
    marked = sample("--length", 200, "--corpus", "corpus.txt", "--mark-copies", 40).stdout
    assert marked.rstrip("\n") == f"{text[:50]}[[{text[50:150]}]]{text[150:]}".rstrip("\n")
    guarded = sample("--length", 200, "--corpus", "corpus.txt", "--no-copy", 5).stdout
    assert guarded[:55] == text[:55]
    assert guarded != lines(text)
    assert not any(guarded[i : i + 6] in text[50:150] for i in range(195))
    done = sample(
        *["--length", 60, "--corpus", "corpus.txt", "--mark-copies", 10, "--json"]
    )
    assert json.loads(done.stdout)["copies"] == [[50, 60]]


def test_a_backward_model_is_guarded_too():
    given = ["sample", "back", "--seed", 1, "--length", 100]
    text = invoke(*given).stdout.rstrip("\n")
    Path("corpus.txt").write_text(text)
    guarded = invoke(*given, "--corpus", "corpus.txt", "--no-copy", 4).stdout
    assert not any(guarded[i : i + 5] in text for i in range(96))


def test_a_text_around_a_word_is_guarded_on_both_sides():
    given = ["--containing", "bad", "--backward-model", "back", "--count", 4]
    free = sample(*given).stdout
    Path("corpus.txt").write_text(free.splitlines()[0])
    guarded = sample(*given, "--corpus", "corpus.txt", "--no-copy", 6).stdout.splitlines()
    copied = free.splitlines()[0]
    assert len([line for line in guarded if line]) == 4
    for line in guarded:
        assert not any(line[i : i + 7] in copied for i in range(len(line) - 6))


# --- files and records of the user's ------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")
def test_a_link_stays_a_link_and_a_private_file_private():
    private, link = Path("private.txt"), Path("link.txt")
    private.write_text("old", encoding="utf-8")
    private.chmod(0o600)
    link.symlink_to(private)
    sample("--length", 5, "--out", link)
    assert link.is_symlink()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_text("utf-8") == lines(texts(count=1, length=5)[0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_pipe_is_written_into_and_stays_one():
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    sample("--length", 5, "--out", "pipe")
    assert os.read(reader, 100).decode() == lines(texts(count=1, length=5)[0])
    os.close(reader)
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr("chargen.cli.task.generate", pytest.fail)
    monkeypatch.setattr("chargen.cli.task.generate_texts", pytest.fail)
    for path, said in (("no/x.txt", "there is no folder 'no'"), ("", "it names no file")):
        assert said in sample("--out", path, code=2).output


def test_a_dash_is_stdout():
    assert sample("--length", 5, "--out", "-").stdout == sample("--length", 5).stdout
    assert not Path("-").exists()


def test_a_record_says_what_was_not_to_be_copied_and_of_which_files():
    Path("c.txt").write_text("abcde", encoding="utf-8")
    options = ("--count", 2, "--length", 9, "--json", "--corpus", "c.txt", "--no-copy", 2)
    for line in sample(*options).stdout.splitlines():
        record = json.loads(line)
        digest = hashlib.sha256(b"abcde").hexdigest()
        assert record["no_copy"] == 2
        assert record["corpus"] == [{"name": "c.txt", "sha256": digest}]
        assert "new" not in record and "unique" not in record
    write_item_run(Path("checkpoints/items"))
    items = ("--unique", "--new", "--corpus", "c.txt", "--seed", 1, "--json")
    record = json.loads(invoke("sample", "items", *items).stdout)
    assert record["unique"] and record["new"] and record["corpus"][0]["name"] == "c.txt"


def test_lines_of_seeds_end_at_line_ends_alone():
    Path("seeds.txt").write_bytes("a\u2028b\r\nc\x0cd\n".encode())
    options = ("--seeds-from", "seeds.txt", "--unknown", "skip", "--length", 3, "--json")
    found = [json.loads(line) for line in sample(*options).stdout.splitlines()]
    assert len(found) == 2


def test_more_texts_than_can_be_counted_are_refused():
    write_item_run(Path("checkpoints/items"))
    done = invoke("sample", "items", "--count", 2**63, "--unique", code=2)
    assert "--count" in done.output
    with pytest.raises(ValueError, match="`count` must be 0 or more; got -1"):
        generate_texts(chargen.load(TINY), count=-1, accept=bool)


def test_a_letter_that_the_model_lacks_can_be_forbidden_in_an_acrostic():
    done = sample("--acrostic", "É", "--forbid", "É", "--length", 9, code=2)
    assert "--forbid excludes 'É' of --acrostic" in done.output
