"""`--mix` and `--mix-to`: what they ask for, and `chargen eval --mix`."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers import tiny_checkpoint, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from item_models import write_item_run

import chargen
from chargen.cli import cli
from chargen.cli.mix import Mix, mix_of, parse_mix
from chargen.sampling.blend import Blend
from chargen.sampling.lines import score_lines
from chargen.text.policy import TextPolicy

TEXT = "ab\nab ba\nbaab a\n" * 15


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("text.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def write_models(*seeds, characters="\n ab", **parts):
    """Write runs with different weights, called one, two …"""
    for seed, name in zip(seeds, ("one", "two", "three"), strict=False):
        found = tiny_checkpoint(seed=seed, characters=characters, scale=2.0)
        given_parts = {"characters": characters, "weights": found.weights, **parts}
        write_run(Path("checkpoints", name), 1, best=True, **given_parts)


def run(*words):
    return CliRunner().invoke(cli, ["eval", *map(str, words)])


def scored(*words):
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


# --- what the options say ---------------------------------------------------------------


def test_a_weight_follows_the_last_equals_sign_and_is_1_where_there_is_none():
    values = ["novel", "poems=0.25", "runs/lr=0.1=3", "x=1e-3"]
    assert parse_mix(values) == [
        ("novel", 1.0),
        ("poems", 0.25),
        ("runs/lr=0.1", 3.0),
        ("x", 0.001),
    ]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.text(min_size=1), st.floats(min_value=1e-9, max_value=1e9))
def test_any_name_can_be_given_with_a_weight(name, weight):
    assert parse_mix([f"{name}={weight!r}"]) == [(name, weight)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a=x"], "'x' is not a number of at least 0. If = is a part .* follow: a=x=1"),
        (["a="], "'' is not a number"),
        (["a=-1"], "'-1' is not a number of at least 0"),
        (["a=nan"], "'nan' is not"),
        (["a=inf"], "'inf' is not"),
        (["a=0,7"], "'0,7' is not"),
        (["=1"], "no name before the ="),
        (["a", "b", "a=2"], "--mix names a twice"),
        (["a=0", "b=0"], "one of the weights must be above 0"),
    ],
)
def test_what_is_no_mix_is_a_usage_error(values, message):
    with pytest.raises(click.UsageError, match=message):
        parse_mix(values)


def test_a_drift_names_the_checkpoints_at_its_end():
    mix = mix_of(["a=2", "b"], ["c=3", "a"], "log-linear")
    assert mix == Mix({"a": 2, "b": 1, "c": 0}, {"a": 1, "b": 0, "c": 3}, "log-linear")
    assert str(mix) == "log-linear mix of 2 a + 1 b, drifting to 1 a + 3 c"


def test_a_drift_may_begin_with_one_checkpoint():
    mix = mix_of([], ["b"], checkpoint="a")
    assert mix == Mix({"a": 1, "b": 0}, {"a": 0, "b": 1}, "linear")


def test_no_option_is_no_mix():
    assert mix_of([]) is None
    assert mix_of([], checkpoint="a") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mix": ["a"], "checkpoint": "b"}, "leave out b, or add it as --mix b"),
        ({"mix": [], "mix_to": ["a"]}, "--mix-to needs a beginning"),
        ({"mix": [], "how": "linear"}, "--mix-how is for --mix"),
        ({"mix": ["a"], "mix_to": ["b="]}, "--mix-to b="),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(options, message):
    with pytest.raises(click.UsageError, match=message):
        mix_of(**options)


def test_a_mix_can_be_typed_again():
    mix = mix_of(["a=2", "x=1=0.5"], how="log-linear")
    assert mix.words == [*("--mix", "a=2.0", "--mix", "x=1=0.5", "--mix-how", "log-linear")]
    assert mix_of(mix.words[1:4:2], how=mix.words[5]) == mix


@pytest.mark.parametrize(("length", "over"), [(None, 500), (60, 60), (0, 1)])
def test_a_drift_takes_as_long_as_the_text(length, over, monkeypatch):
    given_to = []
    monkeypatch.setattr(
        "chargen.cli.mix.Blend", lambda *given, **more: given_to.append((given[1], more))
    )
    write_models(1, 2)
    mix = mix_of(["one"], ["two=5"])
    mix.blend(mix.open(), length)
    assert given_to == [([1, 0], {"how": "linear", "to": [0, 5], "over": over})]


def test_models_that_do_not_fit_together_are_a_usage_error():
    write_models(1)
    write_item_run(Path("checkpoints/items"))
    mix = mix_of(["one", "items"])
    with pytest.raises(click.UsageError, match="--mix: models of items and models"):
        mix.blend(mix.open())


# --- chargen eval -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["linear", "log-linear"])
def test_a_mix_scores_what_a_blend_does(how):
    write_models(1, 2)
    found = scored("--mix", "one=3", "--mix", "two", "--mix-how", how, "text.txt")
    models = [chargen.load(name) for name in ("one", "two")]
    blend = Blend(models, [3, 1], how=how)
    (text,) = found["texts"]
    assert text["carried"]["nats"] == pytest.approx(chargen.evaluate(blend, TEXT).nats)
    cold = chargen.evaluate(blend, TEXT, cold_every=256)
    assert text["cold"]["nats"] == pytest.approx(cold.nats)
    assert (found["mix"], found["mix_how"]) == ({"one": 3, "two": 1}, how)
    assert [each["step"] for each in found["checkpoints"]] == [1, 1]
    assert found["checkpoints"][1]["checkpoint"] == str(Path("checkpoints/two"))


def test_the_words_say_what_was_mixed():
    write_models(1, 2)
    done = run("--mix", "one=0.25", "--mix", "two=0.75", "text.txt")
    assert done.stdout.startswith("linear mix of 0.25 one + 0.75 two\ntext.txt: ")


def test_every_name_beside_a_mix_is_a_file():
    write_models(1, 2)
    Path("b.txt").write_text(TEXT[::-1], encoding="utf-8")
    found = scored("--mix", "one", "b.txt", "--mix", "two", "text.txt")
    assert [text["text"] for text in found["texts"]] == ["b.txt", "text.txt"]


def test_a_mix_knows_the_characters_of_all_its_checkpoints():
    write_models(1)
    write_run(Path("checkpoints/more"), 1, characters="ab中", scale=2.0)
    Path("x.txt").write_text("ab中 X\n" * 30, encoding="utf-8")
    alone, both = scored("one", "x.txt"), scored("--mix", "one", "--mix", "more", "x.txt")
    assert [found["texts"][0]["unknown"] for found in (alone, both)] == [60, 30]


def test_a_mix_of_models_of_items_scores_items():
    write_item_run(Path("checkpoints/one"), "abc")
    write_item_run(Path("checkpoints/two"), "cdb", seed=1)
    items = ["abc", "dab", "b", "cxad"] * 9
    Path("items.txt").write_text("\n".join(items), encoding="utf-8")
    (text,) = scored("--mix", "one", "--mix", "two=2", "items.txt")["texts"]
    blend = Blend([chargen.load(name) for name in ("one", "two")], [1, 2])
    lines = list(score_lines(blend, items))
    assert text["unknown"] == 9
    assert text["characters"] == sum(line.count for line in lines)
    nats = sum(line.nats for line in lines) / text["characters"]
    assert text["carried"]["nats"] == pytest.approx(nats)


def held_out(*seeds, held=0.2, learned=None, **different):
    """Write runs as trainings of text.txt would.

    The second has other settings, and other sources if `learned` makes them of the first's.
    """
    small = {"units": 4, "layers": 1, "steps": 9}
    with chargen.prepare("text.txt", validation=held, **small) as job:
        corpus, given_settings = job.resolved.corpus, job.settings.to_dict()
    characters = "".join(corpus.vocabulary.characters)
    for seed, name in zip(seeds, ("one", "two"), strict=True):
        second = name == "two"
        write_run(
            Path("checkpoints", name),
            1,
            best=True,
            characters=characters,
            corpus=learned(corpus.sources) if second and learned else corpus.sources,
            training={**given_settings, **(different if second else {})},
            validation_loss=2.0,
            weights=tiny_checkpoint(seed=seed, characters=characters).weights,
            text=TextPolicy(newlines="any", normalize="nfc"),
        )


def test_a_mix_scores_the_held_out_part_of_its_first_checkpoint():
    held_out(1, 2)
    write_run(Path("checkpoints/other"), 1, characters="xyab", scale=2.0)
    text = TEXT[-48:]
    for names in (["one", "two"], ["one", "other"]):
        done = run(*(word for name in names for word in ("--mix", name)), "--json")
        (part,) = json.loads(done.stdout)["texts"]
        blend = Blend([chargen.load(name) for name in names], [1, 1])
        expected = chargen.evaluate(blend, text, context=TEXT[:-48])
        assert part["text"] == "validation part of text.txt"
        assert part["characters"] == expected.characters == 48
        assert part["carried"]["nats"] == pytest.approx(expected.nats)
        assert done.stderr == ""


def test_the_held_out_items_of_a_mix_end_with_its_own_end_mark():
    items = ["abc", "bca", "cab", "a", "cc", "bab"]
    Path("items.txt").write_text("\n".join(items), encoding="utf-8")
    with chargen.prepare("items.txt", documents="lines", validation=0.4, steps=9) as job:
        corpus, given_settings = job.resolved.corpus, job.settings.to_dict()
    write_item_run(
        Path("checkpoints/one"),
        "abc",
        unknown=False,
        corpus=corpus.sources,
        training=given_settings,
    )
    write_item_run(Path("checkpoints/more"), "xyabc", unknown=False, seed=1)
    (text,) = scored("--mix", "one", "--mix", "more")["texts"]
    held = corpus.vocabulary.decode(corpus.validation.read())
    assert text["characters"] == len(corpus.validation) > len(held) > 0
    blend = Blend([chargen.load(name) for name in ("one", "more")], [1, 1])
    lines = list(score_lines(blend, corpus.validation.texts(labelled=False)))
    nats = sum(line.nats for line in lines) / text["characters"]
    assert text["carried"]["nats"] == pytest.approx(nats)


@pytest.mark.parametrize(("role", "said"), [("train", True), ("validation", False)])
def test_a_checkpoint_that_learned_from_the_file_that_is_scored_is_named(role, said):
    def sources(of_first):
        train, held = of_first
        return replace(train, name="b", sha256="0" * 64), replace(held, role=role)

    Path("held.txt").write_text(TEXT[::-1], encoding="utf-8")
    held_out(1, 2, held="held.txt", learned=sources)
    done = run("--mix", "one", "--mix", "two")
    assert done.exit_code == 0, done.output
    assert ("note: two learned from some of what is scored" in done.stderr) is said


@pytest.mark.parametrize("different", [{"validation": 0.1}, {"test": 0.1}])
def test_a_checkpoint_that_learned_from_what_is_scored_is_named(different):
    held_out(1, 2, **different)
    done = run("--mix", "one", "--mix", "two")
    assert done.stderr == "note: two learned from some of what is scored\n"
    assert "training measured" not in done.stdout  # that was one of them alone
    assert math.isfinite(scored("--mix", "one")["texts"][0]["carried"]["nats"])


def test_a_text_that_one_of_them_was_trained_on_is_said_to_be_it():
    held_out(1, 2)
    write_run(Path("checkpoints/other"), 1, characters="\n ab")
    done = run("--mix", "other", "--mix", "two", "text.txt")
    assert "note: two was trained on text.txt" in done.stderr


def test_where_the_text_is_can_be_typed_after_the_mix():
    held_out(1, 2)
    Path("text.txt").unlink()
    done = run("--mix", "one=0.5", "--mix", "two", "--part", "validation")
    assert done.exit_code == 1
    expected = "chargen eval --mix one=0.5 --mix two=1.0 PATH/text.txt --part validation"
    assert expected in done.output.replace("\\", "/")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mix", "one=x"], "--mix one=x: 'x' is not a number"),
        (["--mix", "one", "--items"], "--items reports on one CHECKPOINT, not on a mix"),
        (["--mix", "one", "--lines", "text.txt"], "--lines reports on one CHECKPOINT"),
        (["--mix", "one", "--sort"], "--sort is for --lines"),
        (["--mix-how", "linear", "one"], "--mix-how is for --mix"),
        ([], "Missing argument 'CHECKPOINT'"),
    ],
)
def test_what_eval_cannot_do_is_a_usage_error(words, message):
    write_models(1)
    done = run(*words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_a_checkpoint_that_is_missing_is_said():
    write_models(1)
    done = run("--mix", "one", "--mix", "onne")
    assert done.exit_code == 1
    assert "there is no checkpoint 'onne'. Did you mean one?" in done.output
