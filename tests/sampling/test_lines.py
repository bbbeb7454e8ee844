"""Scores by line, against a reference that reads one character after the other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from item_models import item_engine

from chargen.sampling import lines as module
from chargen.sampling.evaluate import evaluate
from chargen.sampling.lines import LineScore, score_lines
from chargen.text.policy import TextPolicy
from sampling.test_evaluate import engine, some_text


def reference(model, ids):
    """Return the loss of each id but the first, from a zero state."""
    state, losses = model.zero_state(), []
    for read, following in itertools.pairwise(ids):
        logits, state = model.step(np.array([read], np.int32), state)
        values = [float(a) for a in logits[0]]
        total = math.fsum(math.exp(a - max(values)) for a in values)
        losses.append(math.log(total) + max(values) - values[following])
    return losses


def test_the_lines_of_a_running_text_add_up_to_the_text():
    model, text = engine(), "ab\nde  c\n\nbb a\n"
    found = list(score_lines(model, text.removesuffix("\n").split("\n")))
    whole = evaluate(model, text, context="\n")
    assert [score.text for score in found] == ["ab", "de  c", "", "bb a"]
    assert [score.number for score in found] == [1, 2, 3, 4]
    assert [score.count for score in found] == [3, 6, 1, 5]
    total = sum(score.nats for score in found)
    assert total == pytest.approx(whole.nats * whole.characters, rel=1e-6)


def test_the_state_is_carried_from_line_to_line():
    model, encode = engine(), engine().vocabulary.encode
    losses = reference(model, encode("\nabe\nde\n").tolist())
    first, second = score_lines(model, ["abe", "de"])
    assert first.nats == pytest.approx(sum(losses[:4]), rel=1e-6)
    assert second.nats == pytest.approx(sum(losses[4:]), rel=1e-6)


def turned(lines):
    """Lines as a backward model reads them."""
    return [line[::-1] for line in reversed(lines)]


BACKWARD = TextPolicy(direction="backward")


@pytest.mark.parametrize("documents", ["none", "blank-lines", "files"])
def test_a_backward_model_reads_the_lines_from_the_last_one(documents):
    lines = ["ab", "c", "", " ", "bca", "a", "", "cab"]
    if documents == "none":
        model, backward = engine(), engine(policy=BACKWARD)
    else:
        model = item_engine("\n abc", documents=documents)
        policy = TextPolicy(documents=documents, direction="backward")
        backward = item_engine("\n abc", text=policy)
    found = list(score_lines(backward, lines))
    forward = list(score_lines(model, turned(lines)))
    assert [score.nats for score in found] == [score.nats for score in reversed(forward)]
    numbers = range(1, 9) if documents != "blank-lines" else [1, 2, 5, 6, 8]
    assert [score.number for score in found] == [*numbers]
    assert [score.text for score in found] == [lines[n - 1] for n in numbers]
    assert sum(score.count for score in found) == sum(score.count for score in forward)


def test_the_lines_of_a_backward_text_add_up_to_the_text():
    backward, lines = engine(policy=BACKWARD), ["ab", "de  c", "", "bb a"]
    found = list(score_lines(backward, lines))
    whole = evaluate(backward, "\n" + "\n".join(lines), context="\n")
    total = sum(score.nats for score in found)
    assert total == pytest.approx(whole.nats * whole.characters, rel=1e-6)


def test_a_backward_line_of_a_list_is_read_alone_and_from_its_end():
    policy = TextPolicy(documents="lines", direction="backward")
    lines = ["abc", "", "cb", "aXb"]
    found = list(score_lines(item_engine(text=policy), lines))
    forward = list(score_lines(item_engine(), [line[::-1] for line in lines]))
    assert [score.nats for score in found] == [score.nats for score in forward]
    assert [score.text for score in found] == lines
    assert [score.number for score in found] == [1, 2, 3, 4]
    assert [score.unknown for score in found] == [0, 0, 0, 1]


def test_each_line_of_a_list_is_read_alone():
    model = item_engine()
    lines = ["abc", "", "c", "abcabcabc", "abc"]
    found = list(score_lines(model, lines))
    end = model.vocabulary.end
    for line, score in zip(lines, found, strict=True):
        losses = reference(model, [end, *model.vocabulary.encode(line), end])
        assert score.nats == pytest.approx(sum(losses), rel=1e-6)
        assert score.count == len(line) + 1
        assert score.nats_each == score.nats / score.count
    assert [score.text for score in found] == lines
    assert [score.number for score in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("batch", "cells"), [(1, 10**6), (3, 10**6), (64, 12), (64, 1)])
def test_how_many_are_read_side_by_side_changes_nothing(batch, cells, monkeypatch):
    model, random = item_engine(), np.random.default_rng(0)
    lines = ["abc" * int(n) for n in random.integers(0, 7, 20)]
    expected = list(score_lines(model, lines))
    monkeypatch.setattr(module, "BATCH", batch)
    monkeypatch.setattr(module, "CELLS", cells)
    found = list(score_lines(model, lines))
    assert [(s.number, s.text) for s in found] == list(enumerate(lines, 1))
    nats = [score.nats for score in expected]
    assert [score.nats for score in found] == pytest.approx(nats, rel=1e-5)


def test_lines_come_as_they_are_read():
    read = []

    def endless():
        for number in range(1000):
            read.append(number)
            yield "ab"

    for model in (engine(), item_engine()):
        read.clear()
        assert next(score_lines(model, endless())).number == 1
        assert len(read) <= module.BATCH + 1


def test_blocks_end_where_a_blank_line_follows():
    model = item_engine("\nabc", documents="blank-lines")
    lines = ["ab", "c", "", " ", "ba", "a"]
    found = list(score_lines(model, lines))
    assert [score.number for score in found] == [1, 2, 5, 6]
    end, encode = model.vocabulary.end, model.vocabulary.encode
    for pair, text in ((found[:2], "ab\nc"), (found[2:], "ba\na")):
        losses = reference(model, [end, *encode(text), end])
        assert pair[0].nats == pytest.approx(sum(losses[:3]), rel=1e-6)
        assert pair[1].nats == pytest.approx(sum(losses[3:]), rel=1e-6)


def test_a_file_ends_with_its_last_line():
    model = item_engine("\nabc", documents="files")
    end, encode = model.vocabulary.end, model.vocabulary.encode
    losses = reference(model, [end, *encode("ab\n\nc"), end])
    found = [score.nats for score in score_lines(model, ["ab", "", "c"])]
    expected = [sum(losses[:3]), losses[3], sum(losses[4:])]
    assert found == pytest.approx(expected, rel=1e-6)


def test_unknown_characters_are_scored_as_their_mark_or_left_out():
    marked, plain = item_engine(), item_engine(unknown=False)
    (found,) = score_lines(marked, ["aéc"])
    assert (found.count, found.unknown, found.text) == (4, 1, "aéc")
    losses = reference(marked, [3, 0, 4, 2, 3])
    assert found.nats == pytest.approx(sum(losses), rel=1e-6)
    (found,) = score_lines(plain, ["aéc"])
    (without,) = score_lines(plain, ["ac"])
    assert (found.count, found.unknown, found.text) == (3, 1, "aéc")
    assert found.nats == without.nats


def test_no_lines_and_lines_with_nothing_to_score():
    assert list(score_lines(engine(), [])) == list(score_lines(item_engine(), [])) == []
    assert LineScore(1, "", 0.0, 0, 0).nats_each == 0


def test_a_long_text_has_as_many_scores_as_lines():
    text = some_text(3000)
    assert len(list(score_lines(engine(), text.split("\n")))) == text.count("\n") + 1
