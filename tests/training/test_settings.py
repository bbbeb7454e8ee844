"""Settings: defaults, bounds, and what is made of them."""

from __future__ import annotations

import dataclasses
import json
import math
from os import PathLike
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.checks import options_of
from chargen.model.cells import CELLS
from chargen.model.shape import MAX_LAYERS, ModelConfig
from chargen.text.batches import WINDOWS, Shuffled, Streams
from chargen.text.parts import Plain
from chargen.training.plan import MAX_THREADS
from chargen.training.resume import without_length
from chargen.training.settings import (
    CHANGEABLE,
    DEFAULT_PATIENCE,
    DEVICES,
    FIXED,
    GROUPS,
    LENGTHS,
    OPTIMIZERS,
    GivenSettings,
    Settings,
    of_default_length,
)

NO_WHOLE_NUMBERS = [0, -1, 1.0, "1", True, None, math.nan]
NO_NUMBERS = ["0.1", True, math.nan, math.inf, -math.inf]
SHARES_OUT_OF_RANGE = [-0.1, 1, 1.0, 2]


def refused(name, value):
    """The ValueError names the setting and shows the value."""
    with pytest.raises(ValueError) as caught:
        Settings(**{name: value})
    assert f"`{name}`" in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["LSTM", "transformer", "", None, 3])
def test_an_unknown_cell_is_refused(value):
    refused("cell", value)


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS)
@pytest.mark.parametrize("name", ["units", "layers", "embedding_size"])
def test_the_sizes_of_a_model_are_whole_numbers_above_zero(name, value):
    refused(name, value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, *SHARES_OUT_OF_RANGE, None])
def test_dropout_is_a_share(value):
    refused("dropout", value)


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS)
@pytest.mark.parametrize("name", ["batch_size", "seq_length", "stride"])
def test_counts_are_whole_numbers_above_zero(name, value):
    refused(name, value)


@pytest.mark.parametrize("value", [v for v in NO_WHOLE_NUMBERS if v is not None])
@pytest.mark.parametrize("name", ["epochs", "steps", "eval_every", "patience"])
def test_optional_counts_are_whole_numbers_above_zero(name, value):
    refused(name, value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 0.0, -1.0, None])
@pytest.mark.parametrize("name", ["learning_rate", "save_every"])
def test_rates_are_above_zero(name, value):
    refused(name, value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 0.0, -1.0])
def test_seconds_are_above_zero(value):
    refused("seconds", value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, -0.5, None])
@pytest.mark.parametrize("name", ["weight_decay", "clip_norm"])
def test_amounts_are_at_least_zero(name, value):
    refused(name, value)


@pytest.mark.parametrize("name", ["weight_decay", "clip_norm", "warmup", "validation"])
def test_zero_switches_off(name):
    assert getattr(Settings(**{name: 0}), name) == 0


@pytest.mark.parametrize("value", [*NO_NUMBERS, *SHARES_OUT_OF_RANGE, None])
def test_warmup_is_a_share(value):
    refused("warmup", value)


@pytest.mark.parametrize(
    "value", [*(v for v in NO_NUMBERS if v != "0.1"), *SHARES_OUT_OF_RANGE]
)
def test_a_validation_share_is_below_one(value):
    refused("validation", value)


@pytest.mark.parametrize("value", [None, 0.25, "held-out.txt"])
def test_validation_is_a_share_or_a_file_or_unset(value):
    assert Settings(validation=value).validation == value


@pytest.mark.parametrize("value", ["stream", "", None, 1])
def test_unknown_windows_are_refused(value):
    refused("windows", value)


@pytest.mark.parametrize("value", [-1, 2**63, 1.0, True, None, "7"])
def test_a_seed_is_a_whole_number_below_two_to_the_63(value):
    refused("seed", value)


@pytest.mark.parametrize("value", [0, 2**63 - 1])
def test_the_outermost_seeds_are_taken(value):
    assert Settings(seed=value).seed == value


@pytest.mark.parametrize("value", ["adam", "SOAP", "", None, 1])
def test_an_unknown_optimizer_is_refused(value):
    refused("optimizer", value)


@pytest.mark.parametrize("value", ["float16", "BFLOAT16", "", None, 16])
def test_an_unknown_precision_is_refused(value):
    refused("precision", value)


def test_auto_is_a_wish():
    assert Settings(precision="auto").precision == "auto"


@pytest.mark.parametrize("value", ["tpu", "cuda:0", "", None, 0])
def test_an_unknown_device_is_refused(value):
    refused("device", value)


@pytest.mark.parametrize("value", [v for v in NO_WHOLE_NUMBERS if v is not None])
def test_threads_are_a_whole_number_above_zero(value):
    refused("threads", value)


def test_threads_are_bounded():
    assert Settings(threads=MAX_THREADS).threads == MAX_THREADS
    refused("threads", MAX_THREADS + 1)


@pytest.mark.parametrize("value", [0, 1, "yes", None])
def test_a_switch_is_true_or_false(value):
    refused("stock", value)


def test_stock_layers_compute_in_float32():
    with pytest.raises(ValueError, match=r"`stock`.*float32.*`precision`"):
        Settings(stock=True, precision="bfloat16")
    assert Settings(stock=True, precision="float32").stock


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().units = 3


def test_the_defaults_of_a_run_are_those_of_a_model():
    assert Settings().model == ModelConfig()


def test_the_model_of_settings_has_their_sizes():
    chosen = Settings(cell="gru", units=7, layers=3, embedding_size=5, dropout=0.5)
    assert chosen.model == ModelConfig("gru", 7, 3, 5, 0.5)


def test_unset_settings_are_left_out_of_the_json_object():
    assert "seconds" not in Settings().to_dict()
    assert Settings(seconds=2.5).to_dict()["seconds"] == 2.5


def test_an_unknown_setting_is_named():
    with pytest.raises(ValueError, match="unknown settings: colour, speed"):
        Settings.from_dict({"speed": 1, "units": 3, "colour": 2})


def test_an_unknown_setting_is_named_and_the_one_that_was_meant():
    with pytest.raises(ValueError, match=r"unknown settings: unit; did you mean units\?"):
        Settings.from_dict({"unit": 3})
    with pytest.raises(ValueError, match=r"unknown settings: xyzzy$"):
        Settings.from_dict({"xyzzy": 3})


def test_the_values_of_a_json_object_are_checked():
    with pytest.raises(ValueError, match="`units`"):
        Settings.from_dict({"units": "many"})


@st.composite
def some_settings(draw):
    count = st.integers(1, 1000)
    share = st.floats(0, 1, exclude_max=True)
    return Settings(
        cell=draw(st.sampled_from(list(CELLS))),
        units=draw(count),
        layers=draw(st.integers(1, MAX_LAYERS)),
        embedding_size=draw(count),
        dropout=draw(share),
        windows=draw(st.sampled_from(WINDOWS)),
        validation=draw(st.none() | share | st.text()),
        encoding=draw(st.none() | st.text()),
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        learning_rate=draw(st.floats(0, 1e300, exclude_min=True)),
        warmup=draw(share),
        seconds=draw(st.none() | st.floats(0, 1e9, exclude_min=True)),
        epochs=draw(st.none() | count),
        steps=draw(st.none() | count),
        eval_every=draw(st.none() | count),
        patience=draw(st.none() | count),
        seed=draw(st.integers(0, 2**63 - 1)),
        precision=draw(st.sampled_from(("auto", "float32"))),
        threads=draw(st.none() | st.integers(1, MAX_THREADS)),
        device=draw(st.sampled_from(DEVICES)),
        stock=draw(st.booleans()),
    )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(some_settings())
def test_settings_come_back_from_json(chosen):
    assert Settings.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_what_is_said_of_settings_is_said_of_settings_that_there_are():
    names = {field.name for field in dataclasses.fields(Settings)}
    assert {*LENGTHS, *FIXED, *CHANGEABLE} <= names
    assert {described.group for _, _, described in options_of(Settings)} <= {*GROUPS}


PATHS = ("validation", "test")
"""Settings that are a name of a file, for which a path may be given."""


def test_given_settings_are_the_settings_as_keyword_arguments():
    given, recorded = get_type_hints(GivenSettings), get_type_hints(Settings)
    assert list(given) == [field.name for field in dataclasses.fields(Settings)]
    assert GivenSettings.__required_keys__ == frozenset()
    for name, kind in given.items():
        taken = recorded[name] | PathLike[str] if name in PATHS else recorded[name]
        assert kind == taken, name


def test_batches_are_cut_as_the_settings_ask():
    asked = {"batch_size": 3, "seq_length": 7, "seed": 9}
    ids = np.arange(300, dtype=np.int32)
    streams = Settings(windows="streams", stride=4, **asked).batches(Plain(ids))
    assert isinstance(streams, Streams)
    shuffled = Settings(windows="shuffled", stride=4, **asked).batches(Plain(ids))
    assert isinstance(shuffled, Shuffled)
    for cut, expected in (
        (streams, Streams(Plain(ids), **asked)),
        (shuffled, Shuffled(Plain(ids), stride=4, **asked)),
    ):
        inputs, targets, fresh = cut.batch(5)
        assert fresh == expected.batch(5)[2]
        np.testing.assert_array_equal(inputs, expected.batch(5)[0], strict=True)
        np.testing.assert_array_equal(targets, expected.batch(5)[1], strict=True)


def test_a_run_that_is_given_a_length_later_loses_all_that_the_default_one_brought():
    base = {"seconds": 300.0, "steps": 900, "patience": DEFAULT_PATIENCE, "units": 8}
    assert without_length(base, {"seconds": 600.0}) == {"units": 8}
    assert without_length(base, {"units": 8}) == base
    asked = {"seconds": 300.0, "patience": DEFAULT_PATIENCE}
    assert without_length(asked, {"steps": 9}) == {"patience": DEFAULT_PATIENCE}
    assert of_default_length({**base, "patience": 3}) == {"seconds", "steps"}
