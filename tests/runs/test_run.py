"""Runs: publishing, pointers, rotation, repair; and crashes at every single operation.

Run as a script, this file is the process that crashes: see `Crashes`.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import HERE, ROOT, tiny_checkpoint, write_run

import chargen.runs.checkpoint
import chargen.runs.run
import chargen.system.files
from chargen.errors import CheckpointError, DamagedError
from chargen.runs.checkpoint import MANIFEST, RESUME, WEIGHTS
from chargen.runs.find import open_checkpoint
from chargen.runs.repair import repair
from chargen.runs.run import Run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def steps(run: Run) -> list[str]:
    return [path.name for path in run.steps()]


def temporaries(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


KEPT = 3


def publish(run: Run, step: int, *, best: bool = False, keep: int = KEPT) -> Path:
    return run.publish(tiny_checkpoint(step=step, seed=step), best=best, keep=keep)


# --- publishing, pointers, rotation -----------------------------------------------------


def test_an_empty_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert not run.exists()
    run.write_description({"format": 1, "given": {"units": 3}})
    assert run.exists()
    assert run.description() == {"format": 1, "given": {"units": 3}}
    assert not run.has("best")
    assert not run.has("latest")
    assert run.steps() == []
    for pointer in ("best", "latest"):
        with pytest.raises(CheckpointError, match="holds no checkpoint yet"):
            run.read(pointer)


def test_publishing(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    folder = publish(run, 2000)
    assert folder == tmp_path / "step-00002000"
    assert names(folder) == sorted([MANIFEST, RESUME, WEIGHTS])
    assert names(tmp_path) == ["best", "latest", "run.json", "step-00002000"]
    assert (tmp_path / "best").read_bytes() == b"step-00002000\n"
    assert (tmp_path / "latest").read_bytes() == b"step-00002000\n"
    assert run.read("latest", resume=True).resume["counter.step"] == 2000


def test_best_is_the_first_until_a_better_one_comes(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    seen = []
    for step, best in ((1, False), (2, False), (3, True), (4, False), (5, True)):
        publish(run, step, best=best)
        seen.append((run.read("best").step, run.read("latest").step))
    assert seen == [(1, 1), (1, 2), (3, 3), (3, 4), (5, 5)]


def test_rotation_keeps_the_newest_and_what_is_pointed_to(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    for step in range(1, 9):
        publish(run, step, best=step == 2)
        newest = range(max(1, step - KEPT + 1), step + 1)
        expected = sorted({1 if step == 1 else 2, *newest})
        assert steps(run) == [f"step-{kept:08}" for kept in expected]
        assert temporaries(tmp_path) == []


def test_rotation_leaves_the_users_files_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, 2, 3, 4)
    for name in ("step-1", "step-00000001-copy", "my step-00000001", "step-00000002.bak"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-00000000").write_text("a file")
    before = set(names(tmp_path))
    publish(run, 5, best=True)
    publish(run, 6, best=True)
    assert before - set(names(tmp_path)) == {f"step-0000000{i}" for i in (1, 2, 3)}


def test_a_second_checkpoint_of_a_step_is_newer(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    found = [publish(run, 5).name for _ in range(3)]
    assert found == ["step-00000005", "step-00000005-2", "step-00000005-3"]
    publish(run, 6)
    assert steps(run) == [*found, "step-00000006"]
    assert run.read("latest").step == 6


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    written = ["step-00000009", *(f"step-00000010-{i}" for i in (2, 9, 10, 11))]
    written += ["step-00000100", "step-99999999", "step-100000000"]
    for name in sorted(written):
        (tmp_path / name).mkdir()
    assert steps(run) == written


@pytest.mark.parametrize("best", [True, False])
def test_names_are_never_reused(tmp_path: Path, best: bool) -> None:
    """Not even of what rotation removed: a reader may still hold the name."""
    run = write_run(tmp_path)
    found = [publish(run, 5, best=best).name for _ in range(8)]
    assert len(set(found)) == len(found)
    assert steps(run)[-1] == found[-1]


def test_a_published_step_never_changes(tmp_path: Path) -> None:
    run = write_run(tmp_path, 5)
    before = {p.name: p.read_bytes() for p in (tmp_path / "step-00000005").iterdir()}
    publish(run, 5, best=True)
    publish(run, 6)
    after = {p.name: p.read_bytes() for p in (tmp_path / "step-00000005").iterdir()}
    assert after == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"step-1\n",
        b"../step-00000001\n",
        b"/etc\n",
        b".\n",
        b"step-00000001/../step-00000001\n",
        b"step-00000001\nstep-00000001\n",
        b"step-00000001-\n",
        "step-0000000١\n".encode(),
        b"\xff\xfe",
        b"step-" + b"0" * 200,
        b"\x1b[2J",
    ],
    ids=ascii,
)
def test_a_damaged_pointer(tmp_path: Path, content: bytes) -> None:
    run = write_run(tmp_path, 1)
    (tmp_path / "best").write_bytes(content)
    with pytest.raises(CheckpointError, match="best") as caught:
        run.read("best")
    assert "\x1b" not in str(caught.value)
    assert run.read("latest").step == 1


def test_white_space_around_a_pointer_is_no_damage(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1)
    (tmp_path / "best").write_bytes(b" step-00000001 \r\n")
    assert run.read("best").step == 1


# --- reading beside a training ----------------------------------------------------------


def test_a_reader_whose_step_vanished_reads_the_pointer_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path, 1, best=True)
    read, seen = chargen.runs.run.read, []

    def slow(folder: Path, **how: Any) -> Any:
        seen.append(folder.name)
        if len(seen) == 1:  # the training goes on before we look into the folder
            for step in range(2, 7):
                publish(run, step, best=True)
            assert not folder.exists()
        return read(folder, **how)

    monkeypatch.setattr(chargen.runs.run, "read", slow)
    assert run.read("best").step == 6
    assert seen == ["step-00000001", "step-00000006"]


def test_a_reader_does_not_read_the_pointer_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path, 1, best=True)
    seen = []

    def never(folder: Path, **how: Any) -> Any:
        seen.append(folder.name)
        publish(run, len(seen) + 1, best=True)
        raise CheckpointError(f"{folder.name} is gone")

    monkeypatch.setattr(chargen.runs.run, "read", never)
    with pytest.raises(CheckpointError, match="step-00000002 is gone"):
        run.read("best")
    assert seen == ["step-00000001", "step-00000002"]


def test_no_other_step_is_read_instead(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, 2, 3)
    (tmp_path / "step-00000001" / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match="step-00000001"):
        run.read("best")
    shutil.rmtree(tmp_path / "step-00000003")
    with pytest.raises(CheckpointError, match="step-00000003"):
        run.read("latest")


# --- repair -----------------------------------------------------------------------------


def test_repair_leaves_a_sound_run_as_it_is(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, 2, 3, 4, 5)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    repair(run)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_repair_moves_latest_up_to_a_newer_best(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, 2)
    publish(run, 3, best=True)
    (tmp_path / "latest").write_text("step-00000002\n")
    repair(run)
    assert (run.read("best").step, run.read("latest").step) == (3, 3)
    assert steps(run) == [f"step-0000000{i}" for i in (1, 2, 3)]


def test_repair_makes_latest_where_only_best_was_written(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1)
    (tmp_path / "latest").unlink()
    repair(run)
    assert run.read("latest").step == 1


def test_repair_removes_what_was_never_pointed_to(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, 2)
    shutil.copytree(tmp_path / "step-00000002", tmp_path / "step-00000002-2")
    shutil.copytree(tmp_path / "step-00000002", tmp_path / "step-00000003")
    repair(run)
    assert steps(run) == ["step-00000001", "step-00000002"]
    assert run.read("latest").step == 2


def test_repair_points_to_a_first_step_that_was_never_pointed_to(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1)
    (tmp_path / "best").unlink()
    (tmp_path / "latest").unlink()
    repair(run)
    assert (run.read("best").step, run.read("latest").step) == (1, 1)


def test_repair_removes_no_step_that_cannot_be_resumed_from(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, resume={})
    (tmp_path / "best").unlink()
    (tmp_path / "latest").unlink()
    with pytest.raises(DamagedError, match="latest is missing"):
        repair(run)
    assert steps(run) == ["step-00000001"]


def test_repair_removes_temporary_leftovers(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1)
    shutil.copytree(tmp_path / "step-00000001", tmp_path / ".tmp-step-00000002-77")
    shutil.copytree(tmp_path / "step-00000001", tmp_path / ".tmp-removed-step-1-77")
    (tmp_path / ".tmp-latest-77").write_text("step-0000")
    (tmp_path / ".hidden").write_text("the user's")
    repair(run)
    assert temporaries(tmp_path) == [".hidden"]
    assert run.read().step == 1


@pytest.mark.parametrize("lost", ["best", "latest"])
def test_where_a_pointed_step_is_gone_no_step_is_touched(tmp_path: Path, lost: str) -> None:
    run = write_run(tmp_path, 1, 2, 3)
    shutil.copytree(tmp_path / "step-00000003", tmp_path / "step-00000004")
    shutil.rmtree(run.step_folder(lost))
    before = names(tmp_path)
    repair(run)
    assert names(tmp_path) == before
    with pytest.raises(CheckpointError, match="step-0000000"):
        run.read(lost)


def test_a_leftover_of_a_process_of_our_number_does_not_hinder(tmp_path: Path) -> None:
    """In a container every training may have the process id 1."""
    run = write_run(tmp_path)
    left = tmp_path / f".tmp-step-00000001-{os.getpid()}"
    left.mkdir()
    (left / WEIGHTS).write_bytes(b"half")
    repair(run)
    publish(run, 1)
    assert run.read().step == 1
    assert temporaries(tmp_path) == []


# --- a disk that refuses ----------------------------------------------------------------

REFUSALS = ["os.rename", "os.replace", "os.fsync", "os.mkdir", "write_file", "half"]


def refuse(monkeypatch: pytest.MonkeyPatch, what: str, at: int) -> list[int]:
    """Let the `at`-th call of an operation fail; return a list that counts the calls."""
    calls: list[int] = []
    name = what.removeprefix("os.")
    inner = (
        getattr(os, name) if what.startswith("os.") else chargen.runs.checkpoint.write_file
    )

    def refusing(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            if what == "half":
                path, data = arguments
                path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return inner(*arguments, **named)

    if what.startswith("os."):
        monkeypatch.setattr(os, name, refusing)
    else:
        monkeypatch.setattr(chargen.runs.checkpoint, "write_file", refusing)
        monkeypatch.setattr(chargen.system.files, "write_file", refusing)
    return calls


@pytest.mark.parametrize("what", REFUSALS)
def test_a_publish_that_fails_leaves_things_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    failures = 0
    for at in itertools.count(1):
        folder = tmp_path / f"{at}"
        run = write_run(folder, 1, 2)
        with monkeypatch.context() as patch:
            calls = refuse(patch, what, at)
            try:
                publish(run, 3, best=True)
            except CheckpointError as error:
                failures += 1
                assert str(folder) in str(error)
                assert os.strerror(errno.ENOSPC) in str(error)
            refused = len(calls) >= at
        assert temporaries(folder) == [], at
        for pointer, before in (("best", 1), ("latest", 2)):
            assert run.read(pointer, resume=True).step in (before, 3)
        publish(run, 4)
        assert run.read("latest").step == 4
        assert temporaries(folder) == [], at
        if not refused:
            break
    assert failures >= 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", 1)
    if os.getuid() == 0:  # root may write anywhere: take the folder away instead
        run = Run(tmp_path / "run" / "run.json")
        with pytest.raises(CheckpointError, match=r"run\.json"):
            publish(run, 2)
    else:
        (tmp_path / "run").chmod(0o500)
        try:
            with pytest.raises(CheckpointError, match="run"):
                publish(run, 2)
        finally:
            (tmp_path / "run").chmod(0o700)
    assert Run(tmp_path / "run").read("latest").step == 1
    assert temporaries(tmp_path / "run") == []


@pytest.mark.skipif(os.name == "nt", reason="Windows flushes no folders")
def test_publishing_flushes_before_it_renames_and_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is renamed or pointed to is on the disk by then, and so is the folder."""
    run = write_run(tmp_path)
    flushed: list[int] = []
    events: list[str] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def inodes(*paths: Path) -> set[int]:
        return {path.stat().st_ino for path in paths}

    def fake_fsync(handle: int) -> None:
        flushed.append(os.fstat(handle).st_ino)
        fsync(handle)

    def fake_rename(source: Path, target: Path) -> None:
        if not Path(target).name.startswith("."):
            assert inodes(source, *Path(source).iterdir()) <= set(flushed)
            assert flushed[-1] == Path(source).stat().st_ino
        events.append(Path(target).name)
        rename(source, target)

    def fake_replace(source: Path, target: Path) -> None:
        assert Path(source).stat().st_ino in flushed
        assert tmp_path.stat().st_ino in flushed  # and so is the rename before
        events.append(Path(target).name)
        replace(source, target)
        flushed.clear()  # the folder has to be flushed again

    monkeypatch.setattr(os, "fsync", fake_fsync)
    monkeypatch.setattr(os, "rename", fake_rename)
    monkeypatch.setattr(os, "replace", fake_replace)
    publish(run, 1)
    assert events == ["step-00000001", "best", "latest"]
    assert flushed == [tmp_path.stat().st_ino]


# --- the log ----------------------------------------------------------------------------


def log_line(step: int, **more: Any) -> dict[str, Any]:
    amounts = dict.fromkeys(("epoch", "seconds", "learning_rate"), 0.5)
    speed = {"characters_per_second": 100.0}
    return {"kind": "train", "step": step, "train": 0.5, **amounts, **speed, **more}


@pytest.mark.parametrize(
    "damaged",
    [
        {"step": "1"},
        {"step": True},
        {"step": -1},
        {"kind": "other"},
        {"kind": "evaluation", "validation": "low"},
        {"train": [1]},
        {"seconds": None},
        {"epoch": 2**64},
        {"learning_rate": "4e-3"},
        {"train": None, "validation": "x", "kind": "evaluation"},
    ],
    ids=str,
)
def test_a_line_with_a_wrong_value_is_left_out(tmp_path: Path, damaged: dict) -> None:
    run = Run(tmp_path)
    for line in (log_line(1), {**log_line(2), **damaged}, log_line(3)):
        run.log.append(line)
    assert [line["step"] for line in run.log] == [1, 3]


def test_a_line_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for line in (log_line(1), log_line(2, note="x" * 200_000), log_line(3)):
        run.log.append(line)
    assert [line["step"] for line in run.log] == [1, 3]


def test_a_log_that_is_too_long(tmp_path: Path) -> None:
    with (tmp_path / "log.jsonl").open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(CheckpointError, match=r"log\.jsonl has 16,777,217 bytes"):
        list(Run(tmp_path).log)


@pytest.mark.parametrize("what", ["log", "run.json"])
def test_what_is_rewritten_is_replaced_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run = Run(tmp_path)
    run.write_description({"settings": {}})
    run.log.append(log_line(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(source: str, target: str) -> None:
        assert (tmp_path / target).read_bytes() == before[Path(target).name]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CheckpointError, match="No space left"):
        if what == "log":
            run.log.cut(lambda line: False)
        else:
            run.write_description({"settings": {"units": 3}})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_flushed_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda number: sizes.append(os.fstat(number).st_size))
    chargen.system.files.write_file(tmp_path / "new", b"x" * 100)
    assert sizes == [100]


def test_the_log(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert list(run.log) == []
    lines = [log_line(i) for i in range(5)]
    for line in lines:
        run.log.append({**line, "note": "é\n"})  # of a later version, say
    assert list(run.log) == lines
    text = (tmp_path / "log.jsonl").read_bytes().decode("utf-8")
    assert [{**json.loads(line), "note": 0} for line in text.split("\n")[:-1]] == [
        {**line, "note": 0} for line in lines
    ]
    run.log.cut(lambda line: line["step"] < 3)
    assert list(run.log) == lines[:3]
    run.log.append(lines[4])
    assert list(run.log) == [*lines[:3], lines[4]]
    assert temporaries(tmp_path) == []


@pytest.mark.parametrize("half", [b"{", b'{"step": 2, "tr', b'{"step": 2}x', b"\xff"])
def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path, half: bytes) -> None:
    run = Run(tmp_path)
    run.log.append(log_line(1))
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(half)
    assert list(run.log) == [log_line(1)]
    run.log.cut(lambda line: True)
    run.log.append(log_line(3))
    assert list(run.log) == [log_line(1), log_line(3)]


@pytest.mark.parametrize("before", [b"", b'{"step": 1}\n'])
def test_a_line_after_a_cut_off_one_is_not_lost(tmp_path: Path, before: bytes) -> None:
    run = Run(tmp_path)
    (tmp_path / "log.jsonl").write_bytes(before + b'{"step": 2, "tr')
    run.log.append(log_line(3))
    assert list(run.log)[-1:] == [log_line(3)]


@pytest.mark.parametrize("data", [b"[]", b"1", b"", b"{", b'{"a": 1, "a": 1}', b"\xff"])
def test_a_damaged_description(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "run.json").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"run\.json"):
        Run(tmp_path).description()


# --- crashes ----------------------------------------------------------------------------

CRASHED = 9
SCENARIOS = [
    "empty, the best",
    "empty, not the best",
    "full, the best",
    "full, not the best",
]


class Crashes:
    """Ends the process, as SIGKILL would, at the n-th operation on the file system.

    Between two operations nothing on the disk changes, so these are all the states that
    a crash can leave; a file may also be half written.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self._count = 0
        for name in ("rename", "replace", "fsync", "mkdir", "unlink", "rmdir"):
            setattr(os, name, self._counted(getattr(os, name)))
        write = self._counted(self._write)
        chargen.runs.checkpoint.write_file = write
        chargen.system.files.write_file = write

    def _here(self) -> None:
        self._count += 1
        if self._count == self._at:
            os._exit(CRASHED)

    def _counted(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **named: Any) -> Any:
            self._here()
            return inner(*arguments, **named)

        return operation

    def _write(self, path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            self._here()
            file.write(data[len(data) // 2 :])
            file.flush()
            os.fsync(file.fileno())


def crashes(action: Callable[[], object], at: int) -> bool:
    """Do something in a fork that crashes at an operation; return whether it got there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            Crashes(at)
            action()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, CRASHED), f"crashing at operation {at} ended with {code}"
    return code == CRASHED


def readable(folder: Path) -> dict[str, int]:
    """Open what there is, no step being half there; return pointer → step."""
    found = {}
    for step in Run(folder).steps():
        chargen.runs.checkpoint.read(step, resume=True)
    for pointer in ("best", "latest"):
        if Run(folder).has(pointer):
            found[pointer] = open_checkpoint(str(folder / pointer)).step
    if found:
        found[""] = open_checkpoint(str(folder)).step
    return found


def state(folder: Path) -> list[tuple[str, int]]:
    """What is in a run, whichever process made it."""
    return sorted(
        (
            re.sub(r"(\.tmp-.*)-[0-9]+", r"\1", str(path.relative_to(folder))),
            hash(path.read_bytes()) if path.is_file() else 0,
        )
        for path in folder.rglob("*")
    )


def prepare(scenario: str, folder: Path) -> Run:
    published = (1, 2, 3, 4) if scenario.startswith("full") else ()
    return write_run(folder, *published)


def crash_everywhere(scenario: str, place: Path) -> int:
    """Crash a publish at every operation, and a repair after some of these, too."""
    os.fsync = lambda handle: None  # a crash of the process loses nothing of the cache
    best = scenario.endswith(", the best")
    base = prepare(scenario, place / "base").folder
    before = readable(base)
    seen: list[list[tuple[str, int]]] = []
    for at in itertools.count(1):
        folder = place / f"{at}"
        shutil.copytree(base, folder)
        crashed = crashes(lambda f=folder: publish(Run(f), 5, best=best), at)
        after = readable(folder)
        for pointer, step in before.items():
            assert after[pointer] in (step, 5), (at, pointer)
        if after:
            assert after["best"] in (before.get("best"), 5), at
        if not crashed:
            assert after["latest"] == 5
            assert temporaries(folder) == []
            return at
        if state(folder) in seen:  # a flush changes nothing that is seen here
            continue
        seen.append(state(folder))
        # A repair may crash as well; where it got to does not matter to the next one.
        for again in itertools.count(1 if best else 10**9):
            copy = place / f"{at}-{again}"
            shutil.copytree(folder, copy)
            crashed = crashes(lambda f=copy: repair(Run(f)), again)
            if crashed and state(copy) in seen:
                shutil.rmtree(copy)
                continue
            seen.append(state(copy))
            mended = readable(copy)
            assert {k: mended[k] for k in after} == after or mended["latest"] == 5, at
            if crashed:
                repair(Run(copy))
            assert temporaries(copy) == [], (at, again)
            mended = readable(copy)
            assert not after or mended["latest"] == max(after.values()), (at, again)
            publish(Run(copy), 6)
            assert readable(copy)["latest"] == 6
            assert len(Run(copy).steps()) <= KEPT + 1
            shutil.rmtree(copy)
            if not crashed:
                break
        shutil.rmtree(folder)
    raise AssertionError


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_any_instant_leaves_the_run_readable(
    tmp_path: Path, scenario: str
) -> None:
    # An interpreter of its own, without threads, forks for every crash.
    command = [sys.executable, __file__, scenario, str(tmp_path)]
    path = os.pathsep.join([str(ROOT), str(HERE)])
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15


if __name__ == "__main__":
    print(crash_everywhere(sys.argv[1], Path(sys.argv[2])))
