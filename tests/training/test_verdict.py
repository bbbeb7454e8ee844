"""What is made of a finished run."""

from __future__ import annotations

import lzma
import math
import sys

import numpy as np
import pytest

from chargen.text.corpus import split
from chargen.text.encoded import encode_text
from chargen.training import verdict as module
from chargen.training.verdict import describe_loss, verdict, xz_nats


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


def test_xz_is_charged_for_the_validation_part_alone():
    train, validation = some_words(3000, 0), some_words(400, 1)
    preset = 9 | lzma.PRESET_EXTREME
    both = len(lzma.compress((train + validation).encode(), preset=preset))
    alone = len(lzma.compress(train.encode(), preset=preset))
    expected = (both - alone) * 8 * math.log(2) / len(validation)
    assert xz_nats(corpus(train, validation)) == pytest.approx(expected, rel=1e-12)
    assert expected > 0.1


def test_xz_learns_from_the_training_part():
    validation = some_words(300, 1)
    shown = xz_nats(corpus(some_words(50, 2) + validation, validation))
    not_shown = xz_nats(corpus("ab" * 20, validation))
    assert shown < not_shown / 2


def test_xz_is_shown_the_last_bytes_of_a_long_training_part(monkeypatch):
    monkeypatch.setattr(module, "MAX_COMPRESSED", 1000)
    train, validation = some_words(3000, 0), some_words(100, 1)
    seen, scored = train.encode()[-1000:], validation.encode()
    preset = 9 | lzma.PRESET_EXTREME
    size = len(lzma.compress(seen + scored, preset=preset))
    size -= len(lzma.compress(seen, preset=preset))
    expected = size * 8 * math.log(2) / len(validation)
    assert xz_nats(corpus(train, validation)) == pytest.approx(expected, rel=1e-12)


def test_without_a_validation_part_there_is_nothing_for_xz():
    assert xz_nats(corpus("abcabc", "")) is None


def test_a_python_without_xz_gives_no_figure(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert xz_nats(corpus("abcabc", "abc")) is None


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
