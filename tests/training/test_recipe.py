"""The rule that chooses size and recipe."""

from __future__ import annotations

import pytest

from chargen.training.recipe import CHOSEN, LADDER, dropout, measured_speed, recommend
from chargen.training.settings import Settings

SPEED = 30_000.0  # characters a second of the middle rung


def chosen(characters, *, different=65, seconds=None, speed=SPEED, **given):
    settings = Settings(**given)
    return recommend(
        settings,
        given,
        characters,
        vocabulary_size=different,
        seconds=seconds,
        speed=speed,
    )


def test_longer_runs_on_longer_texts_get_larger_models():
    units = [chosen(1_000_000, seconds=s).settings["units"] for s in (5, 60, 300)]
    assert units == [128, 256, 512]
    units = [chosen(n, seconds=300.0).settings["units"] for n in (5_000, 100_000, 10**6)]
    assert units == [128, 256, 512]


def test_a_slower_machine_gets_a_smaller_model():
    assert chosen(1_000_000, seconds=300.0, speed=3_000).settings["units"] == 256
    assert chosen(1_000_000, seconds=60.0, speed=300).settings["units"] == 128


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: str(rung.units))
def test_a_measurement_that_is_a_fifth_off_changes_nothing_in_the_middle_of_a_rung(rung):
    # A minute for 256 and five for 512 are the budgets that the ladder was made for.
    seconds = {128: 5.0, 256: 60.0, 512: 420.0}[rung.units]
    for speed in (0.8 * SPEED, SPEED, 1.2 * SPEED):
        made = chosen(1_000_000, seconds=seconds, speed=speed).settings
        assert made["units"] == rung.units


def test_a_large_vocabulary_is_tied_and_a_tied_model_trains_faster():
    few, many = (chosen(400_000, seconds=300.0, different=n) for n in (65, 6257))
    assert not few.settings["tied"] and many.settings["tied"]
    own, tied = (
        chosen(400_000, seconds=300.0, different=6257, units=512, tied=t)
        for t in (False, True)
    )
    assert tied.passes / own.passes == pytest.approx(803.7 / 593.4, abs=0.1)
    assert "tied" not in own.settings


def test_a_short_text_gets_small_batches():
    short, longer = (chosen(n, seconds=300.0).settings for n in (20_000, 60_000))
    assert short["units"] == longer["units"] == 256
    assert (short["batch_size"], short["learning_rate"]) == (16, 7e-3)
    assert (longer["batch_size"], longer["learning_rate"]) == (32, 1e-2)


def test_without_a_time_the_length_decides_and_the_speed_is_not_looked_at():
    one = chosen(100_000, speed=0.0, epochs=20)
    assert one == chosen(100_000, speed=1e9, epochs=20)
    assert one.passes == 20
    assert one.settings["units"] == 256
    assert chosen(100_000, steps=20).settings["units"] == 128


def test_what_was_asked_for_is_not_chosen():
    made = chosen(1_000_000, seconds=300.0, units=100, dropout=0.0).settings
    assert set(made) == set(CHOSEN) - {"units", "dropout"}
    # The rest suits the size that was asked for.
    assert made["batch_size"] == LADDER[0].batch_size
    everything = {name: getattr(Settings(), name) for name in CHOSEN}
    assert chosen(1_000_000, seconds=300.0, **everything).settings == {}


def test_dropout_grows_with_the_passes_and_stays_below_its_bound():
    values = [dropout(passes) for passes in (0, 1, 5, 20, 1e9)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[1] == 0.02
    assert values[-1] == 0.5


def test_passes_are_those_of_the_chosen_size():
    small, large = chosen(10_000, seconds=300.0), chosen(1_000_000, seconds=300.0)
    assert small.passes > 100 * large.passes  # a smaller text, and a faster model
    trained = large.passes * 1_000_000
    assert 0.9 < trained / (SPEED * (0.95 * 300 - 9) / LADDER[2].cost) < 1.1


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: str(rung.units))
def test_a_large_vocabulary_makes_a_step_as_slow_as_was_measured(rung):
    # Microseconds a character with 65 and 6,257 characters (benchmarks/RESULTS.md).
    own = {128: (42.3, 164.0), 256: (128.9, 313.5), 512: (472.1, 803.7)}[rung.units]
    tied = {128: (51.3, 163.4), 256: (131.1, 246.8), 512: (465.3, 593.4)}[rung.units]
    for (few, many), embedding_size in ((own, None), (tied, 128)):
        found = rung.cost_with(6257, embedding_size) - rung.cost_with(65, embedding_size)
        assert found == pytest.approx((many - few) / 128.9, rel=0.1)
    assert rung.cost_with(0) == rung.cost


def test_fewer_passes_are_expected_of_a_larger_vocabulary_and_a_smaller_model_chosen():
    few, many = (
        chosen(400_000, seconds=300.0, different=n, tied=False) for n in (65, 6257)
    )
    assert few.settings["units"] == 512 and many.settings["units"] == 256
    same = [
        chosen(400_000, seconds=300.0, different=n, units=256, tied=False)
        for n in (65, 6257)
    ]
    assert same[0].passes / same[1].passes == pytest.approx(2.45, abs=0.1)
    assert same[0].settings["dropout"] > same[1].settings["dropout"]
    by_epochs = [chosen(400_000, epochs=20, different=n, tied=False) for n in (65, 6257)]
    assert by_epochs[0] == by_epochs[1]


def test_the_measured_speed_follows_threads_precision_and_stock(monkeypatch):
    monkeypatch.setattr("chargen.training.plan.has_bfloat16", lambda: True)
    one = measured_speed(Settings(threads=1))
    assert one > 0
    # Ratios of about 4, 1.3 and 2, which noise does not turn around.
    assert measured_speed(Settings(threads=8)) > 2 * one
    assert measured_speed(Settings(threads=1, stock=True)) < 0.9 * one
