"""What a damaged disk, a full one, a second process or a removed folder does to a run."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from commands import CHARGEN, SMALL, posix, run, start, typed, wait_for
from helpers import HERE, ROOT, write_run
from test_hostile import TEXT, describe
from test_run import names, publish, steps, temporaries

import chargen
import chargen.system.files
from chargen.cli import cli
from chargen.errors import CheckpointError, DamagedError, TrainingError
from chargen.runs.checkpoint import RESUME, WEIGHTS
from chargen.runs.find import open_checkpoint
from chargen.runs.items import ITEMS, read_items, write_items
from chargen.runs.lock import locked
from chargen.runs.repair import go_back, repair
from chargen.runs.run import Run
from chargen.training.prepare import claim
from chargen.training.read import read
from chargen.training.request import Request
from chargen.training.resolve import resolve

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with the corpus `text.txt`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("text.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def damage(step, name=WEIGHTS):
    """Turn one bit over, as a disk might."""
    data = bytearray((step / name).read_bytes())
    data[-1] ^= 1
    (step / name).write_bytes(data)


def described(*published, best=2):
    """A run with these checkpoints that can be resumed."""
    made = write_run(Path("mine"))
    for step in published:
        publish(made, step, best=step == best)
    describe(made.folder)
    return made


def invoked(*arguments):
    return CliRunner().invoke(cli, arguments)


# --- going back -------------------------------------------------------------------------


def test_the_newest_sound_step():
    made = described(1, 2, 3, 4)
    assert made.newest_sound() == Path("mine/step-00000004")
    damage(Path("mine/step-00000004"))
    (Path("mine/step-00000003") / WEIGHTS).unlink()
    assert made.newest_sound() == Path("mine/step-00000002")
    damage(Path("mine/step-00000002"), RESUME)
    assert made.newest_sound() == Path("mine/step-00000002")
    assert made.newest_sound(resume=True) is None


@pytest.mark.parametrize("damaged", [True, False])
@pytest.mark.parametrize(("best", "after"), [(2, 2), (4, 3)], ids=["older", "newer"])
def test_going_back_moves_the_pointers_and_removes_what_is_newer(best, after, damaged):
    made = described(2, 3, 4, best=best)
    if damaged:
        damage(Path("mine/step-00000004"))
    go_back(made, Path("mine/step-00000003"))
    assert made.read("latest").step == 3
    assert made.read("best").step == after
    assert steps(made) == ["step-00000002", "step-00000003"]
    assert temporaries(made.folder) == []


def test_going_back_replaces_a_damaged_best():
    made = described(2, 3)
    damage(Path("mine/step-00000002"))
    go_back(made, Path("mine/step-00000003"))
    assert made.read("best").step == 3


def test_going_back_to_a_damaged_step_changes_nothing():
    made = described(2, 3, 4)
    damage(Path("mine/step-00000003"), RESUME)
    before = {p: p.read_bytes() for p in Path("mine").rglob("*") if p.is_file()}
    with pytest.raises(CheckpointError, match="SHA-256"):
        go_back(made, Path("mine/step-00000003"))
    assert {p: p.read_bytes() for p in Path("mine").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("command", ["sample", "info"])
def test_a_damaged_best_is_said_and_the_printed_command_uses_the_newest_sound_step(command):
    described(1, 2, 3)
    damage(Path("mine/step-00000002"))
    found = invoked(command, "mine")
    assert found.exit_code == 1
    assert "step-00000002" in found.output and "SHA-256" in found.output
    *_, before, line = found.output.splitlines()
    assert before.endswith("The newest sound checkpoint is mine/step-00000003. To use it:")
    words = shlex.split(line)
    assert words[-2:] == [command, "mine/step-00000003"]
    assert invoked(*words[-2:]).exit_code == 0
    with pytest.raises(DamagedError) as caught:
        chargen.load("mine")
    assert caught.value.sound == Path("mine/step-00000003")


def test_where_nothing_is_sound_no_command_is_named():
    described(1)
    damage(Path("mine/step-00000001"))
    found = invoked("sample", "mine")
    assert found.exit_code == 1
    assert "no sound checkpoint" in found.output
    assert "To use it" not in found.output


def test_a_damaged_latest_is_said_and_the_printed_command_goes_back():
    made = described(1, 2, 3, 4)
    damage(Path("mine/step-00000004"), RESUME)
    arguments = ["train", "text.txt", "--resume", "--out", "mine", "--dry-run"]
    found = invoked(*arguments)
    assert found.exit_code == 1
    assert steps(made) == [f"step-0000000{i}" for i in (2, 3, 4)]
    words = shlex.split(found.output.splitlines()[-1])
    words = words[words.index("train") :]
    sound = ["--out", "mine/step-00000003"]  # and all else that was typed
    assert words == ["train", "text.txt", "--resume", "--dry-run", *sound]
    found = invoked(*words)
    assert "going on from step 3 of mine" in found.output
    assert made.step_folder("latest").name == "step-00000004"  # a dry run changes nothing

    with chargen.prepare("text.txt", resume=True, out="mine/step-00000003") as job:
        assert job.run.folder == Path("mine")
        assert job.checkpoint.step == 3
        assert "step-00000004 will be removed" in job.notes
        # Not before nothing can be refused any more: this one does not fit the model.
        assert steps(made) == [f"step-0000000{i}" for i in (2, 3, 4)]
        with pytest.raises(TrainingError, match="does not fit"):
            job.train()
    assert steps(made) == [f"step-0000000{i}" for i in (2, 3, 4)]
    assert made.step_folder("latest").name == "step-00000004"


@pytest.mark.parametrize("written", [["--init-from", "mine"], ["--init-from=mine"]])
def test_the_printed_command_starts_from_the_newest_sound_step(written):
    described(1, 2, 3)
    damage(Path("mine/step-00000002"))
    typed_words = ["train", "text.txt", *written, "--steps", "7", "--dry-run"]
    found = invoked(*typed_words)
    assert found.exit_code == 1
    words = shlex.split(found.output.splitlines()[-1])
    words = words[words.index("train") :]
    sound = ["--init-from", "mine/step-00000003"]
    assert words == ["train", "text.txt", "--steps", "7", "--dry-run", *sound]
    assert "--steps 7" in invoked(*words).output


def test_going_back_by_the_command_trains_on_from_there():
    options = [
        "text.txt",
        *SMALL,
        "--stock",
        "--eval-every",
        "5",
        "--quiet",
        "--out",
        "mine",
    ]
    assert invoked("train", *options, "--steps", "15").exit_code == 0
    damage(Path("mine/step-00000015"))
    found = invoked("train", "text.txt", "--resume", "--out", "mine/step-00000010")
    assert found.exit_code == 0, found.output
    assert "going on from step 10" in found.output
    assert open_checkpoint("mine/latest").step == 15
    assert invoked("verify", "mine").exit_code == 0


def test_a_run_that_patience_ended_says_so_and_how_to_go_on():
    forgetful = ["--learning-rate", "3", "--clip-norm", "0", "--eval-every", "2"]
    options = [*SMALL, "--stock", *forgetful, "--patience", "2", "--steps", "400"]
    found = invoked("train", "text.txt", *options, "--out", "mine")
    assert found.exit_code == 0
    assert "stopped by --patience: 2 evaluations were no better" in found.output
    step = open_checkpoint("mine/latest").step
    assert step < 400
    found = invoked("train", "text.txt", "--resume", "--out", "mine")
    assert found.exit_code == 0
    assert "nothing is left to do: --patience 2 has ended the run" in found.output
    words = shlex.split(found.stderr.splitlines()[-1])
    assert words[-2:] == ["--patience", "4"]
    assert invoked(*words[words.index("train") :]).exit_code == 0
    assert open_checkpoint("mine/latest").step > step


@posix
def test_what_a_training_prints_does_not_steer_the_terminal():
    shutil.copy("text.txt", "te\x1b[2Jxt.txt")
    found = invoked("train", "te\x1b[2Jxt.txt", *SMALL, "--stock", "--steps", "2")
    assert found.exit_code == 0
    assert "\\x1b[2J" in found.stderr and "\x1b" not in found.stderr
    assert found.stdout == "checkpoints/te\x1b[2Jxt\n"  # for a script, byte by byte


@pytest.mark.parametrize("lost", [("latest",), ("best", "latest"), ("best",)])
def test_a_missing_pointer_removes_nothing_and_is_mended_by_the_printed_command(lost):
    made = described(1, 2, 3)
    for pointer in lost:
        (made.folder / pointer).unlink()
    before = steps(made)
    if "best" in lost:
        found = invoked("sample", "mine", "--length", "1")
        assert found.exit_code == 1
        assert "best is missing" in found.output and "mine/step-00000003" in found.output
    found = invoked("train", "text.txt", "--resume", "--out", "mine")
    assert found.exit_code == 1
    missing = "latest" if "latest" in lost else "best"
    assert f"{missing} is missing" in found.output
    assert found.output.rstrip().endswith("--out mine/step-00000003")
    assert steps(made) == before
    go_back(made, Path("mine/step-00000003"))
    assert (made.read("best").step, made.read("latest").step) == (
        3 if "best" in lost else 2,
        3,
    )


@pytest.mark.parametrize("name", ["backup", "linked"])
def test_only_a_step_of_a_run_can_be_gone_back_to(name):
    made = described(1, 2)
    if name == "linked":
        (made.folder / name).symlink_to("step-00000002")
    else:
        shutil.copytree(made.folder / "step-00000002", made.folder / name)
    with pytest.raises(CheckpointError, match="not a step directory of a run"):
        go_back(made, made.folder / name)


def test_a_step_under_another_name_is_damaged():
    made = described(1, 2)
    os.rename("mine/step-00000002", "mine/step-00000007")
    (made.folder / "latest").write_text("step-00000007\n")
    with pytest.raises(DamagedError, match="it holds step 2") as caught:
        made.read("latest")
    assert caught.value.sound == Path("mine/step-00000001")
    found = invoked("verify", "mine")
    assert found.exit_code == 1
    assert "step-00000007: damaged: " in found.output


# --- verify -----------------------------------------------------------------------------


def test_verify_reads_everything_and_finds_nothing_wrong():
    described(1, 2, 3)
    before = {p: p.read_bytes() for p in Path("mine").rglob("*") if p.is_file()}
    found = invoked("verify", "mine", "mine/step-00000003", "harbour-plays")
    assert found.exit_code == 0
    assert found.output.splitlines()[:9] == [
        "mine:",
        "  run.json: sound",
        "  log.jsonl: sound",
        "  step-00000001: sound",
        "  step-00000002: sound",
        "  step-00000003: sound",
        "  best: sound, names step-00000002",
        "  latest: sound, names step-00000003",
        "  the newest sound checkpoint is step-00000003",
    ]
    assert found.output.splitlines()[9] == "mine/step-00000003: sound"
    assert "sound, for sampling only" in found.output  # those that ship
    assert {p: p.read_bytes() for p in Path("mine").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: damage(f / "step-00000003"), "step-00000003: damaged: "),
        (lambda f: damage(f / "step-00000001", RESUME), "step-00000001: damaged: "),
        (lambda f: shutil.rmtree(f / "step-00000002"), "best: damaged: it names step-0"),
        (lambda f: (f / "latest").unlink(), "latest: damaged: "),
        (lambda f: (f / "latest").write_text("x"), "latest: damaged: "),
        (lambda f: (f / "run.json").write_text("x"), "run.json: damaged: "),
        (lambda f: (f / "run.json").unlink(), "run.json: damaged: it is missing"),
        (lambda f: (f / "step-00000003" / RESUME).unlink(), "step-00000003: damaged: "),
    ],
)
def test_verify_says_what_is_damaged(spoil, said):
    described(1, 2, 3)
    spoil(Path("mine"))
    found = invoked("verify", "mine")
    assert found.exit_code == 1
    assert said in found.output
    assert "the newest sound checkpoint is step-0000000" in found.output
    sound = re.search(r"chargen sample (mine/step-\d+)", found.output)
    assert invoked("sample", sound[1], "--length", "1").exit_code == 0
    assert f"--resume --out {sound[1]}" in found.output


def test_verify_reads_the_hashes_of_items_if_there_are_any():
    described(1)
    assert ITEMS not in invoked("verify", "mine").output
    write_items(Path("mine"), np.arange(1234, dtype=np.uint64))
    found = invoked("verify", "mine")
    assert found.exit_code == 0
    assert "  items.u64: sound, 1,234 items\n" in found.output
    damage(Path("mine"), ITEMS)
    assert invoked("verify", "mine").exit_code == 0  # one number is as good as another
    (Path("mine") / ITEMS).write_bytes(bytes(9))
    found = invoked("verify", "mine")
    assert found.exit_code == 1
    assert "  items.u64: damaged: mine/items.u64 is damaged: its size" in found.output
    assert "the newest sound checkpoint is step-00000001" in found.output
    (report,) = json.loads(invoked("verify", "mine", "--json").stdout)
    assert [c["what"] for c in report["checks"] if not c["sound"]] == [ITEMS]


def test_verify_reads_the_hashes_of_a_run_without_a_checkpoint():
    write_run(Path("new"))
    (Path("new") / ITEMS).write_bytes(bytes(9))
    found = invoked("verify", "new")
    assert found.exit_code == 1
    assert "items.u64: damaged" in found.output and "no checkpoint yet" in found.output


def test_repair_and_rotation_leave_the_hashes_of_items_alone():
    made = described(1, 2, 3)
    write_items(made.folder, np.array([5, 6], np.uint64))
    leftover = made.folder / f".tmp-{ITEMS}-77"
    leftover.write_bytes(bytes(8))
    repair(made)
    assert not leftover.exists()
    publish(made, 4, best=True, keep=1)
    go_back(made, made.folder / "step-00000004")
    assert [step.name for step in made.steps()] == ["step-00000004"]
    assert read_items(made.folder).tolist() == [5, 6]


def test_verify_counts_the_lines_of_the_log_that_cannot_be_read():
    made = described(1)
    log = made.folder / "log.jsonl"
    log.write_bytes(b'{"kind": "train", "st\n\n{"kind": "evaluation"}\nx\n')
    found = invoked("verify", "mine")
    assert found.exit_code == 0  # a crash may leave one
    assert "log.jsonl: sound, but for 3 lines that cannot be read" in found.output


def test_verify_of_a_folder_of_runs_says_how():
    described(1)
    assert "it holds runs: ./*/" in invoked("verify", ".").output


def test_verify_for_scripts():
    described(1, 2, 3)
    damage(Path("mine/step-00000003"))
    found = invoked("verify", "mine", "mine/step-00000001", "--json")
    assert found.exit_code == 1
    run, step = json.loads(found.stdout)
    assert run["folder"] == "mine" and run["sound"] is False
    assert run["newest_sound"] == "step-00000002"
    steps = [f"step-0000000{step}" for step in (1, 2, 3)]
    names = ["run.json", "log.jsonl", *steps, "best", "latest"]
    assert [check["what"] for check in run["checks"]] == names
    damaged = [check for check in run["checks"] if not check["sound"]]
    assert [check["what"] for check in damaged] == ["step-00000003"]
    assert "weights.safetensors" in damaged[0]["note"]
    assert step == {
        "folder": "mine/step-00000001",
        "sound": True,
        "newest_sound": "step-00000001",
        "checks": [{"what": "mine/step-00000001", "sound": True, "note": ""}],
    }


def test_verify_of_a_run_that_has_come_to_no_checkpoint_is_no_damage():
    Path("new").mkdir()
    Run(Path("new")).write_description({"settings": {}})
    found = CliRunner().invoke(cli, ["verify", "new"])
    assert found.exit_code == 0
    assert "no checkpoint yet" in found.output and "damaged" not in found.output


def test_verify_of_what_is_no_run():
    Path("empty").mkdir()
    for name in ("empty", "text.txt", "nowhere"):
        found = invoked("verify", name)
        assert found.exit_code == 1
        assert "Error: " in found.output


# --- the lock ---------------------------------------------------------------------------


def test_one_process_at_a_time_trains_a_run():
    made = described(1)
    with locked(made.folder) as note:
        assert note is None
        with pytest.raises(CheckpointError, match="another process is training mine"):
            locked(made.folder).__enter__()
        refused = run("train", "text.txt", "--resume", "--out", "mine")
        assert refused.returncode == 1
        assert "another process is training mine" in refused.stderr
        replaced = run("train", "text.txt", "--overwrite", "--out", "mine", "--steps", "1")
        assert replaced.returncode == 1
        assert "another process is training mine" in replaced.stderr
        assert run("sample", "mine", "--length", "2").returncode == 0  # reading is free
        publish(Run(Path("mine")), 2, best=False)
        (made.folder / "latest").write_text("step-00000001\n")
        refused = invoked("train", "text.txt", "--resume", "--out", "mine")
        assert "another process is training mine" in refused.output
        assert steps(made) == ["step-00000001", "step-00000002"]  # nothing was repaired
    with locked(made.folder) as note:
        assert note is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_lock_that_cannot_be_had_is_no_file_system_without_locks(number, monkeypatch):
    import filelock

    def acquire(*arguments, **named):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with pytest.raises(CheckpointError, match=r"cannot lock mine/\.lock"):
        locked(described(1).folder).__enter__()


HOLD = """
import time
from pathlib import Path
from chargen.runs.lock import locked
with locked(Path("mine")):
    print("held", flush=True)
    time.sleep(600)
"""


@posix
def test_the_lock_of_a_killed_process_is_free_again():
    described(1)
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(CheckpointError, match="another process"):
        locked(Path("mine")).__enter__()
    holder.kill()
    holder.communicate()
    with locked(Path("mine")) as note:
        assert note is None


@pytest.mark.parametrize(
    "error",
    [NotImplementedError(), OSError(errno.ENOTSUP, "no"), OSError(errno.ENOLCK, "no")],
    ids=repr,
)
def test_a_file_system_without_locks_is_said(monkeypatch, error):
    import filelock

    def acquire(*arguments, **named):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with locked(described(1).folder) as note:
        assert "has no locks" in note


def test_a_run_that_went_on_since_it_was_prepared_is_not_trained():
    made = described(1)
    resolved = resolve(read(Request("text.txt", resume=True, out=Path("mine"))))
    publish(made, 2)
    with pytest.raises(CheckpointError, match="has been trained on since"):
        claim(resolved).__enter__()
    assert made.read("latest").step == 2
    with locked(made.folder) as note:  # and the lock was given back
        assert note is None


# --- a disk that refuses ----------------------------------------------------------------

FULL = """
import resource, signal, sys
from pathlib import Path
from test_run import publish
from chargen.runs.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
publish(Run(Path("mine")), 5, best=True)
"""


def published_with(limit):
    """Publish step 5 where no file may have more bytes than the limit; return stderr."""
    path = os.pathsep.join(map(str, (ROOT, HERE, Path(__file__).parent)))
    return subprocess.run(
        [sys.executable, "-c", FULL, str(limit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    ).stderr


@posix
def test_a_disk_that_is_full_at_any_file_leaves_the_run_as_it_was():
    """A limit on the size of files stands for the disk: each of a step's files fails."""
    made = described(1, 2, 3)
    step = Path("mine/step-00000003")
    sizes = sorted((step / name).stat().st_size for name in names(step))
    before = {p: p.read_bytes() for p in Path("mine").rglob("*") if p.is_file()}
    for limit in [0, *(size - 1 for size in sizes)]:
        errors = published_with(limit)
        assert "CheckpointError: cannot write a checkpoint to mine" in errors
        assert "those published before can be read" in errors
        found = {p: p.read_bytes() for p in Path("mine").rglob("*") if p.is_file()}
        assert found == before, limit
    assert published_with(sizes[-1] + 1000) == ""
    assert made.read("latest").step == made.read("best").step == 5
    assert temporaries(made.folder) == []


@posix
def test_a_disk_that_is_full_at_a_pointer_leaves_the_run_as_it_was(monkeypatch):
    made = described(1, 2, 3)

    def full(path, data, write=chargen.system.files.write_file):
        if "latest" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(chargen.system.files, "write_file", full)
        with pytest.raises(CheckpointError, match="No space left"):
            publish(made, 5)
    assert (made.read("best").step, made.read("latest").step) == (2, 3)
    repair(made)
    assert steps(made) == [f"step-0000000{i}" for i in (1, 2, 3)]
    publish(made, 5)
    assert made.read("latest").step == 5


@slow
@posix
def test_a_training_on_a_full_disk_ends_with_a_message_and_goes_on_later():
    options = ["text.txt", *SMALL, "--stock", "--eval-every", "5", "--out", "mine"]
    assert run("train", *options, "--steps", "10").returncode == 0
    command = shlex.join([*CHARGEN, "train", "text.txt", "--resume"])
    limited = f"ulimit -f 2; exec {command} --out mine --steps 40"  # KiB or half of that
    done = typed("bash", "-c", limited)
    assert done.returncode == 1
    assert "cannot write" in done.stderr and "Traceback" not in done.stderr
    assert open_checkpoint("mine/latest").step == 10
    assert run("verify", "mine").returncode == 0
    assert (
        run("train", "text.txt", "--resume", "--out", "mine", "--steps", "40").returncode
        == 0
    )
    assert open_checkpoint("mine/latest").step == 40


@posix
def test_a_folder_that_may_not_be_written_is_said():
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    made = described(1)
    Path("mine").chmod(0o500)
    try:
        with pytest.raises(CheckpointError, match="cannot"):
            publish(made, 2)
        assert made.read("latest").step == 1
    finally:
        Path("mine").chmod(0o700)
    publish(made, 2)


@slow
@posix
def test_a_folder_that_is_removed_while_training_is_said():
    process = start(
        "text.txt",
        *SMALL,
        "--stock",
        "--steps",
        "100000",
        "--eval-every",
        "3",
        "--out",
        "mine",
    )
    wait_for(Path("mine/latest").exists, process=process)
    shutil.rmtree("mine", ignore_errors=True)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "cannot" in errors
    done = run("train", "text.txt", *SMALL, "--stock", "--steps", "3", "--out", "mine")
    assert done.returncode == 0, done.stderr


# --- interrupted equals uninterrupted ---------------------------------------------------


def log_without_clock(name):
    clock = ("seconds", "characters_per_second")
    return [
        {key: value for key, value in line.items() if key not in clock}
        for line in Run(Path(name)).log
    ]


def weights_bytes(name, pointer="latest"):
    run_folder = Path(name)
    step = (run_folder / pointer).read_text("ascii").strip()
    return (run_folder / step / WEIGHTS).read_bytes()


def interrupt(name, number, *arguments):
    """Start or resume a run, and send it a signal once it has published something new."""
    latest = Path(name, "latest")
    inode = latest.stat().st_ino if latest.exists() else None
    process = start(*arguments, "--out", name, "--quiet")
    wait_for(lambda: latest.exists() and latest.stat().st_ino != inode, process=process)
    time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0, "it ended before the signal came"


EXACT = [
    # cell, precision, windows, length, the two signals
    ("rnn", "bfloat16", "streams", "--steps 400", "KILL TERM"),
    ("lstm", "bfloat16", "streams", "--steps 400", "TERM KILL"),
    ("lstm", "float32", "shuffled", "--steps 400", "TERM KILL"),
    ("gru", "float32", "streams", "--epochs 20", "KILL KILL"),
    ("gru", "bfloat16", "shuffled", "--steps 400", "INT KILL"),
    ("rnn", "float32", "streams", "--epochs 20", "INT INT"),
    ("rnn", "bfloat16", "shuffled", "--steps 400", "TERM TERM"),
]


@posix
@pytest.mark.parametrize(
    ("cell", "precision", "windows", "length", "signals"),
    [pytest.param(*case, marks=slow) for case in EXACT],  # test_trainer has a fast one
)
def test_killed_twice_is_to_the_byte_what_was_never_killed(
    cell, precision, windows, length, signals
):
    options = shlex.split(
        f"text.txt --cell {cell} --units 16 --layers 1 --dropout 0.2 --batch-size 4 "
        f"--seq-length 24 --windows {windows} --precision {precision} {length} "
        "--eval-every 20"
    )
    straight = run("train", *options, "--out", "straight", "--quiet")
    assert straight.returncode == 0, straight.stderr
    first, second = (getattr(signal, f"SIG{name}") for name in signals.split())
    interrupt("killed", first, *options)
    interrupt("killed", second, "text.txt", "--resume")
    done = run("train", "text.txt", "--resume", "--out", "killed", "--quiet")
    assert done.returncode == 0, done.stderr
    for pointer in ("best", "latest"):
        assert weights_bytes("straight", pointer) == weights_bytes("killed", pointer)
    assert log_without_clock("straight") == log_without_clock("killed")
    assert len(log_without_clock("straight")) > 100
