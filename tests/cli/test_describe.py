"""`chargen info` of several, `chargen runs`, `chargen plot`, and TensorBoard's log."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import edit_manifest, tiny_checkpoint, write_run

from chargen.cli import cli
from chargen.errors import CheckpointError
from chargen.runs.claim import is_only_a_run
from chargen.runs.curves import Curve, sketch
from chargen.runs.find import BUNDLED_CHECKPOINTS
from chargen.runs.run import Run
from chargen.text.policy import TextPolicy
from chargen.training.events import Progress, RolledBack, Stepped
from chargen.training.writers import LogWriter, TensorBoard

ESCAPE = "\x1b[2J\n\u202e"
LINE = {"epoch": 0.5, "learning_rate": 0.01, "characters_per_second": 100.0}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    write_run(Path("checkpoints/one"), 1, 2, validation_loss=1.5)
    write_run(Path("checkpoints/two"), 3, cell="gru", validation_loss=1.25)
    return tmp_path


def invoke(*arguments, code=0):
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == code, done.output
    return done.output


# --- info -------------------------------------------------------------------------------


def test_info_says_of_a_run_that_it_is_its_best_step():
    assert invoke("info", "one").splitlines()[0].endswith("one, its best step")
    step = next(Path("checkpoints/one").glob("step-*"))
    assert invoke("info", str(step)).splitlines()[0].endswith(str(step))


def test_info_of_several_shows_what_differs_and_nothing_else():
    lines = invoke("info", "one", "two").splitlines()
    assert lines[0].split() == ["one", "two"]
    rows = {line.rsplit(maxsplit=2)[0]: line.split()[-2:] for line in lines[1:]}
    assert rows["validation loss"] == ["1.5000", "1.2500"]
    assert rows["cell"] == ["lstm", "gru"]
    assert rows["step"] == ["1", "3"]
    assert "units" not in rows and "chargen" not in rows


def test_info_says_that_a_model_is_backward():
    write_run(Path("back"), 1, validation_loss=1.5, text=TextPolicy(direction="backward"))
    assert "direction   backward: it reads and writes a text from its end" in invoke(
        "info", "back"
    )
    assert "direction" not in invoke("info", "one")
    assert invoke("info", "one", "back").splitlines()[1].split() == [
        *("direction", "forward", "backward")
    ]
    found = json.loads(invoke("info", "one", "back", "--json"))
    assert [each["text"]["direction"] for each in found] == ["forward", "backward"]


def test_info_of_the_same_twice():
    assert invoke("info", "one", "one") == "nothing differs\n"


def test_info_in_json_has_everything():
    found = json.loads(invoke("info", "one", "two", "--json"))
    assert [item["checkpoint"] for item in found] == ["checkpoints/one", "checkpoints/two"]
    first = found[0]
    expected = tiny_checkpoint(step=1, seed=1)
    assert first["vocabulary"] == list(expected.vocabulary.characters)
    assert first["losses"] == {"train": 2.5, "validation": 1.5}
    assert first["training"] == dict(expected.training)
    folder = Path("checkpoints/one/step-00000001")
    assert first["files"] == {
        name: (folder / name).stat().st_size
        for name in ("weights.safetensors", "resume.safetensors")
    }
    assert first["parameters"] == sum(a.size for a in expected.weights.values())


def test_info_names_the_files():
    assert "resume.safetensors, 184 bytes" in invoke("info", "one")


# --- runs -------------------------------------------------------------------------------


def test_runs_lists_what_a_name_finds_and_what_ships():
    Run(Path("checkpoints/two")).write_description(
        {
            "created": "2026-01-02T03:04:05+00:00",
            "corpus": [{"name": "tale.txt"}],
            "settings": {"cell": "gru", "layers": 1, "units": 5},
            "finished": True,
        }
    )
    lines = [line.split() for line in invoke("runs").splitlines()]
    rows = {line[0]: line for line in lines}
    assert rows["two"] == [
        *("two", "tale.txt", "gru", "1", "×", "5"),
        *("2026-01-02", "03:04", "1.2500", "-", "3", "yes"),
    ]
    assert rows["one"][-4:] == ["1.5000", "-", "2", "no"]
    assert rows["harbour-plays"][-3] == "11,412"
    assert rows["harbour-plays"][-1] == rows["sishi-jueju"][-1] == "yes"


def test_runs_of_folders_are_named_by_path():
    write_run(Path("elsewhere/three"), 1)
    found = json.loads(invoke("runs", "elsewhere", "checkpoints/one", "--json"))
    assert [run["name"] for run in found] == ["elsewhere/three", "checkpoints/one"]
    assert found[0]["validation"] is None and found[0]["train"] == 2.5
    assert "(2.5000)" in invoke("runs", "elsewhere")
    assert "there are no runs" in invoke("runs", ".")


def test_runs_that_are_backward_are_marked():
    size = {"cell": "gru", "layers": 2, "units": 64}
    for name, more in (("one", {}), ("two", {"backward": True}), ("old", None)):
        run = write_run(Path("some") / name, 1)
        settings = {} if more is None else {"backward": False, **size, **more}
        run.write_description({"format": 2, "settings": settings})
    rows = {line.split()[0]: line for line in invoke("runs", "some").splitlines()[1:]}
    assert "gru 2 × 64 backward" in rows["some/two"]
    assert "gru 2 × 64" in rows["some/one"]
    assert "backward" not in rows["some/one"] + rows["some/old"]
    found = json.loads(invoke("runs", "some", "--json"))
    directions = {Path(run["name"]).name: run["direction"] for run in found}
    assert directions == {"one": "forward", "two": "backward", "old": "forward"}


def test_columns_stand_below_each_other_whatever_the_script():
    write_run(Path("checkpoints/春天的诗"), 1)
    rows = invoke("runs").splitlines()
    (chinese,) = (row for row in rows if row.startswith("春"))
    plain = next(row for row in rows if row.startswith("one"))
    assert chinese.index("(2.5000)") == plain.index("1.5000") - 4  # two columns each


def test_runs_of_what_is_no_folder():
    assert "there is no folder nothing" in invoke("runs", "nothing", code=1)


def test_a_run_that_hides_a_bundled_one_has_its_name_and_that_one_a_path():
    write_run(Path("checkpoints/sishi-jueju"), 1)
    names = [run["name"] for run in json.loads(invoke("runs", "--json"))]
    assert names.count("sishi-jueju") == 1
    assert str(BUNDLED_CHECKPOINTS / "sishi-jueju") in names
    rows = invoke("runs").splitlines()
    assert (
        sum(row.startswith("sishi-jueju (bundled)  sishi-jueju.txt") for row in rows) == 1
    )


def test_a_damaged_run_and_one_without_a_checkpoint_do_not_hide_the_others():
    Path("checkpoints/one/best").write_text("nonsense")
    Path("checkpoints/new").mkdir()
    Run(Path("checkpoints/new")).write_description({"corpus": [{"name": ESCAPE}]})
    Path("checkpoints/bad").mkdir()
    Path("checkpoints/bad/run.json").write_text("{")
    output = invoke("runs")
    assert "damaged: see chargen verify checkpoints/one" in output
    assert "damaged: see chargen verify checkpoints/bad" in output
    assert "two" in output and "\\x1b[2J\\n\\u202e" in output
    assert not any(c in output for c in "\x1b\u202e")
    found = {run["name"]: run for run in json.loads(invoke("runs", "--json"))}
    assert "error" in found["one"] and found["new"]["steps"] == 0


def test_a_run_whose_latest_was_not_written_yet_is_listed():
    Path("checkpoints/one/latest").unlink()
    found = {run["name"]: run for run in json.loads(invoke("runs", "--json"))}
    assert found["one"]["steps"] == 1 and "error" not in found["one"]
    assert "one" in invoke("runs")


def test_what_a_damaged_manifest_says_is_not_believed():
    edit_manifest(Path("checkpoints/one/step-00000001"), lambda m: m.update(losses=ESCAPE))
    assert "damaged" in invoke("runs")


# --- plot -------------------------------------------------------------------------------


def logged(name, losses, *, validation=True):
    """Write a log with a training line and, perhaps, an evaluation for each loss."""
    run = Run(Path("checkpoints") / name)
    for i, loss in enumerate(losses):
        line = {**LINE, "step": 10 * i, "seconds": 2.0 * i, "train": loss + 0.1}
        run.log.append({"kind": "train", **line})
        if validation:
            run.log.append({"kind": "evaluation", **line, "validation": loss})


def test_plot_in_the_terminal():
    logged("one", [3.0, 2.0, 1.5])
    logged("two", [2.5, 2.25], validation=False)
    lines = invoke("plot", "one", "two", "--by", "steps").splitlines()
    assert lines[0].startswith("3.000 |o")
    assert any(line.startswith("1.500 |") and line.endswith("o") for line in lines)
    assert lines[-2] == "o one: validation loss, 1.5000 at best"
    assert lines[-1] == "x two: training loss, 2.3500 at best"
    assert lines[-3].split() == ["0", "20", "steps"]
    assert max(map(len, lines)) <= 80


def test_a_sketch_falls_from_the_upper_left_to_the_lower_right():
    line = tuple((float(x), 10.0 - x) for x in range(11))
    plane = sketch([Curve("a", (), line)], "steps", width=11, height=11)[:11]
    for y, row in enumerate(plane):
        assert row.split("|")[1] == " " * y + "o"


def test_a_sketch_of_one_point():
    lines = sketch([Curve("a", ((5.0, 2.0),), ())], "seconds", width=20, height=8)
    assert sum(line.count("o") for line in lines[:8]) == 1


@pytest.mark.parametrize("name", ["curves.png", "curves.svg"])
def test_a_picture(name):
    pytest.importorskip("matplotlib")
    logged("one", [3.0, 2.0, 1.5])
    logged("two", [2.5, 2.25], validation=False)
    Path("checkpoints/one").rename("checkpoints/_$x$ 春")
    assert f"wrote {name}" in invoke("plot", "_$x$ 春", "two", "--out", name)
    data = Path(name).read_bytes()
    if name.endswith("png"):
        assert data.startswith(b"\x89PNG")
        assert struct.unpack(">II", data[16:24]) == (1200, 750)
    else:
        text = data.decode("utf-8")
        assert "training: two" in text and "validation: _$x$ 春" in text
        assert "nats a character" in text


def test_a_picture_without_matplotlib_says_what_to_install(monkeypatch):
    logged("one", [3.0, 2.0])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    output = invoke("plot", "one", "--out", "x.png", code=1)
    assert "pip install matplotlib" in output
    assert "Without --out, the curves are drawn in the terminal" in output
    assert "o one" in invoke("plot", "one")


def test_what_cannot_be_plotted():
    assert "no losses yet" in invoke("plot", "one", code=1)
    assert "no run" in invoke("plot", "one/step-00000001", code=1)
    logged("one", [3.0])
    assert ".png or .svg" in invoke("plot", "one", "--out", "x.pdf", code=2)
    pytest.importorskip("matplotlib")
    assert "cannot write" in invoke("plot", "one", "--out", "nowhere/x.png", code=1)


# --- TensorBoard ------------------------------------------------------------------------


def scalars(folder):
    """Read the events of a folder as TensorBoard does: tag → [(step, value)]."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def test_tensorboard_shows_the_log_and_forgets_what_was_cut_off():
    pytest.importorskip("tensorboard")
    line = {"kind": "train", **LINE, "seconds": 1.0}
    board = TensorBoard(Path("checkpoints/one"), pytest.fail)
    board.begin([{**line, "step": 1, "train": 3.0}, {**line, "step": 2, "train": 9.0}])
    board.begin([{**line, "step": 1, "train": 3.0}])
    board.add({**line, "step": 2, "kind": "evaluation", "train": 2.5, "validation": 2.75})
    board.close()
    found = scalars("checkpoints/one/tensorboard")
    assert found["loss/train"] == [(1, 3.0), (2, 2.5)]
    assert found["loss/validation"] == [(2, 2.75)]
    assert {"learning_rate", "characters_per_second"} <= set(found)


@pytest.mark.slow
def test_a_log_that_is_cut_is_cut_for_tensorboard_too():
    pytest.importorskip("tensorboard")
    logged("one", [3.0, 2.0, 1.5], validation=False)  # steps 0, 10, 20
    run = Run(Path("checkpoints/one"))
    board = TensorBoard(run.folder, pytest.fail)
    log = LogWriter(run, board)
    log.begin(10, 0.5, 0)
    log(RolledBack(failed=11, step=10, learning_rate=0.1))
    progress = Progress(11, 0.5, 5.0, 1.75, 0.01, 100.0, 0.9, 1.0)
    log(Stepped(progress))
    board.close()
    expected = [(0, pytest.approx(3.1)), (10, pytest.approx(2.1)), (11, 1.75)]
    assert scalars("checkpoints/one/tensorboard")["loss/train"] == expected
    assert [line["step"] for line in run.log] == [0, 10, 11]
    assert is_only_a_run(run)
    Path("checkpoints/one/tensorboard/thesis.txt").touch()
    assert not is_only_a_run(run)
    log.begin(10, 0.5, 0)
    board.close()
    assert Path("checkpoints/one/tensorboard/thesis.txt").exists()


def test_tensorboard_follows_no_link_and_says_what_it_cannot_write(monkeypatch):
    pytest.importorskip("tensorboard")
    Path("outside").mkdir()
    link = Path("checkpoints/one/tensorboard")
    link.symlink_to(Path("outside").absolute())
    told = []
    board = TensorBoard(link.parent, told.append)
    with pytest.raises(CheckpointError, match="is a link"):
        board.begin([])
    assert not list(Path("outside").iterdir())
    link.unlink()
    link.touch()
    with pytest.raises(CheckpointError, match="cannot write"):
        board.begin([])
    link.unlink()
    board.begin([])

    def full(event):
        raise RuntimeError("no space left")

    monkeypatch.setattr(board._writer, "add_event", full)
    line = {"kind": "train", **LINE, "seconds": 1.0, "step": 1, "train": 3.0}
    board.add(line)
    board.add(line)
    assert told == ["TensorBoard's log cannot be written any more: no space left"]
    board.close()


def test_tensorboard_that_is_not_installed_is_said_before_anything_is_written(monkeypatch):
    Path("text.txt").write_text("abc " * 100)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    output = invoke("train", "text.txt", "--tensorboard", "--steps", "1", code=1)
    assert "pip install tensorboard" in output
    assert not Path("checkpoints/text").exists()
