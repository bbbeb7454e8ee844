"""Many texts at once: drawn side by side, and chosen."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

from chargen.sampling.batch import WIDTH, nats, write
from chargen.sampling.draft import Draft
from chargen.sampling.method import Method
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling, SamplingOptions
from chargen.sampling.seeds import SeedText, read_seeds, seed_text_of
from chargen.text.policy import LABEL_END

if TYPE_CHECKING:
    from chargen.sampling.copies import CopyGuard

TRIES = 100
"""How many texts in a row may be refused before no more are drawn."""

Accept = Callable[[str], bool]


@dataclass(frozen=True)
class Sample:
    """A text that was drawn.

    Attributes:
        text: the text, the seed text included; a label that was asked for is not.
        ended: whether it ended by itself, at an end mark or in its shape; False if it
            became too long.
        seed_text: what it goes on from (for a backward model: what it ends with).
        number: which of the independent texts of its random seed it is, from 0.
        nats: what each new character cost the model, -ln p, before any rule changed the
            odds; NaN for a letter that the model never saw.
    """

    text: str
    ended: bool
    seed_text: str = ""
    number: int = 0
    nats: tuple[float, ...] = ()

    @property
    def nats_each(self) -> float:
        """The mean of `nats`; 0 where there are none."""
        known = [nats for nats in self.nats if not math.isnan(nats)]
        return math.fsum(known) / len(known) if known else 0.0


def generate_texts(
    model: Model,
    sampling: Sampling | None = None,
    *,
    seed_text: str | Sequence[str] = "",
    label: str | None = None,
    accept: Accept | None = None,
    guard: CopyGuard | None = None,
    count: int | None = None,
    **options: Unpack[SamplingOptions],
) -> Iterator[Sample]:
    """Draw texts, up to 64 side by side.

    Each draws from a random stream of its own, text i from `PCG64(seed).jumped(i)`; the
    first is the one that `generate` gives. So text i is the same however many there are,
    unless two characters are so nearly equally likely that rounding decides: products of
    several rows are not rounded like those of one.

    Args:
        model: what `chargen.load` returns.
        sampling: how to draw; None for the defaults of `Sampling`.
        seed_text: what each text begins with (ends with, for a backward model), or several
            such texts, which get `count` texts each.
        label: the label of each item, for a model whose items have labels. Without it the
            model writes a label, a tab and an item.
        accept: says whether a text will do; where it will not, another one is drawn.
        guard: what keeps texts from copying; None to let them.
        count: how many texts; None for no end of them.
        options: fields of `Sampling` by name, in place of those of `sampling`.

    Returns:
        An iterator that ends after `count` texts, or where 100 in a row were refused.

    Raises:
        UnknownCharacterError: the label or the seed text has characters that the model
            never saw.
        ValueError: `count` is negative, an option is out of range or asks for what the
            model cannot write, or there is a label, and the model's items have none.
    """
    if count is not None and not 0 <= count <= sys.maxsize:
        raise ValueError(f"`count` must be 0 or more; got {count:,}")
    sampling = replace(sampling or Sampling(), **options)
    method = Method(model, sampling, guard)
    texts = [seed_text] if isinstance(seed_text, str) else seed_text
    seeds = [
        seed_text_of(model, text, unknown=sampling.unknown, label=label) for text in texts
    ]
    for seed in seeds:
        method.begin(seed)  # refuses before anything is drawn
    return _texts(model, method, seeds, accept, count)


def _texts(
    model: Model,
    method: Method,
    seeds: list[SeedText],
    accept: Accept | None,
    count: int | None,
) -> Iterator[Sample]:
    starts = read_seeds(model, seeds)
    whole = method.pattern is not None and method.guard is not None  # may be in vain
    if accept is None and count is not None and not whole:
        each = ((start, number) for start in starts for number in range(count))
        drafts = write(model, method, each)
        for place, draft in enumerate(drafts):
            yield sample_of(model, place % count, draft)
        return
    for start in starts:
        endless = ((start, number) for number in itertools.count())
        width = min(WIDTH, count or WIDTH)
        drafts = write(model, method, endless, width=width)
        samples = (sample_of(model, number, draft) for number, draft in enumerate(drafts))
        yield from itertools.islice(accepted(samples, accept, whole=whole), count)


def sample_of(model: Model, number: int, draft: Draft) -> Sample:
    """Return a finished text in reading order."""
    new = "".join(character for character, _ in draft.ready)
    costs = tuple(nats(cost) for _, cost in draft.ready)
    text = draft.seed.text + new
    if model.policy.backward:
        text, costs = model.policy.arrange(new) + draft.seed.text, costs[::-1]
    return Sample(text, draft.ended, draft.seed.text, number, costs)


def accepted(
    samples: Iterable[Sample], accept: Accept | None, *, whole: bool = False
) -> Iterator[Sample]:
    """Yield the samples that will do, until 100 in a row will not.

    With `whole`, only those will that ended by themselves.
    """
    refused = 0
    for sample in samples:
        if (sample.ended or not whole) and (accept is None or accept(sample.text)):
            refused = 0
            yield sample
        else:
            refused += 1
            if refused == TRIES:
                return


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
