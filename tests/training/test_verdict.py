"""What is made of a finished run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chargen.text.corpus import split
from chargen.text.counts import counted_nats
from chargen.text.encoded import encode_text
from chargen.text.parts import Plain
from chargen.text.sources import BUNDLED_CORPORA
from chargen.training.verdict import Verdict, describe_loss, verdict, worse_than_counting


def log(*losses):
    """Return log lines of (train, validation) losses, one each 1,000 steps."""
    return [
        {
            "kind": "evaluation",
            "step": 1000 * (i + 1),
            "seconds": 10.4 * (i + 1),
            "train": train,
            "validation": validation,
        }
        for i, (train, validation) in enumerate(losses)
    ]


def corpus(train, validation):
    texts = [encode_text(c) for c in (train, validation)]
    return split(texts[0], texts[1] if validation else 0)


def some_words(count, seed):
    words = ["sea", "ship", "été", "rope", "中文", "and", "the", "of"]
    return " ".join(np.random.default_rng(seed).choice(words, count))


def test_a_loss_is_told_in_nats_bits_and_characters():
    assert describe_loss(math.log(4)) == (
        "1.3863 nats = 2.0000 bits a character, like choosing among 4.00 characters"
    )


def test_a_run_that_gained_to_its_end_is_still_improving():
    judged = verdict(log((2.0, 2.1), (1.8, 1.9), (1.6, 1.8))).text
    assert judged.startswith("still improving at the end")


def test_a_run_with_one_evaluation_is_still_improving():
    assert verdict(log((2.0, 2.1))).text.startswith("still improving at the end")


def test_a_run_that_gained_little_at_its_end_is_levelling_off():
    judged = verdict(log((2.0, 2.1), (1.8, 1.9), (1.7, 1.897))).text
    assert judged.startswith("levelling off")


def test_a_run_that_forgets_what_it_was_not_shown_is_over_fitting():
    judged = verdict(log((2.0, 2.1), (1.8, 1.9), (1.5, 1.95), (1.2, 2.0))).text
    assert judged.startswith("over-fitting since step 2,000 (21 s)")
    assert "`dropout`" in judged


@pytest.mark.parametrize(
    "later",
    [
        [(1.85, 2.0)],  # the training loss rose too
        [(1.7, 1.91)],  # the validation loss rose by less than counts
        [(1.7, 2.5), (1.7, 1.905)],  # and came back
    ],
)
def test_a_run_that_was_best_before_its_end_stopped_improving(later):
    judged = verdict(log((2.0, 2.1), (1.8, 1.9), *later)).text
    assert judged == "stopped improving at step 2,000 (21 s)"


def test_an_evaluation_of_the_same_weights_once_more_counts_for_nothing():
    judged = verdict(log((2.0, 2.1), (1.8, 1.9), (1.8, 1.9))).text
    assert judged.startswith("still improving at the end")


def test_a_log_without_a_validation_loss_has_no_verdict():
    with pytest.raises(ValueError, match="no evaluation"):
        verdict([{"kind": "evaluation", "step": 50, "seconds": 1.0, "train": 2.0}])


def test_lines_without_a_validation_loss_do_not_count():
    lines = log((2.0, 2.1), (1.9, None), (1.8, 1.9), (1.0, None))
    del lines[3]["validation"]
    assert verdict(lines) == verdict([lines[0], lines[2]])


def judged(longer):
    return Verdict("stopped improving", longer=longer)


@pytest.mark.parametrize(
    ("longer", "size", "cause"),
    [
        (True, 30_000, "the run was too short"),
        (False, 30_000, "the model may be too small, or learn too fast"),
        (False, 3_000, " characters are few to learn from"),
        (True, 3_000, "the run was too short"),
    ],
)
def test_why_a_model_is_worse_than_counting(longer, size, cause):
    text = some_words(size // 4, 0)[:size].replace("of ", "of\n")
    said = worse_than_counting(0.9, judged(longer), corpus(text, some_words(300, 1)))
    assert said.startswith(
        "worse than counting strings of up to 8 characters, which needs 0.9"
    )
    assert cause in said


def test_a_list_that_was_learned_as_running_text_is_said_to_be_one():
    text = (BUNDLED_CORPORA / "minerals.txt").read_text("utf-8")
    said = worse_than_counting(1.0, judged(longer=True), split(encode_text(text), 0.1))
    assert "the text looks like a list" in said
    assert "try `documents` lines" in said


def test_an_end_that_is_unlike_the_rest_is_found():
    # One long line, so that it is no list; only the last tenth has these letters.
    other = np.random.default_rng(2).choice([*"αβγδεζηθ "], 2000)
    text = split(encode_text(some_words(6000, 0) + "".join(other)), 0.1)
    counted = counted_nats(
        text.train, text.validation, len(text.vocabulary), context=Plain(text.context)
    )
    said = worse_than_counting(counted, judged(longer=True), text)
    assert "the end of the text, which it is validated on, is unlike the rest" in said


def test_a_run_of_a_few_updates_is_hardly_trained():
    line = {**log((7.2, 7.2))[0], "step": 1}
    assert verdict([line]).text.startswith("hardly trained, by 1 update;")


def test_a_fine_tuning_that_did_not_help_is_said():
    lines = [
        {**line, "step": 1000 * i} for i, line in enumerate(log((3.0, 1.5), (1.0, 1.6)))
    ]
    assert verdict(lines).text.startswith(
        "the training did not help: the best is the model that"
    )
    assert verdict(log((2.0, 1.5))[:1]).text.startswith("still improving")
