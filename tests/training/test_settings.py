"""Settings: defaults, bounds, and the shapes that follow from them."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.checks import is_number
from chargen.model.cells import CELLS
from chargen.model.shape import MAX_EMBEDDING_SIZE, MAX_LAYERS, MAX_UNITS, ModelConfig
from chargen.text.batches import WINDOWS
from chargen.training.plan import MAX_THREADS, PLANNED, STOCK, Plan
from chargen.training.settings import DEVICES, OPTIMIZERS, Settings

NO_WHOLE_NUMBERS = [0, -1, 1.0, "1", True, None, math.nan]
NO_NUMBERS = ["0.1", True, math.nan, math.inf, -math.inf]
SHARES_OUT_OF_RANGE = [-0.1, 1, 1.0, 2]


def refused(kind, name, value):
    """The ValueError names the setting and shows the value."""
    with pytest.raises(ValueError) as caught:
        kind(**{name: value})
    assert f"`{name}`" in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("kind", [ModelConfig, Settings])
@pytest.mark.parametrize("value", ["LSTM", "transformer", "", None, 3])
def test_an_unknown_cell_is_refused(kind, value):
    refused(kind, "cell", value)


def test_the_error_of_a_cell_lists_all_cells():
    with pytest.raises(ValueError, match="rnn, lstm, gru"):
        ModelConfig(cell="elman")


@pytest.mark.parametrize("kind", [ModelConfig, Settings])
@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS)
@pytest.mark.parametrize("name", ["units", "layers", "embedding_size"])
def test_the_sizes_of_a_model_are_whole_numbers_above_zero(kind, name, value):
    refused(kind, name, value)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("units", MAX_UNITS),
        ("layers", MAX_LAYERS),
        ("embedding_size", MAX_EMBEDDING_SIZE),
    ],
)
def test_the_sizes_of_a_model_are_bounded(name, most):
    assert getattr(ModelConfig(**{name: most}), name) == most
    refused(ModelConfig, name, most + 1)


@pytest.mark.parametrize("value", [*NO_NUMBERS, *SHARES_OUT_OF_RANGE, None])
@pytest.mark.parametrize("kind", [ModelConfig, Settings])
def test_dropout_is_a_share(kind, value):
    refused(kind, "dropout", value)


def test_no_dropout_may_be_written_as_a_whole_number():
    assert ModelConfig(dropout=0).dropout == 0


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS)
@pytest.mark.parametrize("name", ["batch_size", "seq_length", "stride"])
def test_counts_are_whole_numbers_above_zero(name, value):
    refused(Settings, name, value)


@pytest.mark.parametrize("value", [v for v in NO_WHOLE_NUMBERS if v is not None])
@pytest.mark.parametrize("name", ["epochs", "steps", "eval_every", "patience"])
def test_optional_counts_are_whole_numbers_above_zero(name, value):
    refused(Settings, name, value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 0.0, -1.0, None])
@pytest.mark.parametrize("name", ["learning_rate", "save_every"])
def test_rates_are_above_zero(name, value):
    refused(Settings, name, value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 0.0, -1.0])
def test_seconds_are_above_zero(value):
    refused(Settings, "seconds", value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, -0.5, None])
@pytest.mark.parametrize("name", ["weight_decay", "clip_norm"])
def test_amounts_are_at_least_zero(name, value):
    refused(Settings, name, value)


@pytest.mark.parametrize("name", ["weight_decay", "clip_norm", "warmup", "validation"])
def test_zero_switches_off(name):
    assert getattr(Settings(**{name: 0}), name) == 0


@pytest.mark.parametrize("value", [*NO_NUMBERS, *SHARES_OUT_OF_RANGE, None])
def test_warmup_is_a_share(value):
    refused(Settings, "warmup", value)


@pytest.mark.parametrize(
    "value", [*(v for v in NO_NUMBERS if v != "0.1"), *SHARES_OUT_OF_RANGE]
)
def test_a_validation_share_is_below_one(value):
    refused(Settings, "validation", value)


@pytest.mark.parametrize("value", [None, 0.25, "held-out.txt"])
def test_validation_is_a_share_or_a_file_or_unset(value):
    assert Settings(validation=value).validation == value


@pytest.mark.parametrize("value", ["stream", "", None, 1])
def test_unknown_windows_are_refused(value):
    refused(Settings, "windows", value)


@pytest.mark.parametrize("value", [-1, 2**63, 1.0, True, None, "7"])
def test_a_seed_is_a_whole_number_below_two_to_the_63(value):
    refused(Settings, "seed", value)


@pytest.mark.parametrize("value", [0, 2**63 - 1])
def test_the_outermost_seeds_are_taken(value):
    assert Settings(seed=value).seed == value


@pytest.mark.parametrize("value", ["adam", "SOAP", "", None, 1])
def test_an_unknown_optimizer_is_refused(value):
    refused(Settings, "optimizer", value)


@pytest.mark.parametrize("value", ["float16", "BFLOAT16", "", None, 16])
@pytest.mark.parametrize("kind", [Settings, Plan])
def test_an_unknown_precision_is_refused(kind, value):
    refused(kind, "precision", value)


def test_auto_is_a_wish_and_no_plan():
    assert Settings(precision="auto").precision == "auto"
    refused(Plan, "precision", "auto")


@pytest.mark.parametrize("value", ["tpu", "cuda:0", "", None, 0])
def test_an_unknown_device_is_refused(value):
    refused(Settings, "device", value)


@pytest.mark.parametrize("value", [v for v in NO_WHOLE_NUMBERS if v is not None])
def test_threads_are_a_whole_number_above_zero(value):
    refused(Settings, "threads", value)


@pytest.mark.parametrize("value", [*NO_WHOLE_NUMBERS, None])
def test_shards_are_a_whole_number_above_zero(value):
    refused(Plan, "shards", value)


@pytest.mark.parametrize(("kind", "name"), [(Settings, "threads"), (Plan, "shards")])
def test_threads_and_shards_are_bounded(kind, name):
    assert getattr(kind(**{name: MAX_THREADS}), name) == MAX_THREADS
    refused(kind, name, MAX_THREADS + 1)


@pytest.mark.parametrize("value", [0, 1, "yes", None])
@pytest.mark.parametrize(
    ("kind", "name"), [(Settings, "stock"), (Plan, "stock"), (Plan, "xla")]
)
def test_a_switch_is_true_or_false(kind, name, value):
    refused(kind, name, value)


def test_stock_layers_compute_in_float32():
    with pytest.raises(ValueError, match=r"`stock`.*float32.*`precision`"):
        Settings(stock=True, precision="bfloat16")
    assert Settings(stock=True, precision="float32").stock
    assert Plan("float32", xla=False, shards=1, stock=True) == STOCK


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
        cell=draw(st.sampled_from(CELLS)),
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


@pytest.mark.parametrize("plan", [Plan(), STOCK, Plan("bfloat16", xla=False, shards=7)])
def test_a_plan_comes_back_from_json(plan):
    values = json.loads(json.dumps(plan.to_dict()))
    assert tuple(values) == PLANNED
    assert Plan(**values) == plan


def test_the_plans_of_two_shards_differ_and_are_recorded_alike():
    plan = Plan("bfloat16", shards=3)
    plans = [plan.of_shard(k) for k in range(3)]
    assert plans[0] == plan
    assert len(set(plans)) == 3
    assert all(one.to_dict() == plan.to_dict() for one in plans)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(some_settings())
def test_settings_come_back_from_json(chosen):
    assert Settings.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


@settings(max_examples=20, deadline=None, derandomize=True)
@given(some_settings())
def test_a_model_comes_back_from_json(chosen):
    values = json.loads(json.dumps(chosen.model.to_dict()))
    assert list(values) == ["cell", "units", "layers", "embedding_size", "dropout"]
    assert ModelConfig(**values) == chosen.model


@pytest.mark.parametrize(
    ("cell", "columns", "bias"),
    [("rnn", 4, (4,)), ("lstm", 16, (16,)), ("gru", 12, (2, 12))],
)
def test_weight_shapes_are_those_of_keras_in_the_checkpoints_order(cell, columns, bias):
    config = ModelConfig(cell=cell, units=4, layers=2, embedding_size=3)
    assert list(config.weight_shapes(10).items()) == [
        ("embedding", (10, 3)),
        ("rnn.0.kernel", (3, columns)),
        ("rnn.0.recurrent_kernel", (4, columns)),
        ("rnn.0.bias", bias),
        ("rnn.1.kernel", (4, columns)),
        ("rnn.1.recurrent_kernel", (4, columns)),
        ("rnn.1.bias", bias),
        ("dense.kernel", (4, 10)),
        ("dense.bias", (10,)),
    ]


@pytest.mark.parametrize(("cell", "count"), [("rnn", 112), ("lstm", 208), ("gru", 188)])
def test_parameters_counts_every_weight(cell, count):
    assert ModelConfig(cell, units=4, layers=1, embedding_size=3).parameters(10) == count


@pytest.mark.parametrize("value", [0, -3, 2.5, 1e300])
def test_finite_ints_and_floats_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize(
    "value",
    [True, False, math.nan, math.inf, "1", None, [1], pytest.param(10**400, id="huge")],
)
def test_nothing_else_is_a_number(value):
    assert not is_number(value)
