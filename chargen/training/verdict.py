"""What to make of a finished run: its losses, put into perspective. No TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from chargen.sampling.evaluate import perplexity
from chargen.text.corpus import Corpus
from chargen.text.vocabulary import Ids

HARDLY = 20  # updates: no model has learned anything by then
PROGRESS = 0.005  # nats: what a longer run has to gain to be worth it
OVERFITTING = 0.02  # nats above the best at the end
MAX_COMPRESSED = 4 * 2**20  # bytes of training text that xz is shown


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


def xz_nats(corpus: Corpus) -> float | None:
    """Return what xz needs for the validation part, in nats per character.

    xz is shown the training part first (the last 4 MiB of it): this is the compressed size
    of both together, less that of the training part alone. None if there is no validation
    part, if that is larger than 4 MiB, or if Python was built without xz.
    """
    try:
        import lzma
    except ImportError:
        return None
    if not 0 < len(corpus.validation) <= MAX_COMPRESSED:
        return None
    train = corpus.train
    seen = _as_text(corpus, train.read(max(0, len(train) - MAX_COMPRESSED)))
    seen = seen[-MAX_COMPRESSED:]
    scored = _as_text(corpus, corpus.validation.read())
    preset = 9 | lzma.PRESET_EXTREME
    both = len(lzma.compress(seen + scored, preset=preset))
    alone = len(lzma.compress(seen, preset=preset))
    return (both - alone) * 8 * math.log(2) / len(corpus.validation)


def _as_text(corpus: Corpus, ids: Ids) -> bytes:
    """Return ids as xz is shown them: in UTF-8, and a NUL for each mark."""
    characters = (*corpus.vocabulary.characters, *("\0" * len(corpus.vocabulary.marks)))
    return "".join(characters[i] for i in ids).encode("utf-8")
