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
then it is not made. A tied model's logits are two products, h' P and that times Eᵀ, which
are fewer multiplications than the one with P Eᵀ. A text's end mark is read from zero
states: nothing of an item reaches the next one. Shapes: B texts side by side, H units, G
gates, V characters and marks.

Inside, what belongs to a layer's gates is laid out as (G, B, H), gate by gate.

Denormal numbers, those below 2^-126, can make a product many times as slow. Weights have
none, because `_flushed` takes them out. States have none, because nothing decays to them:
what feeds a state, z of the candidate g or h̃, is not left at 0 (`_lifted`), and the gate
that lets it in, the LSTM's i, does not close below 2^-24.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import open_checkpoint
from chargen.system.blas import one_thread, side_by_side, write_buffers
from chargen.system.hardware import cores
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Ids, Vocabulary

Array = npt.NDArray[np.float32]
Layers = tuple[tuple[Array, ...], ...]

LEAST_INPUT = np.float32(2**-28)
"""What a candidate for a state is fed at the least: too little to show anywhere else."""

LARGEST = 2.0**40
"""With weights up to here, no number can become too large."""

PAGE = 2**19
"""Of float32 numbers, so many fill a large page of memory (2 MiB, on most machines)."""

FEW = 3
"""Up to so many rows are multiplied with a matrix faster one by one than together."""

LARGE = 16_000_000
"""From so many multiplications and additions on, two threads pay for a step."""


class State:
    """What a model remembers of B texts; nothing but `Engine` looks into it."""

    __slots__ = ("_layers",)

    def __init__(self, layers: Layers) -> None:
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
        gates = _gates(config)
        self._after, self._shift = gates.after, gates.shift
        self._tame = all(_largest(array) <= LARGEST for array in weights.values())

        def columns(name: str) -> Array:
            return _flushed(weights[name].take(gates.order, axis=-1) * gates.before)

        layers, units = range(config.layers), config.units
        names = [
            f"rnn.{i}.{kind}" for kind in ("kernel", "recurrent_kernel") for i in layers
        ]
        output = [_flushed(weights["dense.kernel"])]
        output += [_flushed(weights["embedding"])] * config.tied
        matrices = _in_one_piece([*map(columns, names), *output])
        self._size = sum(map(np.size, matrices))
        self._dense_kernel = matrices[len(names)]
        self._embedding = matrices[-1] if config.tied else _flushed(weights["embedding"])
        self._kernels = matrices[: len(layers)]
        self._recurrent = matrices[len(layers) : len(names)]
        biases = [columns(f"rnn.{i}.bias") for i in layers]
        if CELLS[config.cell].two_biases:
            self._recurrent_biases = [bias[1].reshape(-1, 1, units) for bias in biases]
            biases = [bias[0] for bias in biases]
        biases = [_lifted(bias, units) for bias in biases]
        self._biases = [bias.reshape(-1, 1, units) for bias in biases]
        self._table = None
        width = self._kernels[0].shape[1]
        if len(vocabulary) * width <= config.parameters(len(vocabulary)):
            table = _flushed(self._embedding @ self._kernels[0] + biases[0])
            table = _lifted(table, units)
            self._table = table.reshape(len(table), -1, 1, units)  # (V, G, 1, H)
        self._dense_bias = _flushed(weights["dense.bias"])[None]
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

    def rows(self, state: State, places: npt.NDArray[np.integer[Any]]) -> State:
        """Return the state of some of the texts, int (n,), in this order; see `Model`."""
        return State(tuple(tuple(a[places] for a in layer) for layer in state._layers))

    def join(self, states: Sequence[State]) -> State:
        """Return the state of all the texts of one or more states, side by side."""
        layers = zip(*(state._layers for state in states), strict=True)
        return State(
            tuple(tuple(map(np.concatenate, zip(*layer, strict=True))) for layer in layers)
        )

    def step(self, ids: Ids, state: State) -> tuple[Array, State]:
        """Read one character of each text and predict the next.

        Args:
            ids: int32 (B,); an end mark is read from a zero state.
            state: the state of these texts; it is not changed.

        Returns:
            logits float32 (B, V), and the new state.
        """
        layers, end = state._layers, self.vocabulary.end
        if end is not None and end in ids.tolist():
            layers = _zeroed(layers, ids == end)
        with one_thread:
            large = len(ids) > 2 * FEW and len(ids) * self._size >= LARGE
            if large and _cores() > 1:
                return self._in_halves(ids, layers)
            return self._step(ids, layers)

    def _in_halves(self, ids: Ids, layers: Layers) -> tuple[Array, State]:
        """Read a character of half of the texts in each of two threads."""
        middle = len(ids) // 2
        first, second = (
            (ids[half], tuple(tuple(array[half] for array in layer) for layer in layers))
            for half in (slice(middle), slice(middle, None))
        )
        (above, one), (below, other) = side_by_side(
            lambda: self._step(*first), lambda: self._step(*second)
        )
        return np.concatenate((above, below)), self.join([one, other])

    def _step(self, ids: Ids, layers: Layers) -> tuple[Array, State]:
        if self._tame:
            return self._computed(ids, layers)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._computed(ids, layers)  # `generate` checks what comes out

    def _computed(self, ids: Ids, layers: Layers) -> tuple[Array, State]:
        new: list[tuple[Array, ...]] = []
        for i, before in enumerate(layers):
            if i:
                x = self._product(new[-1][0], self._kernels[i])
                x += self._biases[i]
            elif self._table is None:
                x = self._product(self._embedding[ids], self._kernels[0])
                x += self._biases[0]
            elif len(ids) == 1:
                x = self._table[ids[0]]
            else:
                x = self._table[ids, :, 0].swapaxes(0, 1)
            new.append(self._cell(i, x, before))
        logits: Array = np.dot(new[-1][0], self._dense_kernel)
        if self.config.tied:
            logits = np.dot(logits, self._embedding.T)
        logits += self._dense_bias
        return logits, State(tuple(new))

    # A cell takes x (G, B, H) and its arrays of the state, and changes neither.

    def _rnn(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = state
        z = self._product(h, self._recurrent[i])
        z += x
        return (np.tanh(z[0]),)

    def _lstm(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        h, c = state
        z = self._product(h, self._recurrent[i])  # in the order i, f, o, g
        z += x
        self._activate(z)
        new = z[0]
        new *= z[3]
        c = z[1] * c
        c += new
        h = np.tanh(c)
        h *= z[2]
        return h, c

    def _gru(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = state
        z = self._product(h, self._recurrent[i])  # in the order z, r, n
        z += self._recurrent_biases[i]
        gates, candidate = z[:2], z[2]
        gates += x[:2]
        self._activate(gates)
        candidate *= gates[1]
        candidate += x[2]
        np.tanh(candidate, candidate)
        h = h - candidate
        h *= gates[0]
        h += candidate
        return (h,)

    def _activate(self, z: Array) -> None:
        """Turn z of σ and tanh gates into their values, in place."""
        np.tanh(z, z)
        z *= self._after
        z += self._shift

    def _product(self, rows: Array, matrix: Array) -> Array:
        """Return rows (B, n) · matrix (n, G·H), gate by gate: (G, B, H)."""
        texts, units = len(rows), self.config.units
        if texts == 1:
            found: Array = np.dot(rows, matrix).reshape(-1, 1, units)
            return found
        if texts <= FEW:
            found = np.array([np.dot(row, matrix) for row in rows])
            return found.reshape(texts, -1, units).swapaxes(0, 1)
        write_buffers()
        found = np.matmul(rows, matrix.reshape(len(matrix), -1, units).swapaxes(0, 1))
        return found


_cores = functools.cache(cores)


def _start_id(vocabulary: Vocabulary, start: str | None) -> int:
    if vocabulary.end is not None:
        return vocabulary.end  # what stands before every item
    if "\n" in vocabulary:
        start = "\n"
    elif start is None:
        start = vocabulary.characters[0]
    return int(vocabulary.encode(start)[0])


def _zeroed(layers: Layers, rows: npt.NDArray[np.bool_]) -> Layers:
    """Return the arrays (B, H) of a state with zeros in some of the B rows."""
    zero, rows = np.float32(0), rows[:, None]
    return tuple(tuple(np.where(rows, zero, array) for array in layer) for layer in layers)


def _in_one_piece(arrays: Sequence[Array]) -> list[Array]:
    """Return arrays that lie side by side, from the beginning of a large page on.

    NumPy asks for large pages where an array has 4 MiB. A product of one row does little
    but read a matrix, and finds it 10 to 18 % faster on large pages.
    """
    size = sum(array.size for array in arrays)
    if size < PAGE // 4:
        return list(arrays)
    memory = np.empty(size + 2 * PAGE, np.float32)
    start = -memory.ctypes.data // memory.itemsize % PAGE
    found = []
    for array in arrays:
        found.append(memory[start : start + array.size].reshape(array.shape))
        found[-1][:] = array
        start += array.size
    return found


def _flushed(array: Array) -> Array:
    """Return an array with zeros in place of denormal numbers."""
    least = np.finfo(np.float32).smallest_normal
    return np.where(np.abs(array) < least, np.float32(0), array)


def _lifted(inputs: Array, units: int) -> Array:
    """Return inputs (..., G·H) where those of the candidate, which come last, are not 0."""
    found = inputs.copy()
    candidates = found[..., -units:]
    candidates[np.abs(candidates) < LEAST_INPUT] = LEAST_INPUT
    return found


def _largest(array: Array) -> float:
    """Return the largest magnitude in an array; NaN if there is a NaN."""
    return float(max(array.max(), -array.min()))


class _Gates(NamedTuple):
    order: npt.NDArray[np.intp]
    before: Array
    after: Array
    shift: Array


def _gates(config: ModelConfig) -> _Gates:
    """Return how the columns of kernels and biases are laid out for a fast step.

    σ(t) = ½ tanh(t / 2) + ½, which cannot overflow. So the columns of the sigmoid gates
    are put side by side, and one tanh serves all gates that are computed at a time.

    Returns:
        The order of the columns; what they are multiplied by (halves and ones: no
        rounding); and what the tanh of gates, (G, 1, H), is multiplied by, and what is
        added to that.
    """
    cell, units = CELLS[config.cell], config.units
    gates = sorted(cell.gates, key=lambda gate: gate not in cell.logistic)
    starts = [cell.gates.index(gate) * units for gate in gates]
    order = np.concatenate([np.arange(start, start + units) for start in starts])
    before = [0.5 if gate in cell.logistic else 1.0 for gate in gates]
    # The GRU's candidate needs a gate's value, and comes later.
    after = before[: len(cell.logistic)] if cell.name == "gru" else before
    shifts = {"i": 0.5 + 2.0**-24, "g": 0.0}
    shift = [shifts.get(gate, 0.5) for gate in gates[: len(after)]]
    columns = [np.array(each, np.float32).repeat(units) for each in (before, after, shift)]
    return _Gates(order, columns[0], *(each.reshape(-1, 1, units) for each in columns[1:]))


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
