"""`chargen sample` of items, `chargen eval --items` and `--lines`."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from commands import CHARGEN
from helpers import write_run
from item_models import item_engine, write_item_run

import chargen
from chargen.cli import cli, report
from chargen.runs.items import write_items
from chargen.sampling.evaluate import evaluate
from chargen.sampling.lines import score_lines
from chargen.sampling.options import Sampling
from chargen.sampling.texts import generate_texts
from chargen.text.documents import item_hash

RUN = Path("checkpoints/names")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    write_run(Path("checkpoints/prose"), 1, characters="\n abcde", scale=3.0)
    return tmp_path


def invoke(*words, code=0):
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done


def drawn(count, *, seed=1, **options):
    """Return the first items of the model in `RUN`."""
    found = generate_texts(chargen.load(RUN), Sampling(seed=seed), **options)
    return [sample.text for sample in itertools.islice(found, count)]


# --- sample -----------------------------------------------------------------------------


@pytest.mark.parametrize("documents", ["lines", "column"])
def test_items_of_a_list_are_written_one_a_line(documents):
    write_item_run(RUN, documents=documents)
    done = invoke("sample", "names", "--count", 20, "--seed", 1)
    assert done.stdout == "".join(f"{item}\n" for item in drawn(20))
    assert done.stderr == ""


@pytest.mark.parametrize("documents", ["blank-lines", "files"])
def test_a_blank_line_stands_between_longer_items(documents):
    write_item_run(RUN, "\nabc", documents=documents, ends=-2)
    done = invoke("sample", "names", "--count", 20, "--seed", 1)
    items = [item if item.endswith("\n") else f"{item}\n" for item in drawn(20)]
    assert any("\n" in item[:-1] for item in items)
    assert done.stdout == "\n".join(items)


def test_one_item_is_written_by_default():
    write_item_run(RUN)
    for seed in range(5):
        done = invoke("sample", "names", "--seed", seed, "--seed-text", "ab")
        assert done.stdout == drawn(1, seed=seed, seed_text="ab")[0] + "\n"
        assert done.stderr == ""


def test_running_texts_have_a_blank_line_between_them():
    done = invoke("sample", "prose", "--count", 3, "--length", 40, "--seed", 1)
    found = generate_texts(chargen.load("prose"), Sampling(seed=1, length=40))
    texts = [sample.text for sample in itertools.islice(found, 3)]
    ended = [text if text.endswith("\n") else f"{text}\n" for text in texts]
    assert done.stdout == "\n".join(ended)
    assert done.stderr == ""


def test_the_seed_that_was_drawn_gives_the_same_items_again():
    write_item_run(RUN)
    done = invoke("sample", "names", "--count", 9)
    seed = done.stderr.split()[1]
    assert invoke("sample", "names", "--count", 9, "--seed", seed).stdout == done.stdout


def test_unique_items_are_all_different():
    write_item_run(RUN, ends=-1)
    words = ["sample", "names", "--count", 25, "--seed", 1]
    plain = invoke(*words).stdout.splitlines()
    unique = invoke(*words, "--unique").stdout.splitlines()
    assert len(set(plain)) < 25
    assert len(set(unique)) == len(unique) == 25
    assert unique[: len(set(plain))] == list(dict.fromkeys(plain))


def test_no_more_than_there_are_is_found_and_said():
    write_item_run(RUN, "a", ends=2)
    done = invoke("sample", "names", "--count", 50, "--seed", 1, "--unique")
    found = done.stdout.split("\n")[:-1]
    assert 0 < len(found) < 50
    assert f"note: found {len(found)} of 50: 100 in a row were repeats;" in done.stderr


@pytest.mark.parametrize("source", ["file", "folder", "two files", "run", "step"])
def test_new_items_are_not_of_the_training_text(source):
    run = write_item_run(RUN, ends=-1)
    known = list(dict.fromkeys(item for item in drawn(40) if item))[:8]
    words, name = [], "names"
    if source == "file":
        Path("known.txt").write_text("\n".join(known), encoding="utf-8")
        words = ["--corpus", "known.txt"]
    elif source == "run":
        write_items(RUN, np.array([*map(item_hash, known)], np.uint64))
    elif source == "step":
        write_items(RUN, np.array([*map(item_hash, known)], np.uint64))
        name = run.step_folder()
    else:
        Path("texts").mkdir()
        for number, item in enumerate(known):
            path = Path(f"texts/{number % 2}.txt")
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{item}\n")
        words = ["--corpus", "texts"]
        if source == "two files":
            words = ["--corpus", "texts/0.txt", "--corpus", "texts/1.txt"]
    done = invoke("sample", name, "--count", 30, "--seed", 1, "--new", *words)
    assert done.stdout.split("\n")[:-1] == [x for x in drawn(500) if x not in known][:30]


def test_new_and_unique_items_are_both():
    write_item_run(RUN, ends=-1)
    Path("known.txt").write_text("a\nb\nc\n", encoding="utf-8")
    words = ["--new", "--unique", "--corpus", "known.txt"]
    done = invoke("sample", "names", "--count", 20, "--seed", 1, *words)
    found = done.stdout.split("\n")[:-1]
    expected = [x for x in dict.fromkeys(drawn(300)) if x not in ("a", "b", "c")]
    assert found == expected[:20]


def test_nothing_new_is_no_failure():
    write_item_run(RUN, "a", ends=1e9)  # every item is empty
    write_items(RUN, np.array([item_hash("")], np.uint64))
    done = invoke("sample", "names", "--count", 5, "--seed", 1, "--new")
    assert done.stdout == ""
    assert "note: found 0 of 5: 100 in a row were in the training text" in done.stderr


def test_a_label_is_asked_for_or_written():
    write_item_run(RUN, "\tab", label=True, ends=-1)
    done = invoke("sample", "names", "--label", "ab", "--count", 9, "--seed", 1)
    assert done.stdout.split("\n")[:-1] == drawn(9, label="ab")
    done = invoke("sample", "names", "--count", 9, "--seed", 1)
    assert done.stdout.split("\n")[:-1] == drawn(9)


def test_the_label_of_an_item_does_not_make_it_new():
    training = {"column": "name"}
    options = {"documents": "column", "label": True, "training": training}
    write_item_run(RUN, "\tab", **options, ends=-1)
    Path("known.csv").write_text("kind,name\nx,a\ny,b\n", encoding="utf-8")
    words = ["--count", 30, "--seed", 1, "--new", "--corpus", "known.csv"]
    found = invoke("sample", "names", *words).stdout.split("\n")[:-1]
    every = drawn(500)
    expected = [x for x in every if x.partition("\t")[2] not in ("a", "b")]
    assert found == expected[:30]
    assert found != every[:30]
    found = invoke("sample", "names", *words, "--label", "b").stdout.split("\n")[:-1]
    expected = [x for x in drawn(500, label="b") if x not in ("a", "b")]
    assert found == expected[:30]


def test_items_that_do_not_end_are_cut_off_and_counted():
    write_item_run(RUN, ends=-1)
    done = invoke("sample", "names", "--count", 30, "--seed", 1, "--length", 3)
    lines = done.stdout.split("\n")[:-1]
    cut = sum(len(line) == 3 for line in lines)
    assert f"note: {cut} of 30 items did not end within 3 characters" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    one = invoke("sample", "names", "--seed", 1, "--length", 1, "--seed-text", "a")
    assert ("1 of 1 items" in one.stderr) is (len(one.stdout) == 3)


def test_what_an_item_brings_along_is_escaped_for_nobody_but_terminals():
    write_item_run(RUN, "\x1ba", ends=-1)
    done = invoke("sample", "names", "--count", 9, "--seed", 1)
    assert "\x1b" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prose", "--unique"], "--unique is for models of items"),
        (["prose", "--new"], "--new is for models of items"),
        (["prose", "--label", "a"], "--label is for models whose items have labels"),
        (["prose", "--unique"], "train one with --documents lines"),
        (["names", "--label", "a"], "--column NAME --label NAME"),
        (["names", "--new"], "give the training text with --corpus FILE, or train with"),
        (["names", "--corpus", "a.txt"], "--new, --no-copy and --mark-copies compare with"),
        (["names", "--count", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_is_refused(words, message):
    write_item_run(RUN)
    done = invoke("sample", *words, code=2)
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_corpus_without_items_is_an_error():
    write_item_run(RUN)
    Path("blank.txt").write_text("\n \n", encoding="utf-8")
    done = invoke("sample", "names", "--new", "--corpus", "blank.txt", code=1)
    assert "there are no items in blank.txt" in done.stderr


def test_a_table_needs_a_checkpoint_that_names_its_column():
    write_item_run(RUN, documents="column")
    Path("known.csv").write_text("name\na\n", encoding="utf-8")
    done = invoke("sample", "names", "--new", "--corpus", "known.csv", code=1)
    assert "the checkpoint is damaged" in done.stderr


def test_a_closed_pipe_ends_quietly():
    write_item_run(RUN)
    for words in (["sample", "names", "--count", "1000000"], ["eval", "names", "a.txt"]):
        Path("a.txt").write_text("abc\n" * 100_000, encoding="utf-8")
        more = ["--lines"] if words[0] == "eval" else ["--seed", "1"]
        process = subprocess.Popen(
            [*CHARGEN, *words, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert len(process.stdout.read(100)) == 100
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0
        process.stderr.close()


# --- eval --items -----------------------------------------------------------------------


def card(*words):
    done = invoke("eval", "names", "--items", "--json", *words)
    return json.loads(done.stdout)


def test_a_report_card_of_items():
    write_item_run(RUN, ends=-1)
    Path("known.txt").write_text("a\nb\nccc\n", encoding="utf-8")
    found = card("--count", 60, "--corpus", "known.txt", "--seed", 3)
    items = drawn(60, seed=3)
    assert (found["seed"], found["temperature"], found["check"]) == (3, 0.8, None)
    report = found["items"]
    assert report["count"] == 60
    assert report["unique"] == len(set(items)) / 60
    assert report["new"] == sum(x not in ("a", "b", "ccc") for x in items) / 60
    assert report["plausible"] == sum(1 <= len(x) <= 3 for x in items) / 60
    assert report["ended"] == 1
    assert report["accepted"] is None


def test_a_report_card_in_words():
    write_item_run(RUN, ends=-1)
    shown = invoke("eval", "names", "--items", "--count", 50).stdout
    assert "50 items at --temperature 0.8, --seed 0" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["new", "not", "measured"] in [row[:3] for row in rows]
    assert "give the training text with --corpus FILE" in shown
    assert ["accepted", "not", "measured"] in [row[:3] for row in rows]
    unique = len(set(drawn(50, seed=0))) / 50
    assert ["unique", f"{unique:.1%}"] in [row[:2] for row in rows]
    Path("known.txt").write_text("a\nb\n", encoding="utf-8")
    shown = invoke("eval", "names", "--items", "--corpus", "known.txt").stdout
    assert "1,000 items" in shown
    assert "copied: a\n" in shown
    assert "1 to 1 characters, as 98 of 100 training items have" in shown


def test_a_command_says_which_items_are_right(tmp_path):
    write_item_run(RUN, ends=-1)
    script = tmp_path / "my check.py"
    script.write_text(
        "import sys\n"
        "open('asked', 'a').write(sys.stdin.buffer.read().decode())\n"
        "print('noise'); print('noise', file=sys.stderr)\n"
        "sys.exit('aa' in open('asked').read().splitlines()[-1])\n"
    )
    command = shlex.join([sys.executable, str(script)])
    found = card("--count", 12, "--check", command)
    items = drawn(12, seed=0)
    assert found["items"]["accepted"] == sum("aa" not in x for x in items) / 12
    asked = Path("asked").read_text().split("\n")[:-1]
    assert asked == list(dict.fromkeys(items))  # once each, with a newline


def test_a_command_that_takes_too_long_accepts_nothing(monkeypatch):
    monkeypatch.setattr(report, "CHECK_SECONDS", 0.01)
    write_item_run(RUN)
    command = shlex.join([sys.executable, "-c", "import time; time.sleep(60)"])
    found = card("--count", 2, "--check", command)["items"]
    assert found["accepted"] == 0
    assert found["rejected"] == list(dict.fromkeys(drawn(2, seed=0)))


def test_no_shell_reads_the_command():
    write_item_run(RUN)
    command = shlex.join([sys.executable, "-c", "import sys; sys.exit(len(sys.argv) - 4)"])
    assert card("--count", 1, "--check", f"{command} ; > x")["items"]["accepted"] == 1
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prose", "--items"], "--items is for models of items"),
        (["names", "--items", "--check", "no-such-command -x"], "'no-such-command'"),
        (["names", "--items", "--check", ""], "there is no command ''"),
        (["names", "--items", "--check", "a 'b"], "No closing quotation"),
        (["names", "--items", "--lines", "a.txt"], "ask for one"),
        (["names", "--items", "a.txt"], "--items scores no text"),
        (["names", "--items", "--part", "test"], "--items scores no text"),
        (["names", "--items", "--temperature", "nan"], "--temperature must be"),
        (["names", "--count", "5"], "--count is for --items"),
        (["names", "--corpus", "a.txt"], "--corpus is for --items"),
        (["names", "--check", "true"], "--check is for --items"),
        (["names", "--seed", "5", "--lines", "a.txt"], "--seed is for --items"),
        (["names", "--sort"], "--sort is for --lines"),
        (["names", "--lines"], "--lines scores one FILE"),
        (["names", "--lines", "a.txt", "a.txt"], "--lines scores one FILE"),
        (["names", "--lines", "a.txt", "--part", "test"], "--lines scores one FILE"),
    ],
)
def test_reports_that_cannot_be(words, message):
    write_item_run(RUN)
    Path("a.txt").write_text("a\n", encoding="utf-8")
    done = invoke("eval", *words, code=2)
    assert message in " ".join(done.stderr.split())


# --- eval --lines -----------------------------------------------------------------------

LINES = ["ab", "", "cab", "a\tb", "bb"]


def rows(*words):
    done = invoke("eval", *words, "--lines")
    found = [line.split("\t", 3) for line in done.stdout.split("\n")[:-1]]
    return [(float(a), float(b), int(n), text) for a, b, n, text in found], done


def test_lines_and_what_they_cost():
    write_item_run(RUN)
    Path("a.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    found, done = rows("names", "a.txt")
    expected = list(score_lines(item_engine(), LINES))
    assert [(n, text) for _, _, n, text in found] == list(enumerate(LINES, 1))
    assert [row[0] for row in found] == pytest.approx([s.nats for s in expected], abs=1e-4)
    each = [score.nats_each for score in expected]
    assert [row[1] for row in found] == pytest.approx(each, abs=1e-4)
    assert "1 characters that the model never saw were taken for rare ones" in done.stderr


def test_the_costliest_lines_come_first_where_that_is_asked_for():
    write_item_run(RUN)
    Path("a.txt").write_text("\n".join(LINES * 2), encoding="utf-8")
    found, _ = rows("names", "a.txt", "--sort")
    plain, _ = rows("names", "a.txt")
    assert [row[1] for row in found] == sorted((row[1] for row in found), reverse=True)
    assert sorted(found, key=lambda row: row[2]) == plain
    assert found != plain


def test_the_lines_of_a_running_text_add_up():
    text = "ab c\n\nde\nb a\n"
    Path("a.txt").write_text(text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    found, done = rows("prose", "a.txt")
    whole = evaluate(chargen.load("prose"), text, context="\n")
    total = whole.nats * whole.characters
    assert sum(row[0] for row in found) == pytest.approx(total, abs=1e-3)
    assert done.stderr == ""


def test_lines_as_json():
    write_item_run(RUN)
    Path("a.txt").write_text("aéb\nc", encoding="utf-8")
    done = invoke("eval", "names", "a.txt", "--lines", "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    (expected, _) = score_lines(item_engine(), ["aéb", "c"])
    assert first == {
        "line": 1,
        "nats": expected.nats,
        "nats_a_character": expected.nats_each,
        "scored": 4,
        "unknown": 1,
        "text": "aéb",
    }
    assert second["text"] == "c"


def test_characters_that_are_left_out_are_counted():
    Path("a.txt").write_text("aXb\nYY\n", encoding="utf-8")
    found, done = rows("prose", "a.txt")
    assert [row[3] for row in found] == ["aXb", "YY"]
    assert "note: 3 characters that the model never saw were left out" in done.stderr


def test_an_empty_text_has_no_lines():
    Path("a.txt").touch()
    assert invoke("eval", "prose", "a.txt", "--lines").stdout == ""


def test_lines_in_another_encoding():
    write_item_run(RUN)
    Path("a.txt").write_bytes("cab\n".encode("utf-16"))
    assert rows("names", "a.txt", "--encoding", "utf-16")[0][0][3] == "cab"


def test_eval_says_what_became_of_unknown_characters():
    write_item_run(RUN)
    Path("a.txt").write_text("aXb" * 30, encoding="utf-8")
    assert " never seen by the model and taken for rare ones" in (
        invoke("eval", "names", "a.txt").stdout
    )
