"""The model's forward pass in NumPy, one character at a time. Never imports TensorFlow.

Equations, with x = the layer's input, h = its state, * elementwise, and Keras's layout:

    SimpleRNN   h' = tanh(x K + h R + b)                    Elman 1990
    LSTM        i, f, g, o = split(x K + h R + b)           Hochreiter & Schmidhuber
                c' = σ(f) * c + σ(i) * tanh(g)              1997; f: Gers et al. 2000
                h' = σ(o) * tanh(c')
    GRU         z, r, n = x K + b₀;  z', r', n' = h R + b₁  Cho et al. 2014, in the
                h̃ = tanh(n + σ(r + r') * n')                form `reset_after` of Keras
                h' = σ(z + z') * h + (1 - σ(z + z')) * h̃

The first layer's product is folded into a table, `embedding @ K + b`, so that a step only
reads a row of it. With a vast vocabulary the table could have more numbers than the model;
then it is not made. A text's end mark is read from zero states: nothing of an item reaches
the next one. Shapes: B texts side by side, H units, V characters and marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import open_checkpoint
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Ids, Vocabulary

Array = npt.NDArray[np.float32]


class State:
    """What a model remembers of B texts; nothing but `Engine` looks into it."""

    __slots__ = ("_layers",)

    def __init__(self, layers: tuple[tuple[Array, ...], ...]) -> None:
        self._layers = layers  # for each layer, the arrays (B, H) that its cell carries


class Engine:
    """A trained model that turns ids into logits.

    Args:
        config: the model's shape.
        vocabulary: what its V ids stand for.
        weights: float32 arrays, with the names and shapes of `config.weight_shapes(V)`.
        start: the character that a text without a seed text starts from, if the
            vocabulary has neither an end mark nor a newline to start from; it is not part
            of the text. None for the vocabulary's first.
        policy: how texts for the model are prepared; None for the policy of format 1.

    Raises:
        ValueError: a weight is missing, unknown, or of another shape.
    """

    @np.errstate(over="ignore", invalid="ignore")  # `generate` checks what comes out
    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        weights: Mapping[str, Array],
        *,
        start: str | None = None,
        policy: TextPolicy | None = None,
    ) -> None:
        shapes = config.weight_shapes(len(vocabulary))
        found = {name: array.shape for name, array in weights.items()}
        if found != shapes:
            raise ValueError(f"weights must have the shapes {shapes}; got {found}")
        self.config = config
        self.vocabulary = vocabulary
        self.policy = policy or TextPolicy()
        self.start_id = _start_id(vocabulary, start)
        gates = _gate_columns(config)

        def columns(name: str) -> Array:
            return np.ascontiguousarray(weights[name][..., gates.order] * gates.scale)

        layers = range(config.layers)
        self._kernels = [columns(f"rnn.{i}.kernel") for i in layers]
        self._recurrent = [columns(f"rnn.{i}.recurrent_kernel") for i in layers]
        biases = [columns(f"rnn.{i}.bias") for i in layers]
        if CELLS[config.cell].two_biases:
            self._recurrent_biases = [bias[1] for bias in biases]
            biases = [bias[0] for bias in biases]
        self._biases = biases
        self._embedding, self._table = weights["embedding"], None
        width = self._kernels[0].shape[1]
        if len(vocabulary) * width <= config.parameters(len(vocabulary)):
            self._table = self._embedding @ self._kernels[0] + biases[0]  # (V, gates·H)
        self._dense_kernel = weights["dense.kernel"]
        self._dense_bias = weights["dense.bias"]
        self._cell = {"rnn": self._rnn, "lstm": self._lstm, "gru": self._gru}[config.cell]

    def __repr__(self) -> str:
        shape = self.config
        characters = len(self.vocabulary.characters)
        size = f"{shape.layers} × {shape.units} units, {characters} characters"
        return f"Engine({CELLS[shape.cell].keras}, {size})"

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Engine:
        """Return a checkpoint's engine; it starts texts as docs/checkpoints.md says."""
        vocabulary, policy = checkpoint.vocabulary, checkpoint.text
        start = checkpoint.training.get("commonest_character")
        if not isinstance(start, str) or start not in vocabulary:
            start = None
        weights = checkpoint.weights
        return cls(checkpoint.model, vocabulary, weights, start=start, policy=policy)

    def zero_state(self, batch_size: int = 1) -> State:
        """Return the state before the first character."""
        zeros = np.zeros((batch_size, self.config.units), np.float32)
        layer = (zeros,) * len(CELLS[self.config.cell].states)
        return State((layer,) * self.config.layers)

    @np.errstate(over="ignore", invalid="ignore")  # `generate` checks what comes out
    def step(self, ids: Ids, state: State) -> tuple[Array, State]:
        """Read one character of each text and predict the next.

        Args:
            ids: int32 (B,); an end mark is read from a zero state.
            state: the state of these texts; it is not changed.

        Returns:
            logits float32 (B, V), and the new state.
        """
        if self._table is not None:
            x = self._table[ids]  # (B, gates·H)
        else:
            x = self._embedding[ids] @ self._kernels[0] + self._biases[0]
        layers, end = state._layers, self.vocabulary.end
        if end is not None and (ids == end).any():
            layers = _zeroed(layers, ids == end)
        new_state: list[tuple[Array, ...]] = []
        for i, before in enumerate(layers):
            if i:
                x = new_state[-1][0] @ self._kernels[i] + self._biases[i]
            new_state.append(self._cell(i, x, before))
        logits = new_state[-1][0] @ self._dense_kernel + self._dense_bias  # (B, V)
        return logits, State(tuple(new_state))

    def _rnn(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = state
        return (np.tanh(x + h @ self._recurrent[i]),)

    def _lstm(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        h, c = state
        units = self.config.units
        z = h @ self._recurrent[i]  # (B, 4H), in the order i, f, o, g
        z += x
        np.tanh(z, out=z)
        gates, candidate = _sigmoid_of(z[:, : 3 * units]), z[:, 3 * units :]
        c = gates[:, units : 2 * units] * c + gates[:, :units] * candidate
        return gates[:, 2 * units :] * np.tanh(c), c

    def _gru(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = state
        units = self.config.units
        inner = h @ self._recurrent[i] + self._recurrent_biases[i]  # (B, 3H)
        gates = x[:, : 2 * units] + inner[:, : 2 * units]
        _sigmoid_of(np.tanh(gates, out=gates))
        update, reset = gates[:, :units], gates[:, units:]
        candidate = np.tanh(x[:, 2 * units :] + reset * inner[:, 2 * units :])
        return (update * h + (1 - update) * candidate,)


def _start_id(vocabulary: Vocabulary, start: str | None) -> int:
    if vocabulary.end is not None:
        return vocabulary.end  # what stands before every item
    if "\n" in vocabulary:
        start = "\n"
    elif start is None:
        start = vocabulary.characters[0]
    return int(vocabulary.encode(start)[0])


def _zeroed(
    layers: tuple[tuple[Array, ...], ...], rows: npt.NDArray[np.bool_]
) -> tuple[tuple[Array, ...], ...]:
    """Return the arrays (B, H) of a state with zeros in some of the B rows."""
    zero, rows = np.float32(0), rows[:, None]
    return tuple(tuple(np.where(rows, zero, array) for array in layer) for layer in layers)


class _Columns(NamedTuple):
    order: npt.NDArray[np.intp]
    scale: Array


def _gate_columns(config: ModelConfig) -> _Columns:
    """Return how the columns of kernels and biases are laid out for a fast step.

    σ(t) = ½ tanh(t / 2) + ½, which cannot overflow. So the columns of the sigmoid gates
    are halved, which takes no rounding, and put side by side: one tanh serves all gates.
    """
    cell, units = CELLS[config.cell], config.units
    gates = sorted(cell.gates, key=lambda gate: gate not in cell.logistic)
    starts = [cell.gates.index(gate) * units for gate in gates]
    order = np.concatenate([np.arange(start, start + units) for start in starts])
    halves = [0.5 if gate in cell.logistic else 1.0 for gate in gates]
    return _Columns(order, np.repeat(np.array(halves, np.float32), units))


def _sigmoid_of(halved_tanh: Array) -> Array:
    """Turn tanh(t / 2) into σ(t), in place."""
    halved_tanh *= np.float32(0.5)
    halved_tanh += np.float32(0.5)
    return halved_tanh


def load(name: str | Path) -> Engine:
    """Load a model to sample from or to evaluate.

    Args:
        name: the path of a run or of a step directory, or the name of a run under
            `checkpoints/`, under `$CHARGEN_HOME`, or among the bundled ones. A run
            stands for its best checkpoint.

    Raises:
        CheckpointError: there is none of that name, or it is damaged.
    """
    return Engine.from_checkpoint(open_checkpoint(str(name)))
