"""Items that a model writes, compared with those that it learned from."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chargen.sampling.texts import Accept, Sample, without_label
from chargen.text.documents import item_hash

USUAL = (0.01, 0.99)
"""Between which quantiles of the training items' lengths a length is plausible."""

EXAMPLES = 3
"""How many items a report card shows of a kind."""


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
