"""`chargen eval`, and the parts of texts that it scores."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import tiny_checkpoint, write_run

import chargen
from chargen.cli import cli
from chargen.errors import SettingsError
from chargen.runs.find import open_checkpoint
from chargen.text.policy import TextPolicy

STORY = "it was a dark and stormy night, said the dog.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")
    return tmp_path


def trained(text=None, **settings):
    """Publish a run as a training of story.txt with these settings would.

    Returns:
        The run, and the corpus that it learned from.
    """
    small = {"units": 4, "layers": 1, "steps": 9}
    with chargen.prepare("story.txt", **{**small, **settings}) as job:
        corpus = job.resolved.corpus
        checkpoint = tiny_checkpoint(
            characters="".join(corpus.vocabulary.characters),
            corpus=corpus.sources,
            training=job.settings.to_dict(),
            text=text or TextPolicy(),
            validation_loss=2.0,
        )
        job.run.write_description({"format": 1, "settings": job.settings.to_dict()})
        job.run.publish(checkpoint, best=True, keep=3)
    return job.run, corpus


def evaluated(*arguments):
    done = CliRunner().invoke(cli, ["eval", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["texts"]


# --- the command ------------------------------------------------------------------------


def test_the_bundled_model_scores_what_its_training_measured():
    found = open_checkpoint("harbour-plays")
    (scored,) = evaluated("harbour-plays")
    assert scored["carried"]["nats"] == pytest.approx(found.validation_loss, abs=1e-4)
    assert scored["characters"] == found.training["validation_characters"]
    assert scored["cold"]["every"] == 256
    assert scored["carried"]["nats"] < scored["cold"]["nats"] < 1.3


def test_beside_the_score_of_a_held_out_part_are_counting_and_copying():
    (scored,) = evaluated("harbour-plays")
    assert scored["counted"] == pytest.approx(1.3076, abs=5e-4)  # as test_counts has it
    assert scored["copied"]["characters"] == 4000
    assert 0 < scored["copied"]["in_spans"] < 0.2
    text = Path("a.txt")
    text.write_text("PELL:\nThe harbour. " * 20, encoding="utf-8")
    (other,) = evaluated("harbour-plays", "a.txt")  # of which nothing was learned
    assert "counted" not in other and "copied" not in other


def test_counting_and_copying_are_said_in_words():
    done = CliRunner().invoke(cli, ["eval", "minerals"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[-3].startswith("counting strings of up to 8 characters needs 1.79")
    assert lines[-2] == "of 100 items that it writes, 0% are in the text"


def test_it_says_what_the_python_call_says():
    write_run(Path("checkpoints/tiny"), 1, characters="\n 中文", scale=2.0)
    text = "中文 中\n文文\n" * 60
    Path("a.txt").write_text(text, encoding="utf-8")
    Path("b.txt").write_text("文中 " * 50, encoding="utf-8")
    first, second = evaluated("tiny", "a.txt", "b.txt")
    model = chargen.load("tiny")
    expected = chargen.evaluate(model, text)
    assert first["carried"]["nats"] == expected.nats
    assert first["cold"]["nats"] == chargen.evaluate(model, text, cold_every=256).nats
    assert first["carried"]["bits"] == pytest.approx(expected.nats / math.log(2))
    total = expected.bits * (len(text) - 1)
    size = len(text[1:].encode("utf-8"))
    assert first["carried"]["bits_per_byte"] == pytest.approx(total / size)
    assert first["utf8_bytes"] == size
    assert first["carried"]["perplexity"] == pytest.approx(math.exp(expected.nats))
    assert (first["text"], second["text"]) == ("a.txt", "b.txt")
    assert second["carried"] != first["carried"]


def test_a_backward_model_scores_a_text_from_its_end():
    parts = {"characters": "\n ab", "scale": 2.0}
    write_run(Path("checkpoints/tiny"), 1, **parts)
    policy = TextPolicy(direction="backward")
    write_run(Path("checkpoints/back"), 1, text=policy, **parts)
    text = "ab\nabX ba bb\n" * 40
    Path("one.txt").write_text(text, encoding="utf-8")
    Path("turned.txt").write_text(text[::-1], encoding="utf-8")
    (forward,), (backward,) = evaluated("tiny", "turned.txt"), evaluated("back", "one.txt")
    assert {**forward, "text": ""} == {**backward, "text": ""}
    assert backward["carried"] != evaluated("back", "turned.txt")[0]["carried"]


def test_the_held_out_part_of_a_backward_run_is_scored_from_its_end():
    run, corpus = trained(backward=True, text=TextPolicy(direction="backward"))
    (scored,) = evaluated(run.folder)
    text = corpus.vocabulary.decode(corpus.validation.read())
    assert text == (STORY * 100)[-len(text) :][::-1]
    expected = chargen.evaluate(chargen.load(str(run.folder)), text[::-1])
    assert scored["carried"]["nats"] == expected.nats


def test_unknown_characters_are_counted_and_left_out():
    write_run(Path("checkpoints/tiny"), 1, characters="\n ab", scale=2.0)
    Path("with.txt").write_text("Xab\nabYY ba" * 40, encoding="utf-8")
    Path("without.txt").write_text("ab\nab ba" * 40, encoding="utf-8")
    found, plain = evaluated("tiny", "with.txt", "without.txt")
    assert found.pop("unknown") == 120
    assert plain.pop("unknown") == 0
    assert {**found, "text": ""} == {**plain, "text": ""}
    shown = CliRunner().invoke(cli, ["eval", "tiny", "with.txt"]).stdout
    assert "120 (27.27%) never seen by the model" in shown


def test_the_words_have_the_numbers_of_the_json():
    trained()
    shown = CliRunner().invoke(cli, ["eval", "story"]).stdout
    (scored,) = evaluated("story")
    for value in ("nats", "bits", "bits_per_byte", "perplexity"):
        assert f"{scored['carried'][value]:.4f}" in shown
        assert f"{scored['cold'][value]:.4f}" in shown
    assert "validation part of story.txt" in shown
    assert "training measured 2.0000 nats" in shown


def test_the_text_that_was_trained_on_is_said_to_be_it():
    trained()
    shutil.copy("story.txt", "copy.txt")
    Path("other.txt").write_text(STORY, encoding="utf-8")
    for name, said in (("copy.txt", True), ("other.txt", False)):
        done = CliRunner().invoke(cli, ["eval", "story", name, "--json"])
        assert len(json.loads(done.stdout)["texts"]) == 1
        assert (f"was trained on {name}" in done.stderr) is said
        assert ("--part validation" in done.stderr) is said


def test_bundled_texts_have_names_here_too():
    write_run(Path("checkpoints/tiny"), 1, characters="aeinrst ")
    scored = CliRunner().invoke(cli, ["eval", "tiny", "minerals", "--json"])
    assert scored.exit_code == 0
    assert json.loads(scored.stdout)["texts"][0]["text"] == "minerals.txt"


def test_a_folder_is_scored_as_one_text():
    write_run(Path("checkpoints/tiny"), 1, characters="\n ab", scale=2.0)
    Path("all").mkdir()
    for name in ("1.txt", "2.txt"):
        Path("all", name).write_text("ab\nab ba\n" * 20, encoding="utf-8")
    Path("both.txt").write_text("ab\nab ba\n" * 40, encoding="utf-8")
    one, other = evaluated("tiny", "all", "both.txt")
    assert (one.pop("text"), other.pop("text")) == ("all", "both.txt")
    assert one == other


def test_another_encoding():
    write_run(Path("checkpoints/tiny"), 1, characters="\n 中文", scale=2.0)
    Path("gbk.txt").write_bytes(("中文" * 30).encode("gb18030"))
    assert CliRunner().invoke(cli, ["eval", "tiny", "gbk.txt"]).exit_code == 1
    (scored,) = evaluated("tiny", "gbk.txt", "--encoding", "gb18030")
    assert scored["unknown"] == 0


@pytest.mark.parametrize("text", ["", "a", "XYZ", "aX"])
def test_a_text_with_nothing_to_score_is_said(text):
    write_run(Path("checkpoints/tiny"), 1, characters="\n ab")
    Path("short.txt").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(cli, ["eval", "tiny", "short.txt"])
    assert done.exit_code == 1
    assert "fewer than two characters" in done.output


# --- the parts --------------------------------------------------------------------------


def test_a_resumed_run_keeps_its_test_part():
    run, corpus = trained(test=0.2)
    run.write_description(
        {
            **run.description(),
            "given": {"test": 0.2},
            "corpus": [source.to_dict() for source in corpus.sources],
        }
    )
    with pytest.raises(SettingsError, match=r"`test=0\.3` differs"):
        chargen.prepare("story.txt", test=0.3, resume=True).__enter__()
    for step in run.steps():
        shutil.rmtree(step)
    for pointer in ("best", "latest"):
        Path(f"checkpoints/story/{pointer}").unlink()
    with chargen.prepare("story.txt", resume=True) as again:
        assert len(again.resolved.corpus.test) == len(corpus.test) == 920


def test_a_text_of_the_same_name_here_does_not_hide_the_one_that_ships():
    Path("harbour-plays.txt").write_bytes(b"\xff\xfe\xff")
    (scored,) = evaluated("harbour-plays")
    assert scored["text"] == "validation part of harbour-plays.txt"


def test_a_part_may_be_in_another_encoding():
    Path("held.txt").write_text(STORY[::-1] * 9, encoding="utf-16")
    _, corpus = trained(validation="held.txt")
    assert corpus.vocabulary.decode(corpus.validation.read()) == STORY[::-1] * 9
    (scored,) = evaluated("story")
    assert scored["characters"] == len(STORY * 9) - 1


def test_an_infinite_perplexity_is_null():
    def huge(name, array):
        return array + np.float32(1e30) * (np.arange(len(array)) == 2)

    found = tiny_checkpoint(characters="\n ab")
    weights = dict(found.weights)
    weights["dense.bias"] = huge("dense.bias", weights["dense.bias"])
    run = write_run(Path("checkpoints/tiny"), 1, characters="\n ab", weights=weights)
    assert run.read().weights["dense.bias"][2] > 1e29
    Path("b.txt").write_text("bbbb", encoding="utf-8")
    done = CliRunner().invoke(cli, ["eval", "tiny", "b.txt", "--json"])
    (scored,) = json.loads(done.stdout, parse_constant=pytest.fail)["texts"]
    assert scored["carried"]["perplexity"] is None


@pytest.mark.parametrize("more", [[], ["--part", "validation", "story.txt"]])
def test_an_encoding_that_would_be_ignored_is_refused(more):
    trained()
    words = ["eval", "story", "--encoding", "latin-1", *more]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "--encoding applies to FILES" in done.output
