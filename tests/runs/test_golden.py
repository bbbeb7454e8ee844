"""Checkpoints of format 1 as they were first written: they must be read for ever.

Those in `tests/data` were trained by chargen 0.1.0 on the bundled minerals: 60 steps of 12
units. They are never written anew: a change that breaks them breaks all there ever were,
and needs a new format beside this one.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import HERE

import chargen
from chargen.model.cells import CELLS
from chargen.runs.find import open_checkpoint
from chargen.runs.run import Run

DATA = HERE / "data"


@pytest.mark.parametrize("cell", CELLS)
def test_a_checkpoint_of_format_1_generates_what_it_always_did(cell: str) -> None:
    folder = DATA / f"format-1-{cell}"
    expected = json.loads((DATA / "texts.json").read_text("utf-8"))[cell]
    found = open_checkpoint(str(folder))
    assert found.model.cell == cell
    assert found.validation_loss == expected["validation"]
    model = chargen.load(str(folder))
    for text in expected["texts"]:
        options = {name: text[name] for name in ("length", "temperature", "seed")}
        generated = "".join(chargen.generate(model, text["seed_text"], **options))
        assert generated == text["text"], options


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(c, marks=pytest.mark.slow) for c in ("rnn", "gru"))]
)
def test_a_checkpoint_of_format_1_can_be_trained_further(cell: str, tmp_path: Path) -> None:
    given = {"steps": 2, "stock": True, "dropout": 0.0, "eval_every": 2}
    start = DATA / f"format-1-{cell}"
    folder = chargen.train("minerals", init_from=start, out=tmp_path / "run", **given)
    assert Run(folder).read("latest").step == 2
