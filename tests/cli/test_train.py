"""Training through the installed command: the whole way, and what may interrupt it."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
from commands import SMALL, posix, run, start, typed, wait_for
from helpers import ROOT

import chargen
from chargen.cli.train import _write_folder, tensorflow_silenced
from chargen.runs.claim import is_only_a_run
from chargen.runs.find import open_checkpoint
from chargen.runs.run import Run
from chargen.system.hardware import cores, has_bfloat16


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    return tmp_path


def training_of(name):
    """How a run was trained, as its newest checkpoint tells it."""
    return open_checkpoint(f"{name}/latest").training


def plan_of(name):
    """How a run was computed."""
    training = training_of(name)
    keys = ("precision", "xla", "shards", "threads", "stock")
    return {key: training[key] for key in keys}


def test_train_then_sample_then_repeat():
    more = ("--test", "0.1", "--tensorboard")
    running = ("--documents", "none")
    done = run("train", "minerals", *running, *SMALL, "--steps", "30", "--seed", "3", *more)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "checkpoints/minerals\n"  # where a script finds it
    lines = done.stderr.splitlines()
    assert lines[0] == "run: checkpoints/minerals"
    assert "run: checkpoints/minerals" not in lines[1:]
    # Nothing of TensorFlow's own.
    assert not re.search(r"oneDNN|cuda|rebuild|absl|E0000|I0000", done.stderr)
    # Progress, a sample at each evaluation, and the report.
    assert re.search(r"100% step 30 epoch .*train \d.*validation \d.*char/s", done.stderr)
    assert len(re.findall(r"\n     \| ", done.stderr)) >= 3
    best = re.search(r"best validation loss: ([\d.]+) nats = ([\d.]+) bits", done.stderr)
    assert float(best[2]) == pytest.approx(float(best[1]) / 0.693147, abs=2e-4)
    assert "like choosing among" in done.stderr
    counting = r"counting strings of up to 8 characters,? (which )?needs ([\d.]+) nats"
    counted = re.search(counting, done.stderr)
    worse = "worse than counting" in done.stderr
    assert worse == (float(counted[2]) < float(best[1]))
    assert re.search(
        r"of 4,000 characters that it writes, [\d.]+% are in the text", done.stderr
    )

    # As many processors as there are, with four of the 16 streams each at least, and
    # what the CPU is fastest at.
    assert plan_of("checkpoints/minerals") == {
        "precision": "bfloat16" if has_bfloat16() else "float32",
        "xla": True,
        "shards": min(cores(), 4),
        "threads": cores(),
        "stock": False,
    }

    log = list(Run(Path("checkpoints/minerals")).log)
    keys = {"kind", "step", "epoch", "seconds", "train", "learning_rate"}
    assert all(keys <= set(line) for line in log)
    evaluations = [line for line in log if line["kind"] == "evaluation"]
    assert [line["step"] for line in evaluations] == [10, 20, 30]
    assert f"{min(line['validation'] for line in evaluations):.4f}" == best[1]

    # The next commands, typed as they are printed.
    sample = shlex.split(lines[lines.index("to sample from it:") + 1])
    sampled = typed(*sample, "--length", "50")
    assert sampled.returncode == 0
    assert len(sampled.stdout) >= 50
    repeat = shlex.split(lines[lines.index("to repeat this run:") + 1])
    again = typed(*repeat, "--quiet")
    assert again.returncode == 0
    assert again.stderr == ""
    assert again.stdout == "checkpoints/minerals-2\n"
    one, other = (
        open_checkpoint(f"checkpoints/{name}/latest") for name in ("minerals", "minerals-2")
    )
    for name, array in one.weights.items():
        assert array.tobytes() == other.weights[name].tobytes()

    # The checkpoint's validation loss is what `evaluate` and `eval` say.
    model = chargen.load("checkpoints/minerals")
    text = (ROOT / "corpora" / "minerals.txt").read_text("utf-8")
    tenth = round(len(text) * 0.1)
    parts = text[: -2 * tenth], text[-2 * tenth : -tenth], text[-tenth:]
    nats = chargen.evaluate(model, parts[1], context=parts[0]).nats
    assert nats == pytest.approx(float(best[1]), abs=1e-4)
    for part, expected in (
        ("validation", nats),
        ("test", chargen.evaluate(model, parts[2], context=parts[1]).nats),
    ):
        scored = json.loads(run("eval", "minerals", "--part", part, "--json").stdout)
        found = scored["texts"][0]["carried"]["nats"]
        assert found == pytest.approx(expected, abs=1e-6)

    # The other commands that look at it.
    listed = {line["name"]: line for line in json.loads(run("runs", "--json").stdout)}
    assert listed["minerals"]["finished"] and listed["minerals"]["steps"] == 30
    assert f"{nats:.4f} at best" in run("plot", "minerals").stdout
    assert list(Path("checkpoints/minerals/tensorboard").glob("events.*"))
    assert not Path("checkpoints/minerals-2/tensorboard").exists()
    assert is_only_a_run(Run(Path("checkpoints/minerals")))  # --overwrite may replace it


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        pytest.param(
            ["--precision", "float32", "--threads", "1"],
            {"precision": "float32", "xla": True, "shards": 1, "stock": False},
            marks=pytest.mark.slow,
        ),
        (
            ["--stock", "--threads", "1", "--optimizer", "adamw"],
            {"precision": "float32", "xla": False, "shards": 1, "stock": True},
        ),
        pytest.param(
            ["--precision", "bfloat16", "--threads", "3", "--device", "cpu"],
            {"precision": "bfloat16", "xla": True, "shards": 3, "stock": False},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["float32", "stock", "bfloat16"],
)
def test_how_steps_are_computed_is_obeyed_and_recorded(options, plan, cache_folder):
    done = run("train", "minerals", *SMALL, "--steps", "2", *options, "--out", "mine")
    assert done.returncode == 0, done.stderr
    threads = int(options[options.index("--threads") + 1])
    assert plan_of("mine") == {**plan, "threads": threads}
    optimizer = "adamw" if "--optimizer" in options else "soap"
    assert training_of("mine")["optimizer"] == optimizer
    if sys.platform == "linux" and not plan["stock"]:  # else no check was due
        outcomes = json.loads((cache_folder / "chargen" / "checks.json").read_text())
        assert any("rnn" in name for found in outcomes.values() for name in found)
    # The command that is printed asks for the same.
    repeat = shlex.split(done.stderr.splitlines()[-1])
    assert ("--stock" in repeat) == plan["stock"]
    assert repeat[repeat.index("--precision") + 1] == plan["precision"]
    assert repeat[repeat.index("--threads") + 1] == str(threads)
    assert repeat[repeat.index("--optimizer") + 1] == optimizer


def test_a_dry_run_prints_a_command_that_asks_for_the_same_and_trains_nothing():
    done = run("train", "harbour-plays", "--epochs", "20", "--dry-run")
    assert done.returncode == 0, done.stderr
    *_, chosen, command = done.stdout.splitlines()
    assert "--units 256" in chosen and "about 20 passes" in chosen
    options = shlex.split(command)
    assert options[options.index("--units") + 1] == "256"
    again = run(*options[options.index("train") :], "--dry-run")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == command
    assert "all settings were given" in again.stdout
    assert list(Path().iterdir()) == []


@pytest.mark.slow
def test_a_resumed_run_keeps_its_shards_on_other_threads():
    settings = ["minerals", *SMALL, "--out", "mine", "--precision", "float32"]
    assert run("train", *settings, "--threads", "3", "--steps", "2").returncode == 0
    before = plan_of("mine")
    done = run(
        "train", "minerals", "--out", "mine", "--resume", "--threads", "1", "--steps", "4"
    )
    assert done.returncode == 0, done.stderr
    assert plan_of("mine") == {**before, "threads": 1}
    assert before["shards"] == before["threads"] == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="may have a GPU")
def test_a_gpu_that_is_not_there_is_said_and_leaves_nothing_behind():
    done = run("train", "minerals", *SMALL, "--steps", "2", "--device", "gpu")
    if done.returncode == 0:
        pytest.skip("there is one")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: --device gpu")
    assert not Path("checkpoints").exists()


@posix
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(getattr(signal, "SIGHUP", None), 143, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_the_printed_command_goes_on(number, code):
    settings = [*SMALL, "--stock", "--steps", "300", "--eval-every", "50"]
    process = start("minerals", *settings)
    log = Path("checkpoints/minerals/log.jsonl")
    wait_for(log.exists, process=process)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "Traceback" not in errors
    step = open_checkpoint("checkpoints/minerals/latest").step
    assert 0 < step < 300
    lines = errors.splitlines()
    command = shlex.split(lines[-1])
    assert command[-5:] == [
        "train",
        "minerals",
        "--resume",
        "--out",
        "checkpoints/minerals",
    ]
    done = typed(*command)
    assert done.returncode == 0, done.stderr
    assert f"going on from step {step:,}" in done.stderr
    assert open_checkpoint("checkpoints/minerals/latest").step == 300
    steps = [line["step"] for line in Run(Path("checkpoints/minerals")).log]
    assert steps == sorted(steps)

    if number == signal.SIGINT:
        return
    done = typed(*command)
    assert done.returncode == 0
    assert "nothing is left to do" in done.stderr


@posix
@pytest.mark.slow
def test_a_signal_before_the_first_step_leaves_nothing_behind():
    process = start("minerals", *SMALL, "--steps", "300")
    wait_for(Path("checkpoints/minerals").exists, process=process)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143, errors
    assert "nothing to save" in errors
    assert not Path("checkpoints/minerals").exists()


@posix
@pytest.mark.slow  # test_run has a crash at every instant of publishing
@pytest.mark.parametrize("kills", [10])
def test_sigkill_at_random_moments_never_leaves_a_run_that_cannot_be_sampled(kills):
    # Files are what this is about: Keras's own layers start sooner.
    settings = [*SMALL, "--stock", "--steps", "100000", "--eval-every", "3", "--quiet"]
    first = start("minerals", *settings, "--out", "mine")
    wait_for(Path("mine/latest").exists, process=first)
    first.kill()
    first.communicate(timeout=60)
    step = open_checkpoint("mine/latest").step
    moments = random.Random(0)
    for _ in range(kills):
        inode = Path("mine/latest").stat().st_ino
        process = start("minerals", "--out", "mine", "--resume", "--quiet")
        while Path("mine/latest").stat().st_ino == inode:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 1))
        process.kill()
        process.communicate(timeout=60)
        for pointer in ("mine", "mine/latest"):
            assert open_checkpoint(pointer).weights
        assert run("sample", "mine", "--length", "5", "--seed", "1").returncode == 0
        assert open_checkpoint("mine/latest").step > step
        step = open_checkpoint("mine/latest").step


def test_overwrite_replaces_a_run_and_twenty_characters_train():
    Path("short.txt").write_text("to be or not to be, ", encoding="utf-8")  # 20 characters
    settings = ["short.txt", *SMALL, "--stock", "--quiet", "--out", "mine"]
    assert run("train", *settings, "--steps", "2").returncode == 0
    refused = run("train", *settings, "--steps", "3")
    assert refused.returncode == 1
    assert "--resume" in refused.stderr and "--overwrite" in refused.stderr
    assert open_checkpoint("mine").step == 2
    assert run("train", *settings, "--steps", "3", "--overwrite").returncode == 0
    assert open_checkpoint("mine").step == 3
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "short.txt"]
    assert run("sample", "mine", "--length", "5", "--seed", "1").returncode == 0


@pytest.mark.slow
def test_validation_from_a_file_in_another_encoding():
    Path("a.txt").write_text(
        "床前明月光，疑是地上霜。\r\n" * 30, encoding="gb18030", newline=""
    )
    Path("b.txt").write_text("明月光疑是霜，", encoding="gb18030")
    wrong = run("train", "a.txt", "--steps", "2")
    assert wrong.returncode == 1
    assert "add --encoding gb18030" in wrong.stderr
    done = run(
        "train",
        "a.txt",
        *SMALL,
        "--steps",
        "5",
        "--encoding",
        "gb18030",
        "--validation",
        "b.txt",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(
        (
            Path("checkpoints/a")
            / Path("checkpoints/a/latest").read_text().strip()
            / "checkpoint.json"
        ).read_text("utf-8")
    )
    assert found["text"]["encoding"] == "gb18030"
    assert "\r" not in found["vocabulary"]
    assert [source["name"] for source in found["corpus"]] == ["a.txt", "b.txt"]


@posix
@pytest.mark.parametrize(
    ("terminal", "written"),
    [(True, rb"a\x1b[2J\udcff"), (False, b"a\x1b[2J\xff")],
    ids=["terminal", "pipe"],
)
def test_the_folder_is_written_for_whoever_reads(terminal, written, monkeypatch):
    """A script gets the bytes of its name, whatever they are, and a person no escapes."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(output, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdout", output)
    _write_folder(Path(os.fsdecode(b"a\x1b[2J\xff")))
    output.flush()
    assert output.buffer.getvalue() == written + b"\n"


def test_tensorflows_messages_are_kept_back_unless_starting_fails(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # restored afterwards
    with tensorflow_silenced(verbose=False):
        os.write(2, b"noise")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), tensorflow_silenced(verbose=False):
        os.write(2, b"the reason")
        raise ImportError
    assert capfd.readouterr().err == "the reason"
    with tensorflow_silenced(verbose=True):
        os.write(2, b"noise")
    assert capfd.readouterr().err == "noise"
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
