"""Texts around a word: a backward model writes what comes before it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np

from chargen.sampling.batch import WIDTH, write
from chargen.sampling.draw import Uniforms, draw
from chargen.sampling.evaluate import costs
from chargen.sampling.method import Method, random_seed
from chargen.sampling.model import Model, with_start
from chargen.sampling.options import Sampling, SamplingOptions
from chargen.sampling.seeds import SeedText, read_seeds, seed_text_of
from chargen.sampling.texts import Accept, Sample, accepted, sample_of

BEGINNINGS = 8
"""How many beginnings are written for each text."""

LEFTWARD = 2**32
"""From here on are the numbers of the streams that backward models draw from."""

CHOICE = 2**48
"""From here on are those that one of the beginnings is chosen by."""


def generate_around(
    model: Model,
    backward: Model,
    word: str,
    sampling: Sampling | None = None,
    *,
    accept: Accept | None = None,
    count: int | None = None,
    **options: Unpack[SamplingOptions],
) -> Iterator[Sample]:
    """Draw texts that contain a word.

    The backward model writes from the word to the left, up to a stop string or the
    beginning of the line or item; the other one continues from there, to the end of the
    line if nothing else is said (the backward and forward models of Mou et al. 2015, arXiv
    1512.06612). Of eight beginnings, one is drawn with odds p / q, where p is what the
    forward model thinks of it and q what the backward one does (sampling importance
    resampling: Rubin 1988): so it is as natural to the model that goes on from it.

    Args:
        model: a model that writes forwards.
        backward: one that learned to write backwards.
        word: what each text contains, of any length.
        sampling, accept, count, options: see `generate_texts`.

    Returns:
        An iterator that ends after `count` texts, or where 100 in a row were refused. Of a
        sample, `seed_text` is what the backward model wrote and the word; `nats` are of
        what comes after.

    Raises:
        UnknownCharacterError: the word has characters that one of the models never saw.
        ValueError: an option is out of range, or a model writes in the wrong direction.
    """
    sampling = replace(sampling or Sampling(), **options)
    if model.policy.backward or not backward.policy.backward:
        raise ValueError("a forward and a backward model are needed, in this order")
    if model.policy.documents != backward.policy.documents:
        raise ValueError(
            "the two models learned from different kinds of text: one from items, one from "
            "running text, or from other items"
        )
    for name in ("pattern", "acrostic"):
        if getattr(sampling, name) is not None:
            raise ValueError(f"`{name}` shapes a text from its beginning, not from a word")
    if not word:
        raise ValueError("`containing` must be a text; it is empty")
    if sampling.seed is None:
        sampling = replace(sampling, seed=random_seed())
    ends = (sampling.length, sampling.lines, sampling.stop or None)
    if "\n" in model.vocabulary and all(each is None for each in ends):
        sampling = replace(sampling, lines=1)
    line = 1 if "\n" in backward.vocabulary and not sampling.stop else None
    left = replace(sampling, lines=line, keep_stop=False)
    methods = Method(backward, left), Method(model, sampling)
    seed_text_of(model, word, unknown=sampling.unknown)  # refuses what it never saw
    seed = seed_text_of(backward, word, unknown=sampling.unknown)
    samples = _around(model, backward, methods, seed, count)
    return itertools.islice(accepted(samples, accept), count)


def _around(
    model: Model,
    backward: Model,
    methods: tuple[Method, Method],
    word: SeedText,
    count: int | None,
) -> Iterator[Sample]:
    (start,) = read_seeds(backward, [word])
    numbers: Iterator[int] = itertools.count()
    width = min(WIDTH, count or WIDTH)
    while True:
        some = list(itertools.islice(numbers, width))
        streams = (LEFTWARD + i * BEGINNINGS + j for i in some for j in range(BEGINNINGS))
        drafts = write(backward, methods[0], ((start, stream) for stream in streams))
        begun = iter([sample_of(backward, 0, draft) for draft in drafts])
        seeds = [
            _chosen(model, list(itertools.islice(begun, BEGINNINGS)), methods[0].seed, i)
            for i in some
        ]
        whole = write(model, methods[1], zip(read_seeds(model, seeds), some, strict=True))
        yield from (sample_of(model, i, each) for i, each in zip(some, whole, strict=True))


def _chosen(model: Model, begun: Sequence[Sample], seed: int, number: int) -> SeedText:
    """Return one of several beginnings, by what both models think of them."""
    seeds = [_from_line(model, sample.text) for sample in begun]
    forward = costs(model, [with_start(model, each.ids) for each in seeds])
    backward = [math.fsum(each.nats) for each in begun]
    odds = np.array([backward]) - np.array([forward])
    odds -= odds.max()
    places = draw(odds, [Uniforms(seed, CHOICE + number).next()])
    return seeds[int(places[0])]


def _from_line(model: Model, text: str) -> SeedText:
    """Return a seed text that stands at the beginning of a line or of an item."""
    seed = seed_text_of(model, text, unknown="skip")
    if model.vocabulary.end is not None:
        return seed
    before = np.array([model.start_id], np.int32)
    return replace(seed, ids=np.concatenate([before, seed.ids]))
