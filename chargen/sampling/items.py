"""Whole texts: drawn one after the other, and compared with what the model learned from.

Most of them are items of a model of items; running texts can be drawn in the same way.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
import numpy.typing as npt

from chargen.sampling.draw import Uniforms
from chargen.sampling.generate import draw_ids, random_seed, read_seed
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling, SamplingOptions
from chargen.text.documents import item_hash
from chargen.text.policy import LABEL_END
from chargen.text.vocabulary import Ids

TRIES = 100
"""How many texts in a row may be refused before no more are drawn."""

USUAL = (0.01, 0.99)
"""Between which quantiles of the training items' lengths a length is plausible."""

EXAMPLES = 3
"""How many items a report card shows of a kind."""

Accept = Callable[[str], bool]


@dataclass(frozen=True)
class Sample:
    """A text that was drawn.

    Attributes:
        text: the text, the seed text included; a label that was asked for is not.
        ended: whether an end mark ended it; False if it became too long, or is a running
            text.
    """

    text: str
    ended: bool


def generate_texts(
    model: Model,
    sampling: Sampling | None = None,
    *,
    seed_text: str = "",
    label: str | None = None,
    accept: Accept | None = None,
    **options: Unpack[SamplingOptions],
) -> Iterator[Sample]:
    """Draw texts one after the other, from one stream of random numbers.

    The first is the one that `generate` gives; none depends on how many are asked for.

    Args:
        model: what `chargen.load` returns.
        sampling: how to draw; None for the defaults of `Sampling`.
        seed_text: what each text begins with.
        label: the label of each item, for a model whose items have labels. Without it the
            model writes a label, a tab and an item.
        accept: says whether a text will do; where it will not, another one is drawn.
        options: fields of `Sampling` by name, in place of those of `sampling`.

    Returns:
        An iterator that ends where 100 texts in a row were refused, and else never.

    Raises:
        UnknownCharacterError: the label or the seed text has characters that the model
            never saw.
        ValueError: there is a label, and the model's items have none.
    """
    sampling = replace(sampling or Sampling(), **options)
    prepare, encode = model.policy.prepare, model.vocabulary.encode
    seed_text = prepare(seed_text)
    ids = encode(seed_text, what="the seed text")
    if label is not None:
        if not model.policy.label:
            raise ValueError("`label` is for models whose items have labels")
        before = encode(prepare(label), what="the label")
        ids = np.concatenate([before, encode(LABEL_END), ids])
    return _texts(model, ids, seed_text, sampling, accept)


def _texts(
    model: Model, ids: Ids, seed_text: str, sampling: Sampling, accept: Accept | None
) -> Iterator[Sample]:
    uniforms = Uniforms(random_seed() if sampling.seed is None else sampling.seed)
    start, end = read_seed(model, ids), model.vocabulary.end
    refused = 0
    while refused < TRIES:
        drawn = list(draw_ids(model, start, sampling, uniforms))
        text = seed_text + model.vocabulary.decode(drawn)
        if accept is None or accept(text):
            refused = 0
            yield Sample(text, ended=end is not None and drawn[-1:] == [end])
        else:
            refused += 1


def unrepeated() -> Accept:
    """Return an `accept` that says no to what it said yes to before."""
    seen: set[str] = set()

    def accept(text: str) -> bool:
        new = text not in seen
        seen.add(text)
        return new

    return accept


def without_label(text: str) -> str:
    """Return what follows the label of a text that has one."""
    return text.partition(LABEL_END)[2]


@dataclass(frozen=True)
class TrainingItems:
    """What is known of the items that a model learned from; their labels do not count.

    Attributes:
        hashes: their hashes as `item_hash` makes them, sorted, uint64 (n,).
        lengths: the least and the largest plausible length, in characters; None where
            nothing but the hashes is known.
    """

    hashes: npt.NDArray[np.uint64]
    lengths: tuple[int, int] | None = None

    @classmethod
    def of(cls, texts: Iterable[str]) -> TrainingItems:
        """Return what is to be known of items, without their labels."""
        hashes, lengths = array("Q"), array("Q")
        for text in texts:
            hashes.append(item_hash(text))
            lengths.append(len(text))
        if not lengths:
            return cls(np.zeros(0, np.uint64))
        counts = np.frombuffer(lengths, np.uint64)
        low = np.quantile(counts, USUAL[0], method="lower")
        high = np.quantile(counts, USUAL[1], method="higher")
        return cls(np.unique(np.frombuffer(hashes, np.uint64)), (int(low), int(high)))

    def __contains__(self, text: str) -> bool:
        wanted = np.uint64(item_hash(text))
        place = self.hashes.searchsorted(wanted)
        return bool((self.hashes[place : place + 1] == wanted).any())


@dataclass(frozen=True)
class ReportCard:
    """What items that a model wrote are like.

    Attributes:
        count: how many they are.
        new: the share that is not in the training text.
        unique: how many different ones there are, as a share of all.
        plausible: the share whose length is that of 98 of 100 training items or, where
            these are not at hand, below the bound; labels do not count.
        lengths: the least and the largest plausible length; None where there is none.
        ended: the share that ended by itself.
        accepted: the share that a check accepts.
        copied, rejected: examples of what is not new, and of what is not accepted.

    Shares are in [0, 1]; None where they were not measured.
    """

    count: int
    new: float | None
    unique: float
    plausible: float
    lengths: tuple[int, int] | None
    ended: float
    accepted: float | None
    copied: tuple[str, ...]
    rejected: tuple[str, ...]


def report_card(
    samples: Sequence[Sample],
    *,
    labelled: bool = False,
    training: TrainingItems | None = None,
    check: Accept | None = None,
) -> ReportCard:
    """Return what samples are like.

    Args:
        samples: at least one.
        labelled: whether their texts begin with labels.
        training: what they may have been copied from; None if that is not known.
        check: says whether a text is right; it is asked once about each different text.
    """
    distinct = dict.fromkeys(sample.text for sample in samples)
    items = {text: without_label(text) if labelled else text for text in distinct}
    lengths = training.lengths if training is not None else None
    copied: set[str] = set()
    rejected: set[str] = set()
    if training is not None:
        copied = {text for text, item in items.items() if item in training}
    if check is not None:
        rejected = {text for text in distinct if not check(text)}

    def share(holds: Callable[[Sample], bool]) -> float:
        return sum(map(holds, samples)) / len(samples)

    def plausible(sample: Sample) -> bool:
        if lengths is None:
            return sample.ended
        return sample.ended and lengths[0] <= len(items[sample.text]) <= lengths[1]

    def examples(chosen: set[str]) -> tuple[str, ...]:
        return tuple([text for text in distinct if text in chosen][:EXAMPLES])

    return ReportCard(
        count=len(samples),
        new=None if training is None else share(lambda s: s.text not in copied),
        unique=len(distinct) / len(samples),
        plausible=share(plausible),
        lengths=lengths,
        ended=share(lambda s: s.ended),
        accepted=None if check is None else share(lambda s: s.text not in rejected),
        copied=examples(copied),
        rejected=examples(rejected),
    )
