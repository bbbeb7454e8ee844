"""How much a model copies, of samples that are known to the character."""

from __future__ import annotations

import numpy as np
import pytest

import chargen
from chargen.runs.find import open_checkpoint
from chargen.runs.held_out import find_part
from chargen.sampling import copied as module
from chargen.sampling.copied import Copied, copied
from chargen.sampling.texts import Sample, generate_texts
from chargen.text.corpus import split
from chargen.text.encoded import Encoder
from chargen.text.parts import Plain

TEXT = "The harbour is quiet tonight, she said.\nPELL:\nAnd so it was, for a while.\n" * 3


@pytest.fixture
def model():
    return chargen.load("harbour-plays")


def wrote(monkeypatch, *texts):
    samples = [Sample(text, ended=True) for text in texts]
    monkeypatch.setattr(module, "generate_texts", lambda *_, **__: iter(samples))


def part(model, text=TEXT):
    return Plain(model.vocabulary.encode(text))


def test_stretches_of_twenty_and_lines_are_counted(monkeypatch, model):
    # 20 copied characters, 19 that are one too few, and lines: one copied, one not.
    first = "xx" + "The harbour is quiet" + "xx" + "And so it was, for " + "xx"
    second = "cut off\nPELL:\n\nNOBODY:\ncut off"
    wrote(monkeypatch, first, second)
    found = copied(model, part(model))
    total = len(first) + len(second)
    assert found == Copied(characters=total, in_spans=20 / total, lines=1 / 2)


def test_a_text_that_is_all_copied_and_one_that_is_not(monkeypatch, model):
    wrote(monkeypatch, TEXT[:200], TEXT[40:120])
    assert copied(model, part(model)).in_spans == 1
    wrote(monkeypatch, "Zebras! " * 40)
    assert copied(model, part(model)) == Copied(characters=320)


def test_of_a_long_text_the_end_is_searched(monkeypatch, model):
    monkeypatch.setattr(module, "MOST_INDEXED", 60)
    begin, end = "The harbour is quiet tonight", "And so it was, for a while"
    text = part(model, begin + "x" * 40 + end)
    wrote(monkeypatch, begin)
    assert copied(model, text).in_spans == 0
    wrote(monkeypatch, end)
    assert copied(model, text).in_spans == 1


def test_a_backward_model_is_compared_in_reading_order(monkeypatch, model):
    backward = type("Backward", (), {})()
    backward.vocabulary = model.vocabulary
    backward.policy = type(model.policy)(direction="backward")
    wrote(monkeypatch, "x" + TEXT[10:50])
    found = copied(backward, Plain(model.vocabulary.encode(TEXT)[::-1]))
    assert found.in_spans == 40 / 41


def test_items_are_copied_as_a_whole(monkeypatch):
    model = chargen.load("minerals")
    held = find_part(open_checkpoint("minerals"), "validation")
    names = [*held.train.texts(labelled=False)]
    wrote(monkeypatch, names[0], names[5], "Chargenite", names[1][:-1] + "xq")
    monkeypatch.setattr(module, "ITEMS", 4)
    assert copied(model, held.train) == Copied(lines=0.5, items=4)


def test_labels_do_not_count(monkeypatch):
    model = type("Labelled", (), {})()
    model.policy = type(chargen.load("minerals").policy)(documents="lines", label=True)
    encoder = Encoder()
    for name in ("Ann", "Bob", "Eve"):
        encoder.add_item(f"{name[0]}\t{name}", name)
    wrote(monkeypatch, "B\tAnn", "A\tBob", "A\tTom")
    monkeypatch.setattr(module, "ITEMS", 3)
    assert copied(model, split(encoder.finish([]), 0).train).lines == 2 / 3


def test_what_is_said():
    assert str(Copied(4000, 0.051, 0.362)) == (
        "of 4,000 characters that it writes, 5.1% are in the text in stretches of 20 and "
        "more; of the lines, 36% are"
    )
    assert str(Copied(lines=0.02, items=100)) == (
        "of 100 items that it writes, 2% are in the text"
    )


def test_the_bundled_model_copies_what_another_count_finds(model):
    held = find_part(open_checkpoint("harbour-plays"), "validation")
    characters = np.array([*model.vocabulary.characters])
    text = "".join(characters[held.train.read()])
    found = copied(model, held.train)
    copies = 0
    for sample in generate_texts(model, count=8, length=500, temperature=1.0, seed=0):
        covered = set()
        for place in range(len(sample.text) - 19):
            if sample.text[place : place + 20] in text:
                covered.update(range(place, place + 20))
        copies += len(covered)
    assert found.in_spans == copies / 4000 > 0
