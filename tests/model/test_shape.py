"""The shape of a model: its bounds, and the weights that follow from it."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.model.cells import CELLS
from chargen.model.shape import MAX_EMBEDDING_SIZE, MAX_LAYERS, MAX_UNITS, ModelConfig


def refused(name, value):
    """The ValueError names the setting and shows the value."""
    with pytest.raises(ValueError) as caught:
        ModelConfig(**{name: value})
    assert f"`{name}`" in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["LSTM", "transformer", "", None, 3])
def test_an_unknown_cell_is_refused(value):
    refused("cell", value)


def test_the_error_of_a_cell_lists_all_cells():
    with pytest.raises(ValueError, match="rnn, lstm, gru"):
        ModelConfig(cell="elman")


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, None, math.nan])
@pytest.mark.parametrize("name", ["units", "layers", "embedding_size"])
def test_sizes_are_whole_numbers_above_zero(name, value):
    refused(name, value)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("units", MAX_UNITS),
        ("layers", MAX_LAYERS),
        ("embedding_size", MAX_EMBEDDING_SIZE),
    ],
)
def test_sizes_are_bounded(name, most):
    assert getattr(ModelConfig(**{name: most}), name) == most
    refused(name, most + 1)


@pytest.mark.parametrize(
    "value", ["0.1", True, math.nan, math.inf, -math.inf, -0.1, 1, 1.0, 2, None]
)
def test_dropout_is_a_share(value):
    refused("dropout", value)


def test_no_dropout_may_be_written_as_a_whole_number():
    assert ModelConfig(dropout=0).dropout == 0


def test_a_shape_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().units = 3


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.builds(
        ModelConfig,
        cell=st.sampled_from(list(CELLS)),
        units=st.integers(1, MAX_UNITS),
        layers=st.integers(1, MAX_LAYERS),
        embedding_size=st.integers(1, MAX_EMBEDDING_SIZE),
        dropout=st.floats(0, 1, exclude_max=True),
        tied=st.booleans(),
    )
)
def test_a_shape_comes_back_from_json(chosen):
    values = json.loads(json.dumps(chosen.to_dict()))
    assert list(values) == ["cell", "units", "layers", "embedding_size", "dropout", "tied"]
    assert ModelConfig(**values) == chosen


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


def test_a_tied_model_has_a_projection_in_the_place_of_an_output_layer():
    own, tied = (ModelConfig(units=4, embedding_size=3, tied=t) for t in (False, True))
    expected = {**own.weight_shapes(10), "dense.kernel": (4, 3)}
    assert list(tied.weight_shapes(10).items()) == list(expected.items())
    assert tied.parameters(10) == own.parameters(10) - 4 * (10 - 3)
    assert list(tied.weight_shapes(3)) == list(own.weight_shapes(3))


@pytest.mark.parametrize("value", [None, 0, 1, "true"])
def test_tied_is_a_truth_value(value):
    with pytest.raises(ValueError, match="tied"):
        ModelConfig(tied=value)


@pytest.mark.parametrize(("cell", "count"), [("rnn", 112), ("lstm", 208), ("gru", 188)])
def test_parameters_counts_every_weight(cell, count):
    assert ModelConfig(cell, units=4, layers=1, embedding_size=3).parameters(10) == count
