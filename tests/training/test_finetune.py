"""Fine-tuning: weights carried over to another vocabulary, and the command that does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import tiny_checkpoint, write_run
from jobs import asked

from chargen.cli import cli
from chargen.model.cells import CELLS
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.run import Run
from chargen.sampling.engine import Engine
from chargen.text.corpus import Corpus, split, vocabulary_of
from chargen.text.encoded import Encoded, encode_text
from chargen.text.vocabulary import Vocabulary
from chargen.training.finetune import grow

OLD = "\nabcdez"
NEW = "abba, cab! bad cab; a bad 中 bed.\n" * 40  # no e is rare, no z, and six new ones


def text(characters: str, name: str = "new.txt") -> Encoded:
    return encode_text(characters, name)


def grown(
    cell: str = "lstm", *, drop: bool = False, tied: bool = False
) -> tuple[Checkpoint, Corpus, Engine]:
    """A random model of OLD, the corpus NEW, and the model carried over to it."""
    before = tiny_checkpoint(cell, units=7, layers=2, characters=OLD, tied=tied)
    known = "" if drop else OLD
    corpus = split(text(NEW), 0.1, vocabulary_of([text(NEW)], Vocabulary(known)))
    weights = grow(before, corpus, seed=3)
    return before, corpus, Engine(before.model, corpus.vocabulary, weights)


def probabilities(model: Engine, characters: str) -> np.ndarray:
    """The chances (n, V) of each next character while a text is read."""
    state, rows = model.zero_state(1), []
    for i in model.vocabulary.encode(characters):
        logits, state = model.step(np.array([i]), state)
        exact = np.exp(logits[0].astype(np.float64) - logits.max())
        rows.append(exact / exact.sum())
    return np.array(rows)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("drop", [False, True], ids=["kept", "dropped"])
@pytest.mark.parametrize("cell", CELLS)
def test_old_characters_keep_their_odds(cell: str, drop: bool, tied: bool) -> None:
    before, corpus, after = grown(cell, drop=drop, tied=tied)
    kept = [c for c in OLD if c in corpus.vocabulary]
    assert ("z" in kept) is not drop
    old = Engine(before.model, before.vocabulary, before.weights)
    said = "abba\ncab\nbadcab" * 10
    expected = probabilities(old, said)[:, old.vocabulary.encode("".join(kept))]
    found = probabilities(after, said)[:, after.vocabulary.encode("".join(kept))]
    expected /= expected.sum(1, keepdims=True)
    found /= found.sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_new_characters_get_about_their_share(tied: bool) -> None:
    _, corpus, after = grown(tied=tied)
    fresh = [c for c in corpus.vocabulary.characters if c not in OLD]
    assert fresh == [" ", "!", ",", ".", ";", "中"]
    shares = np.bincount(corpus.train.read(), minlength=len(corpus.vocabulary)) / len(
        corpus.train
    )
    known = "".join(c for c in NEW[:600] if c in OLD)
    mean = probabilities(after, known).mean(0)
    for c in fresh:
        i = int(after.vocabulary.encode(c)[0])
        assert 0.5 < mean[i] / shares[i] < 2, c


def test_a_new_character_is_read_as_the_mean_of_the_old_ones_with_a_little_noise() -> None:
    before, corpus, _ = grown()
    weights = grow(before, corpus, seed=3)
    mean, deviation = (
        before.weights["embedding"].mean(0),
        before.weights["embedding"].std(0),
    )
    rows = [int(corpus.vocabulary.encode(c)[0]) for c in " !,.;中"]
    distance = (weights["embedding"][rows] - mean) / deviation
    assert 0.02 < np.abs(distance).mean() < 0.3
    assert len(np.unique(weights["embedding"][rows], axis=0)) == len(rows)
    same, other = grow(before, corpus, seed=3), grow(before, corpus, seed=4)
    np.testing.assert_array_equal(same["embedding"], weights["embedding"])
    assert (other["embedding"][rows] != weights["embedding"][rows]).any()


def test_the_same_vocabulary_gives_the_same_weights() -> None:
    before = tiny_checkpoint(characters=OLD)
    said = text("zebe\nabcd" * 50)
    corpus = split(said, 0.1, vocabulary_of([said], Vocabulary(OLD)))
    weights = grow(before, corpus, seed=0)
    assert set(weights) == set(before.weights)
    for name, array in before.weights.items():
        np.testing.assert_array_equal(weights[name], array, err_msg=name)


def test_a_vocabulary_in_another_order_is_matched_by_identity() -> None:
    before = tiny_checkpoint(characters="zab")
    said = text("abzzab" * 50)
    corpus = split(said, 0.0, vocabulary_of([said], Vocabulary("zab")))
    weights = grow(before, corpus, seed=0)
    np.testing.assert_array_equal(
        weights["embedding"], before.weights["embedding"][[1, 2, 0]]
    )
    np.testing.assert_array_equal(
        weights["dense.bias"], before.weights["dense.bias"][[1, 2, 0]]
    )


def test_a_text_of_new_characters_only() -> None:
    before = tiny_checkpoint(characters=OLD)
    said = text("中文中国" * 100)
    for known in ("", OLD):
        corpus = split(said, 0.1, vocabulary_of([said], Vocabulary(known)))
        weights = grow(before, corpus, seed=0)
        assert all(np.isfinite(array).all() for array in weights.values())
        assert weights["embedding"].shape[0] == len(corpus.vocabulary)


def test_a_character_of_the_validation_part_only_is_likely_enough_to_be_found() -> None:
    before = tiny_checkpoint(characters=OLD)
    said = text("abcde\n" * 100 + "!")
    corpus = split(said, 0.1, vocabulary_of([said], Vocabulary(OLD)))
    weights = grow(before, corpus, seed=0)
    model = Engine(before.model, corpus.vocabulary, weights)
    chance = probabilities(model, "abcde\n")[:, int(model.vocabulary.encode("!")[0])]
    assert 1e-5 < chance.mean() < 1e-2


# --- the command ------------------------------------------------------------------------


def test_fine_tuning_starts_from_the_model_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.txt").write_text(NEW * 3, encoding="utf-8")
    write_run(Path("old"), 1, units=7, layers=2, characters=OLD)
    arguments = ["--stock", "--eval-every", "5", "--quiet", "--out", "tuned", "--keep", "9"]
    command = ["train", "new.txt", "--init-from", "old", "--steps", "20", *arguments]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    tuned = Run(Path("tuned"))
    steps = [step.name for step in tuned.steps()]
    assert steps == [f"step-000000{i:02}" for i in (0, 5, 10, 15, 20)]
    before = tiny_checkpoint(units=7, layers=2, characters=OLD, seed=1)
    corpus = asked("new.txt", {"steps": 20}, init_from="old").corpus
    (tuned.folder / "latest").write_text("step-00000000")
    start = tuned.read("latest")
    assert start.training["init_from"] == "old"
    for name, array in grow(before, corpus, seed=0).items():
        np.testing.assert_array_equal(start.weights[name], array, err_msg=name)
    assert start.validation_loss is not None
    again = ["train", "new.txt", "--resume", "--quiet", "--out", "tuned/step-00000000"]
    done = CliRunner().invoke(cli, again)
    assert done.exit_code == 0, done.output
    last = tuned.read("latest")
    assert last.step == 20
    assert last.training["init_from"] == "old"
    assert last.validation_loss < start.validation_loss
