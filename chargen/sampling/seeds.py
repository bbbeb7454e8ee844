"""Where texts go on from: seed texts, prepared, read by a model, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chargen.sampling.model import Model, with_start
from chargen.text.policy import LABEL_END
from chargen.text.vocabulary import Ids, Vocabulary


@dataclass(frozen=True)
class SeedText:
    """A seed text as a model reads it.

    Attributes:
        text: the text, in reading order.
        ids: what the model reads of it, in the model's order: int32 (n,). A label comes
            first.
        replaced: what was put in the place of characters that the model never saw.
    """

    text: str
    ids: Ids
    replaced: dict[str, str] = field(default_factory=dict)


def seed_text_of(
    model: Model, text: str, *, unknown: str = "error", label: str | None = None
) -> SeedText:
    """Prepare a seed text as the model's corpus was.

    Args:
        model: what is to read it.
        text: the text.
        unknown: what becomes of characters that the model never saw: see `Sampling`.
        label: the label of the item that the text begins, for a model with labels.

    Raises:
        UnknownCharacterError: the text or the label has characters that the model never
            saw, and no mark for them, and they are to be an error or have no nearest one.
        ValueError: there is a label, and the model's items have none.
    """
    prepare, vocabulary = model.policy.prepare, model.vocabulary
    text = prepare(text)
    replaced = replacements(vocabulary, text, unknown)
    text = text.translate({ord(c): instead for c, instead in replaced.items()})
    ids = vocabulary.encode(text, what="the seed text")
    if model.policy.backward:
        ids = ids[::-1]
    if label is not None:
        if not model.policy.label:
            raise ValueError("`label` is for models whose items have labels")
        before = vocabulary.encode(prepare(label), what="the label")
        ids = np.concatenate([before, vocabulary.encode(LABEL_END), ids])
    return SeedText(text, ids, replaced)


def replacements(vocabulary: Vocabulary, text: str, unknown: str) -> dict[str, str]:
    """Return what is read in the place of characters that a vocabulary lacks.

    Those that are to be an error, or have no nearest one, are left out.
    """
    if unknown == "error":
        return {}
    others = sorted(set(text).difference(vocabulary.characters))
    found = {c: "" if unknown == "skip" else vocabulary.nearest(c) for c in others}
    return {c: instead for c, instead in found.items() if instead is not None}


@dataclass(frozen=True)
class Start:
    """Where a text goes on from; any number of texts may go on from it.

    Attributes:
        seed: the seed text.
        last: the id to read next.
        state: the model's state before that, of one text.
    """

    seed: SeedText
    last: int
    state: Any


def read_seeds(model: Model, seeds: Sequence[SeedText]) -> list[Start]:
    """Read seed texts side by side, each as `with_start` says."""
    read = [with_start(model, seed.ids) for seed in seeds]
    order = sorted(range(len(read)), key=lambda i: -len(read[i]))
    state, at = model.zero_state(len(read)), 0
    starts: dict[int, Start] = {}
    begin = getattr(model, "begin", None)  # a blend drifts from where a seed text ends
    while True:
        kept = len(order)
        while kept and len(read[order[kept - 1]]) == at + 1:  # the shortest are last
            kept -= 1
            own = model.rows(state, np.array([kept]))
            own = begin(own) if begin is not None else own
            starts[order[kept]] = Start(seeds[order[kept]], int(read[order[kept]][-1]), own)
        if kept < len(order):
            order, state = order[:kept], model.rows(state, np.arange(kept))
        if not order:
            break
        ids = np.array([read[i][at] for i in order], np.int32)
        _, state = model.step(ids, state)
        at += 1
    return [starts[i] for i in range(len(seeds))]
