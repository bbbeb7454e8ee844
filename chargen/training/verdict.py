"""What to make of a finished run: its losses, put into perspective. No TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from chargen.sampling.evaluate import perplexity
from chargen.text.corpus import Corpus
from chargen.text.counts import MOST_COUNTED, ORDER, counted_nats
from chargen.text.inspect import ENOUGH as FEW
from chargen.text.inspect import HEAD
from chargen.text.lists import looks_like_a_list
from chargen.text.parts import Items, Plain

HARDLY = 20  # updates: no model has learned anything by then
PROGRESS = 0.005  # nats: what a longer run has to gain to be worth it
OVERFITTING = 0.02  # nats above the best at the end
UNLIKE = 0.5  # nats by which the end of a text is harder to count if it is unlike the rest


def describe_loss(nats: float) -> str:
    """Express a loss in nats, in bits, and as a number of equally likely characters."""
    return (
        f"{nats:.4f} nats = {nats / math.log(2):.4f} bits a character, "
        f"like choosing among {perplexity(nats):.2f} characters"
    )


class Verdict(NamedTuple):
    """What to make of a run: in words, and whether a longer one may be better."""

    text: str
    longer: bool = True


def verdict(lines: Iterable[dict[str, Any]]) -> Verdict:
    """Judge a run by the evaluations in its log: improving, finished or over-fitting.

    Args:
        lines: of log.jsonl, at least one evaluation with a validation loss among them.

    Raises:
        ValueError: there is no such line.
    """
    best = before = last = None  # so that a long log is not held in memory
    for line in lines:
        loss = line.get("validation")
        if loss is None or (last is not None and loss == last["validation"]):
            continue  # the same loss to the last digit is that of the same weights
        before, last = last, line
        if best is None or loss < best["validation"]:
            best = line
    if best is None or last is None:
        raise ValueError("no evaluation has a validation loss")
    at = f"step {best['step']:,} ({best['seconds']:.0f} s)"
    if last["step"] < HARDLY:
        updates = "1 update" if last["step"] == 1 else f"{last['step']:,} updates"
        return Verdict(f"hardly trained, by {updates}; give it more time")
    if best["step"] == 0 and best is not last:
        return Verdict(
            "the training did not help: the best is the model that it started from, and "
            "that is what the run stands for; RUN/latest is what was trained. Try a lower "
            "`learning_rate`",
            longer=False,
        )
    if best is last:
        if before is not None and before["validation"] - best["validation"] < PROGRESS:
            return Verdict("levelling off: the last evaluation was the best, by a little")
        return Verdict("still improving at the end: a longer run would do better")
    measured = last["train"] is not None and best["train"] is not None
    if (
        measured
        and last["train"] < best["train"]
        and last["validation"] - best["validation"] > OVERFITTING
    ):
        return Verdict(
            f"over-fitting since {at}: the training loss falls on and the validation loss "
            "rises. More text, more `dropout` or a smaller model would help; the best "
            "checkpoint is kept",
            longer=False,
        )
    return Verdict(f"stopped improving at {at}")


def worse_than_counting(counted: float, judged: Verdict, corpus: Corpus) -> str:
    """Say that a model is worse than plain counting, why that may be, and what helps.

    Args:
        counted: what `counts.floor` returns for the validation part; the model's loss is
            higher.
        judged: what `verdict` says of the run.
        corpus: what the model learned from.
    """
    return (
        f"worse than counting strings of up to {ORDER} characters, which needs "
        f"{counted:.4f} nats: {_cause(counted, judged, corpus)}"
    )


def _cause(counted: float, judged: Verdict, corpus: Corpus) -> str:
    train = corpus.train
    if not isinstance(train, Items):
        beginning = corpus.vocabulary.decode(train.read(0, HEAD).tolist(), mark=" ")
        if looks_like_a_list(beginning):
            return (
                "the text looks like a list, which is learned better item by item: try "
                "`documents` lines"
            )
        ids = train.read(0, MOST_COUNTED)
        rest, tenth = (Plain(part) for part in np.split(ids, [len(ids) * 9 // 10]))
        before = counted_nats(rest, tenth, len(corpus.vocabulary), context=rest)
        if before is not None and counted > before + UNLIKE:
            return (
                "the end of the text, which it is validated on, is unlike the rest. If the "
                "text is sorted, or made of several, mix it, or try `documents` lines or "
                "blank-lines, of which any are held out"
            )
    if judged.longer:
        return "the run was too short"
    if len(train) < FEW:
        return (
            f"{len(train):,} characters are few to learn from. Begin with a model that "
            "knows the language: try `init_from` harbour-plays"
        )
    return "the model may be too small, or learn too fast: try `learning_rate` or `units`"
