"""How much of what a model writes stands verbatim in what it learned from."""

from __future__ import annotations

from dataclasses import dataclass

from chargen.sampling.copies import CopyIndex
from chargen.sampling.items import TrainingItems
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling
from chargen.sampling.texts import Sample, generate_texts, without_label
from chargen.text.parts import Items, Part, blocks

SPAN = 20
"""Characters in a row from which on a stretch is copied rather than met again by chance."""

TEXTS, LENGTH = 8, 500
"""How many texts are drawn of a model of running text, and their characters."""

ITEMS = 100
"""How many items are drawn of a model of items."""

MOST_INDEXED = 10_000_000
"""How many characters of the training text's end are searched: about 1.5 s and 80 MB."""

MARK = "\ufffd"
"""Stands for a mark in the training text; a model never writes it."""


@dataclass(frozen=True)
class Copied:
    """What a sample has in common with the training text, in shares of it, in [0, 1].

    Attributes:
        characters: how many characters were drawn; 0 of a model of items.
        in_spans: the share of them in stretches of at least 20 characters that stand in the
            training text.
        lines: the share of the lines, blank ones left out, that are lines of the training
            text; of a model of items, the share of its items.
        items: how many items were drawn; 0 of a model of running text.
    """

    characters: int = 0
    in_spans: float = 0.0
    lines: float = 0.0
    items: int = 0

    def __str__(self) -> str:
        if self.items:
            return (
                f"of {self.items:,} items that it writes, {self.lines:.0%} are in the text"
            )
        return (
            f"of {self.characters:,} characters that it writes, {self.in_spans:.1%} are in "
            f"the text in stretches of {SPAN} and more; of the lines, {self.lines:.0%} are"
        )


def copied(model: Model, train: Part) -> Copied:
    """Draw texts, at temperature 1 and with seed 0, and return how much they copy.

    Args:
        model: what was trained.
        train: the training part, in the model's order. Of over 10 million characters, the
            last 10 million are searched.
    """
    sampling = Sampling(temperature=1.0, seed=0, length=LENGTH)
    if isinstance(train, Items):
        labelled = model.policy.label
        known = TrainingItems.of(train.texts(labelled=labelled))
        drawn = [sample.text for sample in generate_texts(model, sampling, count=ITEMS)]
        items = [without_label(text) if labelled else text for text in drawn]
        return Copied(lines=sum(item in known for item in items) / ITEMS, items=ITEMS)
    samples = generate_texts(model, sampling, count=TEXTS)
    return _of_running_text(list(samples), train, model)


def _of_running_text(samples: list[Sample], train: Part, model: Model) -> Copied:
    texts = [model.policy.arrange(sample.text) for sample in samples]  # as `train` is read
    text = "".join(
        model.vocabulary.decode(block.tolist(), mark=MARK)
        for block in blocks(train, max(0, len(train) - MOST_INDEXED))
    )
    index, known = CopyIndex.of([[text]], SPAN), set(text.split("\n"))
    spans = [end - start for text in texts for start, end in index.spans(text)]
    lines = [line for text in texts for line in _whole_lines(text)]
    total = sum(map(len, texts))
    return Copied(
        characters=total,
        in_spans=sum(spans) / total,
        lines=sum(line in known for line in lines) / max(1, len(lines)),
    )


def _whole_lines(text: str) -> list[str]:
    """Return the lines of a text that are not blank, without the two that are cut off."""
    return [line for line in text.split("\n")[1:-1] if line.strip()]
