"""The training loop, on small models, with events gathered instead of written.

When something is due is tested with numbers, in `test_cadence`.
"""

from __future__ import annotations

import math
import signal

import numpy as np
import pytest

import chargen
from chargen.errors import Interrupted, TrainingError
from chargen.model.cells import CELLS
from chargen.runs.checkpoint import Checkpoint
from chargen.sampling.engine import Engine
from chargen.system.clock import Clock
from chargen.text.corpus import split
from chargen.text.encoded import Encoded, Encoder, encode_text
from chargen.text.policy import TextPolicy
from chargen.training.events import CheckpointDue, Note, RolledBack, Stepped
from chargen.training.plan import STOCK, Plan
from chargen.training.settings import Settings

LINES = "the cat sat on the mat and the dog ran to the tree; a bird sang.\n"
# SimpleRNN and no XLA, because that compiles fastest; what depends on them says so.
PLAIN = Plan(xla=False)
TINY = {
    "cell": "rnn",
    "units": 12,
    "layers": 1,
    "embedding_size": 6,
    "batch_size": 4,
    "seq_length": 16,
}


def text(characters: str = LINES * 20) -> Encoded:
    return encode_text(characters, "lines.txt")


def items(characters: str) -> Encoded:
    """Lines as items; each is another one, so that some are held out."""
    encoder = Encoder()
    for number, line in enumerate(characters.splitlines()):
        encoder.add_item(f"{line} {number:03}", f"{line} {number:03}")
    return encoder.finish([])


pytestmark = pytest.mark.usefixtures("pools")


class Training:
    """One trainer with its events; `stop_when` asks for a stop after such an event."""

    def __init__(
        self,
        characters=LINES * 20,
        *,
        validation=0.2,
        plan=PLAIN,
        checkpoint=None,
        initial=None,
        clock=None,
        read=text,
        **settings,
    ):
        from chargen.training.tf.trainer import Trainer

        self.settings = Settings(**{**TINY, **settings})
        backward = self.settings.backward
        self.corpus = split(read(characters), validation, backward=backward)
        self.events = []
        self.stop_when = lambda event: False
        self.signal = None
        self.trainer = Trainer(
            self.settings,
            self.corpus,
            self.settings.batches(self.corpus.train),
            listeners=[self.listen],
            clock=clock or Clock(),
            stop=lambda: self.signal,
            recall=lambda: self.checkpoint(self.best),
            plan=plan,
            checkpoint=checkpoint,
            initial=initial,
        )

    def listen(self, event):
        self.events.append(event)
        if self.stop_when(event):
            self.signal = signal.SIGTERM

    def run(self):
        self.trainer.run()
        return self

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def last(self) -> CheckpointDue:
        return self.of(CheckpointDue)[-1]

    @property
    def best(self) -> CheckpointDue:
        return [event for event in self.of(CheckpointDue) if event.best][-1]

    def checkpoint(self, event: CheckpointDue | None = None) -> Checkpoint:
        """The checkpoint that a listener would publish."""
        event = event or self.last
        return Checkpoint(
            model=self.settings.model,
            vocabulary=self.corpus.vocabulary,
            text=TextPolicy(),
            corpus=(),
            training=self.settings.to_dict(),
            step=event.progress.step,
            epoch=event.progress.epoch,
            seconds=event.progress.seconds,
            train_loss=event.progress.train,
            validation_loss=event.validation,
            weights=event.weights,
            resume=event.resume,
        )


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


slow = pytest.mark.slow


FAST = Plan("bfloat16", shards=2)
PLANS = {
    "float32": Plan(shards=2),
    "bfloat16": FAST,
    "plain": Plan(xla=False, shards=3),
    "stock": STOCK,
}


@slow
@pytest.mark.parametrize("plan", [FAST, STOCK], ids=["bfloat16", "stock"])
@pytest.mark.parametrize("windows", ["streams", "shuffled"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns(cell, windows, plan):
    training = Training(
        cell=cell, windows=windows, plan=plan, steps=120, learning_rate=0.02
    ).run()
    first = training.of(Stepped)[0].progress.train
    assert first == pytest.approx(math.log(len(training.corpus.vocabulary)), abs=0.4)
    assert training.last.validation < 1.5
    assert training.last.progress.step == 120


@slow
@pytest.mark.parametrize("windows", ["streams", "shuffled"])
def test_a_backward_training_is_that_of_the_reversed_text(windows):
    characters, held_out = LINES * 20, LINES[5:40] * 30
    given = {"windows": windows, "steps": 4, "eval_every": 4}
    one = Training(characters, validation=text(held_out), backward=True, **given).run()
    turned = text(held_out[::-1])
    other = Training(characters[::-1], validation=turned, **given).run()
    assert_same_weights(one.last.weights, other.last.weights)
    assert one.last.validation == other.last.validation


def test_validation_loss_is_that_of_evaluate():
    training = Training(LINES * 90, validation=0.5, steps=30, eval_every=30).run()
    corpus = training.corpus
    assert training.last.sample_characters == len(corpus.validation)
    assert training.last.whole is None  # the sample is all there is
    model = Engine(training.settings.model, corpus.vocabulary, training.last.weights)
    decode = corpus.vocabulary.decode
    scored = chargen.evaluate(
        model, decode(corpus.validation.read()), context=decode(corpus.context)
    )
    assert scored.characters == len(corpus.validation)
    assert training.last.validation == pytest.approx(scored.nats, abs=1e-4)
    # The context matters here, so a trainer that ignored it would be found out.
    cold = chargen.evaluate(model, decode(corpus.validation.read()), cold_every=8)
    assert abs(cold.nats - scored.nats) > 1e-3


@pytest.mark.parametrize(
    ("cell", "windows", "plan"),
    [
        ("rnn", "streams", "plain"),
        pytest.param("lstm", "streams", "plain", marks=slow),
        *(
            pytest.param(cell, "shuffled", plan, marks=slow)
            for cell in CELLS
            for plan in ("bfloat16", "stock")
        ),
    ],
)
def test_one_seed_one_result(cell, windows, plan):
    settings = {
        "cell": cell,
        "windows": windows,
        "plan": PLANS[plan],
        "steps": 15,
        "dropout": 0.3,
    }
    one, same = Training(**settings).run(), Training(**settings).run()
    assert_same_weights(one.last.weights, same.last.weights)
    losses = [[e.validation for e in t.of(CheckpointDue)] for t in (one, same)]
    assert losses[0] == losses[1]
    other = Training(**settings, seed=1).run()
    assert not np.array_equal(
        one.last.weights["embedding"], other.last.weights["embedding"]
    )


@pytest.mark.parametrize("plan", ["plain", pytest.param("stock", marks=slow)])
def test_a_checkpoint_holds_averaged_weights_and_a_resume_the_latest(plan):
    from chargen.training.tf.average import newest_share

    training = Training(steps=12, eval_every=12, plan=PLANS[plan])
    latest = []

    def look(event):
        if isinstance(event, Stepped):
            memory = training.trainer._learner.memory()
            arrays = [array for name, array in memory.items() if "weight" in name]
            latest.append([array.astype(np.float64) for array in arrays])

    training.stop_when = look
    training.run()
    expected = latest[0]
    for t, weights in enumerate(latest, 1):
        new = newest_share(t)
        expected = [m + new * (w - m) for m, w in zip(expected, weights, strict=True)]
    assert len(latest) == 12
    for i, (mean, array) in enumerate(
        zip(expected, training.last.weights.values(), strict=True)
    ):
        np.testing.assert_allclose(array, mean, atol=1e-6)
        raw = training.last.resume[f"weight.{i}"]
        np.testing.assert_array_equal(raw, latest[-1][i].astype(np.float32))
        assert np.abs(raw - array).max() > 1e-4  # the tolerance tells them apart


def test_a_snapshot_does_not_change_with_later_updates():
    training, then = Training(steps=3, eval_every=1), []
    training.stop_when = lambda event: (
        isinstance(event, CheckpointDue)
        and then.append({k: a.copy() for k, a in {**event.weights, **event.resume}.items()})
    )
    training.run()
    for copies, event in zip(then, training.of(CheckpointDue), strict=True):
        assert_same_weights(copies, {**event.weights, **event.resume})
    assert not np.array_equal(then[0]["embedding"], then[2]["embedding"])
    assert not np.array_equal(then[0]["weight.0"], then[2]["weight.0"])


@pytest.mark.parametrize(
    ("cell", "windows", "stop", "plan", "read"),
    [
        ("rnn", "streams", "in an epoch", "bfloat16", items),
        pytest.param("rnn", "streams", "in an epoch", "bfloat16", text, marks=slow),
        pytest.param("gru", "streams", "in an epoch", "bfloat16", items, marks=slow),
        pytest.param("lstm", "shuffled", "in an epoch", "float32", items, marks=slow),
        pytest.param("lstm", "streams", "in an evaluation", "stock", items, marks=slow),
        pytest.param("rnn", "shuffled", "in an evaluation", "plain", text, marks=slow),
        *(
            pytest.param(cell, "streams", "in an epoch", plan, text, marks=slow)
            for cell in ("lstm", "gru")
            for plan in ("plain", "stock")
        ),
        *(
            pytest.param(cell, windows, stop, plan, text, marks=slow)
            for cell in ("lstm", "gru")
            for windows in ("streams", "shuffled")
            for stop in ("in an epoch", "in an evaluation")
            for plan in ("bfloat16", "float32")
        ),
    ],
)
def test_interrupted_equals_uninterrupted(cell, windows, stop, plan, read):
    settings = {
        "read": read,
        "cell": cell,
        "layers": 1 if cell == "rnn" else 2,
        "plan": PLANS[plan],
        "windows": windows,
        "steps": 40,
        "dropout": 0.2,
        "eval_every": 9,
    }
    straight = Training(**settings).run()

    first = Training(**settings)
    if stop == "in an epoch":
        first.stop_when = lambda e: isinstance(e, Stepped) and e.progress.step == 14
    else:  # the evaluation after step 18 finds the signal at its first window
        first.stop_when = lambda e: isinstance(e, Stepped) and e.progress.step == 18
    with pytest.raises(Interrupted) as caught:
        first.run()
    assert caught.value.signal_number == signal.SIGTERM
    assert caught.value.saved
    assert not first.last.evaluated
    assert first.last.progress.step == (14 if stop == "in an epoch" else 18)

    second = Training(**settings, checkpoint=first.checkpoint()).run()
    assert_same_weights(straight.last.weights, second.last.weights)
    timed = ("counter.seconds", "counter.origin", "counter.evaluated_seconds")
    ends = [
        {name: array for name, array in t.last.resume.items() if name not in timed}
        for t in (straight, second)
    ]
    assert_same_weights(*ends)

    def told(*trainings):
        return [
            (
                e.progress.step,
                e.validation,
                e.best,
                e.progress.train,
                e.progress.learning_rate,
            )
            for t in trainings
            for e in t.of(CheckpointDue)
            if e.evaluated
        ]

    assert told(first, second) == told(straight)


def test_a_resumed_run_counts_on_from_all_that_was_counted():
    first = Training(steps=20, eval_every=5).run()
    saved = first.checkpoint()
    more = {"rollbacks": 1.0, "best": 0.5, "stale": 2.0}
    saved.resume.update({f"counter.{name}": np.array(v) for name, v in more.items()})
    counters = Training(steps=20, eval_every=5, checkpoint=saved).trainer.counters
    for name in vars(counters).keys() - {"seconds"}:  # the clock's, which is given
        assert vars(counters)[name] == float(saved.resume[f"counter.{name}"]), name
    assert all(vars(counters)[name] for name in ("origin", "evaluated_seconds"))


def rates(training):
    return [event.progress.learning_rate for event in training.of(Stepped)]


def test_a_finished_run_that_is_given_more_rises_and_falls_anew():
    first = Training(steps=40, warmup=0.1).run()
    second = Training(steps=100, warmup=0.1, checkpoint=first.checkpoint()).run()
    added = rates(second)
    assert max(added) > 5 * added[0] and max(added) > 5 * added[-1]


def test_what_was_given_more_may_be_interrupted():
    first = Training(steps=40).run()
    straight = Training(steps=80, checkpoint=first.checkpoint()).run()
    part = Training(steps=80, checkpoint=first.checkpoint())
    part.stop_when = lambda e: isinstance(e, Stepped) and e.progress.step == 57
    with pytest.raises(Interrupted):
        part.run()
    rest = Training(steps=80, checkpoint=part.checkpoint()).run()
    assert rates(part) + rates(rest) == rates(straight)
    assert_same_weights(straight.last.weights, rest.last.weights)


def test_weights_that_are_not_finite_are_not_published_though_their_average_is():
    training = Training(steps=20, eval_every=7)
    learner, spoilt = training.trainer._learner, []

    def spoil(event):
        if isinstance(event, Stepped) and event.progress.step == 7 and not spoilt:
            spoilt.append(event)  # between two updates that count in the average
            memory = learner.memory()
            memory["weight.2"] *= np.nan
            learner.restore(learner.weights(), memory)

    training.stop_when = spoil
    training.run()
    assert len(training.of(RolledBack)) == 1
    assert training.last.progress.step == 20
    for event in training.of(CheckpointDue):
        arrays = (*event.weights.values(), *event.resume.values())
        assert all(np.isfinite(array).all() for array in arrays)


def test_initial_weights_are_published_before_the_first_step():
    given = Training(steps=5).run().last.weights
    training = Training(steps=7, eval_every=5, seed=3, initial=given).run()
    due = training.of(CheckpointDue)
    assert [(event.progress.step, event.evaluated) for event in due] == [
        (0, True),
        (5, True),
        (7, True),
    ]
    assert_same_weights(due[0].weights, given)
    assert due[0].validation is not None
    resumed = Training(
        steps=7, eval_every=5, seed=3, checkpoint=training.checkpoint(due[0])
    )
    assert_same_weights(resumed.run().last.weights, training.last.weights)


def test_stop_before_the_first_step_saves_nothing():
    training = Training(steps=5)
    training.signal = signal.SIGINT
    with pytest.raises(Interrupted) as caught:
        training.run()
    assert not caught.value.saved
    assert training.events == []


def test_nothing_left_after_the_last_step():
    training = Training(steps=5).run()
    again = Training(steps=5, checkpoint=training.checkpoint())
    assert again.trainer.nothing_left()
    assert not Training(steps=6, checkpoint=training.checkpoint()).trainer.nothing_left()


def test_best_is_the_lowest_validation_loss():
    training = Training(steps=40, eval_every=5, learning_rate=0.05).run()
    lowest = math.inf
    for event in training.of(CheckpointDue):
        assert event.best == (event.validation < lowest)
        lowest = min(lowest, event.validation)


def test_without_validation_every_checkpoint_is_the_best():
    training = Training(LINES, validation=0.0, steps=20, eval_every=10).run()
    assert [(e.validation, e.best) for e in training.of(CheckpointDue)] == [
        (None, True)
    ] * 2
    assert training.last.sample_characters == training.last.whole_characters == 0


OVERFITTING = {"steps": 120, "eval_every": 6, "learning_rate": 0.1, "dropout": 0.0}


def test_where_it_becomes_worse_it_goes_back_to_the_best_and_on_with_a_smaller_rate():
    # A rate so high that the model soon knows two lines by heart.
    training = Training(LINES, validation=text(LINES[::-1] * 3), **OVERFITTING)
    cuts = []

    def watch(event):
        if isinstance(event, Note) and "worse since" in event.text:
            learner = training.trainer._learner
            assert_same_weights(learner.weights(), training.best.weights)
            latest = [v for k, v in learner.memory().items() if k.startswith("weight.")]
            for one, other in zip(latest, training.best.weights.values(), strict=True):
                np.testing.assert_array_equal(one, other)
            cuts.append(training.trainer.progress.step)
        return False

    training.stop_when = watch
    training.run()
    assert len(cuts) > 1
    assert min(np.diff(cuts)) >= 12  # a tenth of the run
    evaluated = [e.progress.step for e in training.of(CheckpointDue)]
    assert evaluated == [*range(6, 121, 6)]  # the length is obeyed
    # What follows on the last cut has a peak of 0.3 times that before it.
    before, after = (
        next(e for e in training.of(Stepped) if e.progress.step == cuts[-1] + k)
        for k in (0, 1)
    )
    ratio = after.progress.learning_rate / before.progress.learning_rate
    assert ratio == pytest.approx(0.3, rel=0.05)


@slow
@pytest.mark.parametrize("stopped", [2, 3])
def test_a_run_that_is_resumed_around_a_cut_goes_on_as_if_it_had_not_stopped(stopped):
    parts = {"validation": text(LINES[::-1] * 3), **OVERFITTING}
    whole = Training(LINES, **parts).run()
    assert [e for e in whole.of(Note) if "worse since" in e.text]
    first = Training(LINES, **parts)
    first.stop_when = lambda event: (
        isinstance(event, CheckpointDue) and len(first.of(CheckpointDue)) == 3 * stopped
    )
    with pytest.raises(Interrupted):
        first.run()
    second = Training(LINES, checkpoint=first.checkpoint(), **parts)
    second.events = [*first.events]
    second.run()
    assert_same_weights(second.last.weights, whole.last.weights)
    assert_same_weights(second.last.resume, {**whole.last.resume, **clocked(second.last)})


def clocked(event):
    """What depends on the clock in a resume part."""
    names = ("counter.seconds", "counter.origin", "counter.evaluated_seconds")
    return {name: event.resume[name] for name in names}


def test_patience_stops_early():
    # A rate this low learns nothing that shows, one this high forgets again.
    training = Training(
        steps=400, eval_every=2, patience=3, learning_rate=3.0, clip_norm=0.0
    ).run()
    flags = [e.best for e in training.of(CheckpointDue)]
    assert training.last.progress.step < 400
    (note,) = training.of(Note)
    assert note.text == "stopped by `patience`: 3 evaluations were no better"
    assert flags[-3:] == [False] * 3
    assert all(any(flags[i : i + 3]) for i in range(len(flags) - 3))


def spoil(training: Training, *, at_step: int, times: int) -> None:
    """Make the update of one step return a loss that is not a number, some times."""
    learner, left = training.trainer._learner, [times]
    train = learner.train

    def spoiled(*batch, step, **named):
        loss = train(*batch, step=step, **named)
        if step == at_step and left[0]:
            left[0] -= 1
            return math.nan
        return loss

    learner.train = spoiled


def test_a_loss_that_is_not_finite_goes_back_with_half_the_rate():
    training = Training(steps=30, eval_every=10, warmup=0.0)
    spoil(training, at_step=17, times=2)
    training.run()
    rolled = training.of(RolledBack)
    rate = training.settings.learning_rate
    assert [(e.failed, e.step, e.learning_rate) for e in rolled] == [
        (18, 10, rate / 2),
        (18, 10, rate / 4),
    ]
    assert training.last.progress.step == 30
    steps = [e.progress.step for e in training.of(Stepped)]
    assert steps == [*range(1, 18), *range(11, 18), *range(11, 31)]
    after = training.of(Stepped)[-20].progress.learning_rate
    before = training.of(Stepped)[10].progress.learning_rate
    assert after == pytest.approx(before / 4)


def test_the_third_loss_that_is_not_finite_is_an_error():
    training = Training(steps=30, eval_every=10)
    spoil(training, at_step=17, times=3)
    with pytest.raises(
        TrainingError, match=r"step 18, for the third time.*`learning_rate`"
    ):
        training.run()
    assert training.last.progress.step == 10


def test_a_real_explosion_is_noticed():
    training = Training(steps=30, learning_rate=1e38, clip_norm=0.0, warmup=0.0)
    with pytest.raises(TrainingError, match="not a finite number"):
        training.run()
    assert all(np.isfinite(e.validation) for e in training.of(CheckpointDue))


class FakeTime:
    """A clock on which every look takes so many seconds, and one takes eight hours."""

    def __init__(self, tick: float = 0.1, *, jump_at: int | None = None):
        self.seconds, self.tick, self.looks, self.jump_at = 0.0, tick, 0, jump_at

    def __call__(self) -> float:
        self.looks += 1
        self.seconds += 8 * 3600.0 if self.looks == self.jump_at else self.tick
        return self.seconds


@pytest.mark.parametrize("jump_at", [pytest.param(None, marks=slow), 100])
def test_a_time_budget_is_kept_and_a_pause_costs_none_of_it(jump_at):
    clock = Clock(now=FakeTime(0.2, jump_at=jump_at))
    training = Training(seconds=60.0, clock=clock).run()
    assert 57.0 <= clock.spent <= 60.0
    assert training.last.evaluated
    rates = [e.progress.learning_rate for e in training.of(Stepped)]
    peak = training.settings.learning_rate
    assert max(rates) == pytest.approx(peak, rel=0.05)
    assert rates[0] < 0.1 * peak  # tracing is not part of the schedule
    assert rates[-1] < 0.11 * peak
    # A tenth of the time for evaluations, spread over all of it.
    times = [e.progress.seconds for e in training.of(CheckpointDue)]
    assert 2 <= len(times) <= 20
    assert times[0] < 30


def test_the_first_update_which_is_compiled_is_not_taken_for_a_usual_one():
    time = FakeTime(0.1)
    training = Training(seconds=60.0, clock=Clock(now=time))
    learner = training.trainer._learner
    train = learner.train

    def compiled(*batch, step, **named):
        if step == 0:
            time.seconds += 40.0
        return train(*batch, step=step, **named)

    learner.train = compiled
    training.run()
    assert training.last.progress.step > 20
    assert 57.0 <= training.last.progress.seconds <= 60.0


def test_a_resumed_run_has_the_time_that_was_left_starting_not_counted():
    time = FakeTime(0.1)
    training = Training(seconds=20.0, clock=Clock(now=time)).run()
    spent, steps = training.last.progress.seconds, training.last.progress.step
    clock = Clock(now=time, spent=spent, free="start")
    again = Training(seconds=40.0, clock=clock, checkpoint=training.checkpoint())
    time.seconds += 100.0  # TensorFlow is imported
    again.run()
    assert again.last.progress.step > 1.5 * steps
    assert again.last.progress.seconds <= 40.0


def test_a_budget_too_short_for_anything_still_trains_a_step():
    training = Training(seconds=0.5, clock=Clock(now=FakeTime())).run()
    assert training.last.progress.step == 1
    assert training.last.evaluated


def test_a_sample_is_scored_on_the_way_and_the_whole_part_at_the_end(monkeypatch):
    monkeypatch.setattr("chargen.training.tf.validation.SAMPLE", 320)
    training = Training(LINES * 90, validation=0.5, steps=30, eval_every=15).run()
    first, last = training.of(CheckpointDue)
    assert 300 < last.sample_characters == first.sample_characters < 640
    assert last.whole_characters == len(training.corpus.validation) > 640
    assert first.whole is None
    corpus, decode = training.corpus, training.corpus.vocabulary.decode
    model = Engine(training.settings.model, corpus.vocabulary, last.weights)
    scored = chargen.evaluate(
        model, decode(corpus.validation.read()), context=decode(corpus.context)
    )
    assert last.whole == pytest.approx(scored.nats, abs=1e-4)
    assert last.validation != pytest.approx(last.whole, abs=1e-4)
    # Weights of before are scored in the same way.
    weights = {name: array.copy() for name, array in last.weights.items()}
    assert training.trainer.judge(weights) == pytest.approx(
        (last.whole, last.whole_characters)
    )
    worse, _ = training.trainer.judge(first.weights)
    assert worse > last.whole + 0.01


@slow
def test_a_whole_part_that_takes_too_long_is_not_scored(monkeypatch):
    monkeypatch.setattr("chargen.training.tf.validation.SAMPLE", 320)
    training = Training(
        LINES * 400, validation=0.9, seconds=10.0, clock=Clock(now=FakeTime())
    ).run()
    assert training.last.evaluated and training.last.validation is not None
    assert training.last.whole is None
    assert training.last.sample_characters < training.last.whole_characters
    assert training.trainer.judge(training.last.weights) is None


def test_a_first_checkpoint_comes_within_a_minute_and_more_by_save_every():
    training = Training(
        validation=0.0,
        steps=300,
        eval_every=300,
        save_every=30.0,
        clock=Clock(now=FakeTime(0.5)),
    ).run()
    times = [e.progress.seconds for e in training.of(CheckpointDue) if not e.evaluated]
    assert times[0] <= 60
    assert len(times) >= 3
    assert max(np.diff(times)) <= 31


@slow
def test_too_many_passes_are_obeyed_with_a_warning():
    training = Training(
        LINES, validation=0.0, seconds=70.0, clock=Clock(now=FakeTime())
    ).run()
    assert training.last.progress.step > 500
    notes = [e.text for e in training.of(Note)]
    assert len([n for n in notes if "passes over the text are done" in n]) == 1


def test_resume_part_of_another_model_is_refused():
    training = Training(steps=3).run()
    with pytest.raises(TrainingError, match="does not fit the model"):
        Training(steps=3, units=13, checkpoint=training.checkpoint())


@pytest.mark.parametrize(
    ("cell", "windows"),
    [
        ("lstm", "streams"),
        ("rnn", "shuffled"),
        pytest.param("rnn", "streams", marks=slow),
        pytest.param("gru", "streams", marks=slow),
    ],
)
def test_chinese_sentence_is_memorised(cell, windows):
    sentence = "雨停了，巷口的灯一盏接一盏亮起来，卖花的老人数着零钱慢慢往家走。"
    training = Training(
        sentence,
        validation=0.0,
        cell=cell,
        windows=windows,
        units=64,
        embedding_size=32,
        dropout=0.0,
        seq_length=64,
        steps=200,
        learning_rate=0.01,
    ).run()
    model = Engine(
        training.settings.model, training.corpus.vocabulary, training.last.weights
    )
    rest = "".join(
        chargen.generate(model, sentence[:2], length=len(sentence) - 2, temperature=0)
    )
    assert sentence[:2] + rest == sentence
