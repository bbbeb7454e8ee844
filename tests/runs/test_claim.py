"""Taking the folder of a run: what is left behind, and that no run is ever lost."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import SMALL, posix, run, start, wait_for
from helpers import HERE, ROOT, tiny_checkpoint, write_run

from chargen.errors import CheckpointError, SettingsError
from chargen.runs import find
from chargen.runs.claim import (
    bring_back,
    claim_new,
    claim_old,
    is_nothing,
    is_only_a_run,
)
from chargen.runs.find import open_checkpoint
from chargen.runs.items import ITEMS, has_items, read_items, write_items
from chargen.runs.lock import locked
from chargen.runs.run import Run

MINE = Path("mine")

ENDS = [None, RuntimeError, CheckpointError, KeyboardInterrupt, SystemExit]
"""How a training may end; None: without an exception."""

each_end = pytest.mark.parametrize(
    "end", ENDS, ids=lambda end: getattr(end, "__name__", "-")
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    return tmp_path


def begin(made: Run) -> None:
    """Write what a training writes before its first checkpoint, and half of that."""
    made.write_description({"format": 1, "settings": {}})
    made.log.append({"kind": "train"})
    (made.folder / ".tmp-step-77").mkdir()
    (made.folder / ".tmp-step-77" / "weights.safetensors").write_bytes(b"half")


def publish(made: Run, step: int) -> None:
    made.publish(tiny_checkpoint(step=step), best=True, keep=3)


def contents(folder: Path) -> dict[str, bytes]:
    """What is in a folder, but for the lock, which says nothing."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def names(folder: Path = Path()) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def trained(
    out: Path | None,
    end: type[BaseException] | None,
    *,
    overwrite: bool = False,
    step: int | None = None,
) -> Path:
    """Train without a training, up to a checkpoint or not, and end; return the folder."""
    expected = pytest.raises(end) if end else contextlib.nullcontext()
    with expected, claim_new("novel", out, overwrite=overwrite) as claim:
        begin(claim.run)
        if step is not None:
            publish(claim.run, step)
            claim.published()
        if end is not None:
            raise end("it ends")
    return claim.run.folder


# --- a new run --------------------------------------------------------------------------


@each_end
def test_a_run_without_a_checkpoint_leaves_no_folder_behind(end) -> None:
    assert trained(None, end) == Path("checkpoints/novel")
    assert names() == []
    trained(MINE, end)
    assert names() == []


@each_end
def test_a_run_with_a_checkpoint_stays(end) -> None:
    folder = trained(None, end, step=5)
    assert open_checkpoint(str(folder)).step == 5
    trained(MINE, end, step=6)
    assert open_checkpoint("mine").step == 6
    assert names() == ["checkpoints", "mine"]


@each_end
def test_other_runs_stay_whatever_happens_to_a_new_one(end) -> None:
    write_run(Path("checkpoints/novel"), 1)
    assert trained(None, end) == Path("checkpoints/novel-2")
    assert names(Path("checkpoints")) == ["novel"]


def test_each_new_run_has_a_folder_of_its_own() -> None:
    with contextlib.ExitStack() as together:
        claims = [
            together.enter_context(claim_new("novel", None, overwrite=False))
            for _ in range(3)
        ]
        found = [str(claim.run.folder) for claim in claims]
        assert found == [f"checkpoints/novel{number}" for number in ("", "-2", "-3")]
        assert all(claim.created for claim in claims)
    assert names() == []


@each_end
def test_the_folder_is_locked_meanwhile_and_no_longer(end) -> None:
    expected = pytest.raises(end) if end else contextlib.nullcontext()
    with expected, claim_new("novel", MINE, overwrite=False) as claim:
        assert claim.notes == ()
        with pytest.raises(CheckpointError, match="another process is training mine"):
            locked(MINE).__enter__()
        publish(claim.run, 1)
        if end is not None:
            raise end("it ends")
    with locked(MINE) as note:
        assert note is None


@pytest.mark.parametrize("begun", [True, False])
def test_a_second_claim_does_not_remove_the_folder_of_the_first(begun: bool) -> None:
    with claim_new("novel", MINE, overwrite=False) as claim:
        if begun:
            begin(claim.run)
        before = contents(MINE)
        for overwrite in (False, True):
            with pytest.raises((CheckpointError, SettingsError)):
                claim_new("novel", MINE, overwrite=overwrite).__enter__()
            assert MINE.is_dir()
            assert contents(MINE) == before
        publish(claim.run, 1)
    assert open_checkpoint("mine").step == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_training_that_was_killed_left_is_taken(overwrite: bool) -> None:
    MINE.mkdir()
    (MINE / ".lock").touch()
    (MINE / ".tmp-step-1").mkdir()
    assert is_nothing(MINE)
    with claim_new("novel", MINE, overwrite=overwrite) as claim:
        publish(claim.run, 1)
    assert open_checkpoint("mine").step == 1


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("what", ["a file", "a folder of files"])
def test_what_is_not_a_run_is_not_written_into(what: str, overwrite: bool) -> None:
    if what == "a file":
        MINE.write_text("precious")
    else:
        MINE.mkdir()
        (MINE / "thesis.doc").write_text("precious")
    with pytest.raises(SettingsError, match="mine is there and is not a run"):
        claim_new("novel", MINE, overwrite=overwrite).__enter__()
    kept = MINE if what == "a file" else MINE / "thesis.doc"
    assert kept.read_text() == "precious"


def test_checkpoints_without_a_description_are_not_written_into() -> None:
    (write_run(MINE, 1).folder / "run.json").unlink()
    with pytest.raises(SettingsError, match=r"has checkpoints, but its run\.json"):
        claim_new("novel", MINE, overwrite=False).__enter__()
    assert open_checkpoint("mine").step == 1


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["x" * 300, "loop", "file/run"])
def test_a_folder_that_cannot_be_made_is_said(name: str, overwrite: bool) -> None:
    Path("loop").symlink_to("loop")
    Path("file").touch()
    with pytest.raises(SettingsError, match="cannot make the folder"):
        claim_new("novel", Path(name), overwrite=overwrite).__enter__()
    assert names() == ["file", "loop"]


def test_a_link_to_nowhere_in_the_place_of_runs_is_said() -> None:
    find.RUNS.symlink_to("/nowhere/at/all")
    with pytest.raises(SettingsError, match="cannot make the folder checkpoints"):
        claim_new("novel", None, overwrite=False).__enter__()


def test_a_folder_that_cannot_be_locked_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acquiring(monkeypatch, OSError(errno.EACCES, "Permission denied"))
    with pytest.raises(
        CheckpointError, match=r"cannot lock mine/\.lock: Permission denied"
    ):
        claim_new("novel", MINE, overwrite=False).__enter__()
    assert names() == []


def test_without_locks_a_claim_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(monkeypatch)
    with claim_new("novel", None, overwrite=False) as claim:
        assert "the file system has no locks" in claim.notes[0]
    assert names() == []


def acquiring(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let every lock fail in some way."""
    import filelock

    def acquire(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    acquiring(monkeypatch, NotImplementedError())


# --- replacing a run --------------------------------------------------------------------


@each_end
def test_a_run_that_is_not_replaced_after_all_is_back(end) -> None:
    write_run(MINE, 1, 2)
    before = contents(MINE)
    trained(MINE, end, overwrite=True)
    assert names() == ["mine"]
    assert contents(MINE) == before
    assert open_checkpoint("mine/latest").step == 2


@each_end
def test_a_run_that_is_replaced_is_gone(end) -> None:
    write_run(MINE, 1)
    trained(MINE, end, overwrite=True, step=5)
    assert names() == ["mine"]
    assert [step.name for step in Run(MINE).steps()] == ["step-00000005"]


@pytest.mark.parametrize("remembered", [None, 7])
def test_the_items_of_a_run_that_is_replaced_go_with_it(remembered: int | None) -> None:
    write_run(MINE, 1)
    write_items(MINE, np.array([1, 2], np.uint64))
    assert is_only_a_run(Run(MINE))
    with claim_new("novel", MINE, overwrite=True) as claim:
        begin(claim.run)
        assert not has_items(MINE)
        assert read_items(claim.replaced).tolist() == [1, 2]
        if remembered is not None:
            write_items(MINE, np.array([remembered], np.uint64))
        publish(claim.run, 5)
        claim.published()
    assert names() == ["mine"]
    assert has_items(MINE) is (remembered is not None)
    assert remembered is None or read_items(MINE).tolist() == [remembered]


@each_end
def test_the_items_of_a_run_that_is_not_replaced_after_all_are_back(end) -> None:
    write_run(MINE, 1)
    write_items(MINE, np.array([1, 2], np.uint64))
    expected = pytest.raises(end) if end else contextlib.nullcontext()
    with expected, claim_new("novel", MINE, overwrite=True) as claim:
        begin(claim.run)
        write_items(MINE, np.array([3], np.uint64))
        if end is not None:
            raise end("it ends")
    assert names() == ["mine"]
    assert read_items(MINE).tolist() == [1, 2]


def test_a_run_comes_back_from_a_killed_replacement_that_remembered_items() -> None:
    write_run(Path("mine.replaced-1"), 1)
    write_items(Path("mine.replaced-1"), np.array([1, 2], np.uint64))
    made = write_run(MINE)
    write_items(MINE, np.array([3], np.uint64))
    (MINE / f".tmp-{ITEMS}-77").write_bytes(bytes(8))
    assert not made.steps()
    assert "is back" in (bring_back(MINE) or "")
    assert names() == ["mine"]
    assert read_items(MINE).tolist() == [1, 2]


def test_a_run_is_put_aside_until_the_first_checkpoint_is_safe() -> None:
    write_run(MINE, 1)
    with claim_new("novel", MINE, overwrite=True) as claim:
        assert claim.replaced is not None
        assert claim.replaced.name.startswith("mine.replaced-")
        assert open_checkpoint(str(claim.replaced)).step == 1
        assert not Run(MINE).exists()
        with pytest.raises(CheckpointError, match=r"is being replaced is in mine\.repl"):
            open_checkpoint("mine")
        publish(claim.run, 5)
        assert len(names()) == 2
        claim.published()
        assert claim.replaced is None
        assert names() == ["mine"]
        claim.published()  # each checkpoint says so


def test_a_run_is_not_lost_where_its_replacement_ends_between_checkpoint_and_removal() -> (
    None
):
    write_run(MINE, 1)
    with (
        pytest.raises(KeyboardInterrupt),
        claim_new("novel", MINE, overwrite=True) as claim,
    ):
        publish(claim.run, 5)
        raise KeyboardInterrupt
    assert open_checkpoint("mine").step == 5
    assert open_checkpoint(str(claim.replaced)).step == 1


def test_a_run_is_replaced_only_where_that_is_asked_for() -> None:
    write_run(MINE, 1)
    before = contents(MINE)
    with pytest.raises(SettingsError, match=r"`resume=True`.*`overwrite=True`"):
        claim_new("novel", MINE, overwrite=False).__enter__()
    with pytest.raises(SettingsError, match="`overwrite` needs `out`"):
        claim_new("novel", None, overwrite=True).__enter__()
    assert contents(MINE) == before
    assert names() == ["mine"]


@pytest.mark.parametrize("what", ["a file of the user's", "another run.json"])
def test_what_is_more_than_a_run_is_not_replaced(what: str) -> None:
    if what == "another run.json":
        MINE.mkdir()
        (MINE / "run.json").write_text('{"scripts": 1}')
    else:
        write_run(MINE, 1)
        (MINE / "thesis.txt").write_text("years of work")
    before = contents(MINE)
    assert not is_only_a_run(Run(MINE))
    with pytest.raises(SettingsError, match="holds more than a run"):
        claim_new("novel", MINE, overwrite=True).__enter__()
    assert names() == ["mine"]
    assert contents(MINE) == before


def test_a_run_that_another_process_trains_is_not_replaced() -> None:
    write_run(MINE, 1)
    before = contents(MINE)
    with (
        locked(MINE),
        pytest.raises(CheckpointError, match="another process is training mine"),
    ):
        claim_new("novel", MINE, overwrite=True).__enter__()
    assert names() == ["mine"]
    assert contents(MINE) == before


@posix
@pytest.mark.parametrize("step", [None, 5])
def test_through_a_link_the_folder_itself_is_replaced(step: int | None) -> None:
    write_run(Path("elsewhere"), 1)
    MINE.symlink_to("elsewhere")
    trained(MINE, None, overwrite=True, step=step)
    assert MINE.is_symlink()
    assert names() == ["elsewhere", "mine"]
    assert open_checkpoint("mine").step == (step or 1)


# --- a process that was killed while it replaced a run ----------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from chargen.runs.claim import claim_new
from test_claim import begin

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "nothing":  # the run has been put aside, and that is all
    rename = os.rename
    os.rename = lambda *names: (rename(*names), die())
with claim_new("novel", Path("mine"), overwrite=True) as claim:
    if sys.argv[1] == "a run":
        begin(claim.run)
    die()
"""


def overwrite_and_die(left: str) -> None:
    """Replace the run in a process that is killed, and leaves that in its folder."""
    paths = (ROOT, HERE, Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, left],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    )
    assert done.returncode == -9, done.stderr
    assert MINE.exists() is (left != "nothing")
    assert Run(MINE).exists() is (left == "a run")


@posix
@pytest.mark.parametrize("left", ["nothing", "a lock", "a run"])
def test_a_run_comes_back_where_its_replacement_was_killed(left: str) -> None:
    write_run(MINE, 1, 2)
    before = contents(MINE)
    overwrite_and_die(left)
    assert bring_back(MINE) == (
        "mine is back: what was to replace it ended before its first checkpoint"
    )
    assert names() == ["mine"]
    assert contents(MINE) == before
    assert bring_back(MINE) is None
    with claim_new("novel", MINE, overwrite=True):  # and can be replaced again
        assert len(names()) == 2
    assert contents(MINE) == before


@posix
def test_a_run_comes_back_through_a_link() -> None:
    write_run(Path("elsewhere"), 1)
    MINE.symlink_to("elsewhere")
    before = contents(Path("elsewhere"))
    with pytest.raises(SystemExit), claim_new("novel", MINE, overwrite=True) as claim:
        aside = claim.replaced
        raise SystemExit
    assert aside is not None and aside.parent == Path("elsewhere").resolve().parent
    Path("elsewhere").rename(aside)  # as if it had been killed
    assert "elsewhere is back" in (bring_back(MINE) or "")
    assert contents(MINE) == contents(Path("elsewhere")) == before


def test_where_nothing_was_replaced_nothing_comes_back() -> None:
    assert bring_back(MINE) is None
    write_run(MINE, 1)
    write_run(Path("mine.replaced-1"), 2)  # this was: it has a checkpoint of its own
    assert bring_back(MINE) is None
    assert names() == ["mine", "mine.replaced-1"]
    assert open_checkpoint("mine").step == 1


def test_a_run_does_not_come_back_while_it_is_being_replaced() -> None:
    write_run(MINE, 1)
    with claim_new("novel", MINE, overwrite=True) as claim:
        begin(claim.run)
        before = contents(Path())
        with pytest.raises(CheckpointError, match="another process is training mine"):
            bring_back(MINE)
        assert contents(Path()) == before
    assert open_checkpoint("mine").step == 1


def put_aside(*years: int) -> None:
    """Leave runs as killed processes did, one of each of some years."""
    for year in years:
        write_run(Path(f"mine.replaced-{year}0101-120000-000000"), year)


def test_the_newest_of_several_runs_comes_back() -> None:
    put_aside(2024, 2026, 2025)
    Path("mine.replaced-2027").mkdir()  # not a run
    assert bring_back(MINE) is not None
    assert open_checkpoint("mine").step == 2026
    assert [name[:18] for name in names()] == [
        "mine",
        *(f"mine.replaced-{year}" for year in (2024, 2025, 2027)),
    ]


def test_what_is_more_than_a_run_stays_where_an_overwrite_was_killed() -> None:
    put_aside(2026)
    begin(write_run(MINE))
    (MINE / "thesis.txt").write_text("years of work")
    before = contents(Path())
    with pytest.raises(SettingsError, match="holds more than a run"):
        bring_back(MINE)
    assert contents(Path()) == before


def test_without_locks_a_person_has_to_say_that_the_training_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_aside(2026)
    begin(write_run(MINE))
    before = contents(Path())
    without_locks(monkeypatch)
    with pytest.raises(SettingsError, match=r"move mine away and mine\.replaced-2026"):
        bring_back(MINE)
    assert contents(Path()) == before


@posix
def test_the_command_brings_a_run_back_whose_replacement_was_killed() -> None:
    write_run(MINE, 1)
    before = contents(MINE)
    Path("text.txt").write_text("to be or not to be, " * 20, encoding="utf-8")
    options = ["text.txt", *SMALL, "--stock", "--steps", "100000", "--out", "mine"]

    def kept() -> list[Path]:
        return list(Path().glob("mine.replaced-*"))

    process = start(*options, "--eval-every", "100000", "--overwrite")
    try:
        wait_for(lambda: kept() and Run(MINE).exists(), process=process)
    finally:
        process.kill()
        process.communicate(timeout=60)
    (aside,) = kept()
    said = run("sample", "mine")
    assert said.returncode == 1
    assert f"the run that is being replaced is in {aside}" in said.stderr
    refused = run("train", *options)  # which asks for no replacement
    assert refused.returncode == 1
    assert "mine holds a run already: go on with it with --resume" in refused.stderr
    assert names() == ["mine", "text.txt"]
    assert contents(MINE) == before


# --- a run that is gone on with ---------------------------------------------------------


@each_end
def test_a_run_that_is_gone_on_with_stays_as_it_is(end) -> None:
    made = write_run(MINE, 1)
    before = contents(MINE)
    expected = pytest.raises(end) if end else contextlib.nullcontext()
    with expected, claim_old(made, 1) as claim:
        assert (claim.created, claim.replaced, claim.notes) == (False, None, ())
        with pytest.raises(CheckpointError, match="another process"):
            locked(MINE).__enter__()
        if end is not None:
            raise end("it ends")
    assert contents(MINE) == before
    with locked(MINE) as note:
        assert note is None


def test_a_run_without_a_checkpoint_that_is_gone_on_with_stays() -> None:
    made = write_run(MINE)
    with claim_old(made, None):
        pass
    assert names(MINE) == [".lock", "run.json"]


def test_a_run_that_was_trained_on_since_is_refused() -> None:
    made = write_run(MINE, 1)
    publish(made, 2)
    with pytest.raises(CheckpointError, match="has been trained on since"):
        claim_old(made, 1).__enter__()
    with locked(MINE) as note:
        assert note is None
