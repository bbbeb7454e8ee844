"""The records of the cells, against each other and against Keras's layers."""

from __future__ import annotations

import pytest

from chargen.model.cells import CELLS

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def test_the_cells_are_known_by_their_names():
    assert list(CELLS) == ["rnn", "lstm", "gru"]
    assert [cell.name for cell in CELLS.values()] == list(CELLS)


@cells
def test_every_gate_and_every_state_has_a_letter_of_its_own(cell):
    assert len(set(cell.gates)) == len(cell.gates)
    assert len(set(cell.states)) == len(cell.states)
    assert set(cell.logistic) < set(cell.gates)
    assert cell.states[0] == "h"  # the output, in every cell


@cells
def test_a_record_says_what_keras_has(cell, pools):
    from chargen.training.tf.own_keras import keras

    units, inputs = 5, 3
    layer = getattr(keras.layers, cell.keras)(units)
    layer.build((None, None, inputs))
    columns = len(cell.gates) * units
    assert [tuple(weight.shape) for weight in layer.weights] == [
        (inputs, columns),
        (units, columns),
        cell.bias_shape(units),
    ]
    sizes = layer.cell.state_size
    assert len(sizes if isinstance(sizes, list) else [sizes]) == len(cell.states)
    assert layer.activation is keras.activations.tanh
    if cell.logistic:
        assert layer.recurrent_activation is keras.activations.sigmoid
