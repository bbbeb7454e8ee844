"""From names to runs: paths, checkpoints/, $CHARGEN_HOME, the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import write_run

import chargen
from chargen.errors import CheckpointError
from chargen.runs import find
from chargen.runs.find import find_checkpoint, known_runs, newer_run, open_checkpoint


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Where one works, $CHARGEN_HOME and the bundled runs, all of them empty."""
    found = {name: tmp_path / name for name in ("work", "home", "bundled")}
    for folder in found.values():
        folder.mkdir()
    monkeypatch.chdir(found["work"])
    monkeypatch.setenv("CHARGEN_HOME", str(found["home"]))
    monkeypatch.setattr(find, "BUNDLED_CHECKPOINTS", found["bundled"])
    return found | {"checkpoints": found["work"] / "checkpoints"}


def test_the_order_in_which_a_name_is_looked_up(places: dict[str, Path]) -> None:
    seen = []
    for step, place in enumerate(("bundled", "home", "checkpoints", "work"), 1):
        write_run(places[place] / "novel", step)
        seen.append(open_checkpoint("novel").step)
    assert seen == [1, 2, 3, 4]
    assert find_checkpoint("novel") == Path("novel")


def test_without_a_home(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(places["home"] / "novel", 1)
    write_run(places["bundled"] / "novel", 2)
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("CHARGEN_HOME")
        else:
            monkeypatch.setenv("CHARGEN_HOME", value)
        assert open_checkpoint("novel").step == 2
        assert find.checkpoint_folders() == [find.RUNS, places["bundled"]]


def test_a_home_that_does_not_exist(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARGEN_HOME", str(places["work"] / "nowhere"))
    write_run(places["bundled"] / "novel", 2)
    assert open_checkpoint("novel").step == 2
    assert known_runs() == [("novel", places["bundled"] / "novel")]


def test_a_folder_of_runs_names_them(places: dict[str, Path]) -> None:
    write_run(places["checkpoints"] / "novel", 1)
    with pytest.raises(CheckpointError, match=r"neither.*\. These are runs: novel$"):
        open_checkpoint("checkpoints")


@pytest.mark.parametrize("place", ["work", "checkpoints", "home", "bundled"])
def test_a_run_its_pointers_and_its_steps(places: dict[str, Path], place: str) -> None:
    write_run(places[place] / "novel", 1, 2, 3)
    for name, step in {
        "novel": 1,
        "novel/": 1,
        "novel/best": 1,
        "novel/latest": 3,
        "novel/step-00000002": 2,
        "./novel/../novel/latest": 3,
        str(places[place] / "novel"): 1,
        str(places[place] / "novel" / "latest"): 3,
        str(places[place] / "novel" / "step-00000003"): 3,
    }.items():
        assert open_checkpoint(name).step == step, name
        assert len(chargen.load(name).vocabulary) == 12


def test_inside_a_run(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_run(places["work"] / "novel", 1, 2).folder)
    assert open_checkpoint(".").step == 1
    assert open_checkpoint("latest").step == 2
    assert open_checkpoint("step-00000002").step == 2


def test_a_step_alone_is_enough(places: dict[str, Path]) -> None:
    run = write_run(places["work"] / "novel", 1)
    run.step_folder().rename(places["work"] / "mailed")
    assert open_checkpoint("mailed").step == 1


def test_a_run_without_its_description_can_be_read(places: dict[str, Path]) -> None:
    run = write_run(places["work"] / "novel", 1, 2)
    (run.folder / "run.json").unlink()
    assert open_checkpoint("novel").step == 1
    assert open_checkpoint("novel/best").step == 1
    assert open_checkpoint("novel/latest").step == 2


def test_an_existing_path_wins_even_where_it_is_no_checkpoint(
    places: dict[str, Path],
) -> None:
    write_run(places["bundled"] / "novel", 1)
    (places["work"] / "novel").mkdir()
    with pytest.raises(CheckpointError, match="novel holds no checkpoint"):
        open_checkpoint("novel")


@pytest.mark.parametrize("name", ["poem", "novel2", "", "novel/step-00000009", "a\0b"])
def test_an_unknown_name_lists_what_there_is(places: dict[str, Path], name: str) -> None:
    write_run(places["bundled"] / "novel", 1)
    write_run(places["home"] / "recipes", 1)
    write_run(places["checkpoints"] / "chat", 1)
    (places["checkpoints"] / "no-run").mkdir()
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(name)
    message = str(caught.value)
    assert "There are: chat, novel, recipes." in message
    for folder in ("checkpoints", str(places["home"]), str(places["bundled"])):
        assert folder in message.split("Looked in:")[1]
    assert "\0" not in message


@pytest.mark.parametrize(
    "name", ["n" * 300, "n" * 5000, "a/" * 3000], ids=["a name", "longer", "a path"]
)
def test_a_name_that_is_too_long_for_a_file(name: str) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        open_checkpoint(name)


def test_where_there_is_nothing_at_all() -> None:
    with pytest.raises(CheckpointError, match=r"There are: none\. Looked in: checkpoints"):
        open_checkpoint("novel")


def test_known_runs_come_from_the_best_place(places: dict[str, Path]) -> None:
    for place in ("bundled", "home", "checkpoints"):
        write_run(places[place] / "novel", 1)
    write_run(places["bundled"] / "atlas", 1)
    (places["checkpoints"] / "README.md").write_text("about runs")
    assert known_runs() == [
        ("atlas", places["bundled"] / "atlas"),
        ("novel", Path("checkpoints") / "novel"),
    ]


def test_a_text_in_place_of_a_checkpoint(places: dict[str, Path]) -> None:
    (places["work"] / "novel.txt").write_text("It was")
    with pytest.raises(CheckpointError, match=r"novel\.txt is a file, and .* a folder$"):
        open_checkpoint("novel.txt")
    learned = {"corpus": [{"name": "novel.txt"}]}
    write_run(places["checkpoints"] / "mine", 1).write_description(learned)
    with pytest.raises(CheckpointError, match=r"that learned from it is checkpoints/mine$"):
        open_checkpoint("novel.txt")


def test_a_run_without_a_checkpoint_says_so(places: dict[str, Path]) -> None:
    write_run(places["checkpoints"] / "novel")
    with pytest.raises(CheckpointError, match="novel holds no checkpoint yet"):
        open_checkpoint("novel")


@pytest.mark.parametrize("pointer", ["best", "latest"])
def test_a_pointer_to_a_missing_step_says_so(places: dict[str, Path], pointer: str) -> None:
    run = write_run(places["work"] / "novel", 1, 2)
    step = run.step_folder(pointer)
    step.rename(places["work"] / "elsewhere")
    with pytest.raises(CheckpointError, match=step.name):
        open_checkpoint(f"novel/{pointer}")
    other = {"best": "latest", "latest": "best"}[pointer]
    assert open_checkpoint(f"novel/{other}").step in (1, 2)


def test_the_terminal_is_not_steered(places: dict[str, Path]) -> None:
    for name in ("\x1b[2J", "\u202egpj"):
        with pytest.raises(CheckpointError) as caught:
            open_checkpoint(name)
        assert name[0] not in str(caught.value)
        write_run(places["home"] / name)
        with pytest.raises(CheckpointError) as caught:
            open_checkpoint("unknown")
        assert name[0] not in str(caught.value)


def test_a_name_that_is_nearly_right_is_suggested(places: dict[str, Path]) -> None:
    write_run(places["checkpoints"] / "novel", 1)
    with pytest.raises(
        CheckpointError, match=r"no checkpoint 'Nvoel'\. Did you mean novel\?"
    ):
        find_checkpoint("Nvoel")
    with pytest.raises(CheckpointError, match=r"no checkpoint 'xyz'\. There are"):
        find_checkpoint("xyz")


def test_a_newer_run_of_the_same_text(places: dict[str, Path]) -> None:
    folder = places["checkpoints"]
    corpora = {"novel": "novel.txt", "novel-2": "novel.txt", "novel-10": "novel.txt"}
    others = dict.fromkeys(("novel-x", "novella-3", "1984", "poem"), "novel.txt")
    for name, corpus in {**corpora, **others, "novel-11": "x.txt", "poem-2": "x"}.items():
        write_run(folder / name, 1).write_description({"corpus": [{"name": corpus}]})
    assert newer_run(folder / "novel") == folder / "novel-10"
    for name in ("novel-2", "novel-x", "novella", "novel/latest", "poem", "1984"):
        assert newer_run(folder / name) is None
