"""The model's forward pass in NumPy, one character at a time. Never imports TensorFlow.

Equations, with x = the layer's input, h = its state, * elementwise, and Keras's layout:

    SimpleRNN   h' = tanh(x K + h R + b)                    Elman 1990
    LSTM        i, f, g, o = split(x K + h R + b)           Hochreiter & Schmidhuber
                c' = σ(f) * c + σ(i) * tanh(g)              1997; f: Gers et al. 2000
                h' = σ(o) * tanh(c')
    GRU         z, r, n = x K + b₀;  z', r', n' = h R + b₁  Cho et al. 2014, in the
                h̃ = tanh(n + σ(r + r') * n')                form `reset_after` of Keras
                h' = σ(z + z') * h + (1 - σ(z + z')) * h̃

The first layer's product is folded into a table, `embedding @ K + b`, so that a step reads
one row of it. Shapes: B texts side by side, H units, V characters.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from chargen.checkpoint import Checkpoint
from chargen.config import STATES, ModelConfig
from chargen.vocabulary import Ids, Vocabulary

Array = npt.NDArray[np.float32]
State = tuple[tuple[Array, ...], ...]
"""For each layer its arrays of shape (B, H): (h, c) for LSTM, (h,) for the others."""


class Engine:
    """A trained model that turns ids into logits.

    Args:
        config: the model's shape.
        vocabulary: its V characters.
        weights: float32 arrays by name and shape as `config.weight_shapes(V)`.
        start: the character that a text without a seed text starts from; it is not part
            of the text. None: a newline if the vocabulary has one, else its first.

    Raises:
        ValueError: a weight is missing, unknown, or of another shape.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        weights: Mapping[str, Array],
        *,
        start: str | None = None,
    ) -> None:
        shapes = config.weight_shapes(len(vocabulary))
        found = {name: array.shape for name, array in weights.items()}
        if found != shapes:
            raise ValueError(f"weights must have the shapes {shapes}; got {found}")
        self.config = config
        self.vocabulary = vocabulary
        if start is None:
            start = "\n" if "\n" in vocabulary else vocabulary.characters[0]
        self.start_id = int(vocabulary.encode(start)[0])
        self._kernels = [weights[f"rnn.{i}.kernel"] for i in range(config.layers)]
        self._recurrent = [
            weights[f"rnn.{i}.recurrent_kernel"] for i in range(config.layers)
        ]
        biases = [weights[f"rnn.{i}.bias"] for i in range(config.layers)]
        if config.cell == "gru":
            self._recurrent_biases = [bias[1] for bias in biases]
            biases = [bias[0] for bias in biases]
        self._biases = biases
        self._table = weights["embedding"] @ self._kernels[0] + biases[0]  # (V, gates·H)
        self._dense_kernel = weights["dense.kernel"]
        self._dense_bias = weights["dense.bias"]
        self._cell = {"rnn": self._rnn, "lstm": self._lstm, "gru": self._gru}[config.cell]

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Engine:
        """Return the engine of a checkpoint, which starts texts as its docs say."""
        vocabulary = checkpoint.vocabulary
        start = checkpoint.training.get("commonest_character")
        if "\n" in vocabulary or not isinstance(start, str) or start not in vocabulary:
            start = None
        return cls(checkpoint.model, vocabulary, checkpoint.weights, start=start)

    def zero_state(self, batch_size: int = 1) -> State:
        """Return the state before the first character."""
        zeros = np.zeros((batch_size, self.config.units), np.float32)
        return ((zeros,) * STATES[self.config.cell],) * self.config.layers

    @np.errstate(over="ignore", invalid="ignore")  # `generate` checks what comes out
    def step(self, ids: Ids, state: State) -> tuple[Array, State]:
        """Read one character of each text and predict the next.

        Args:
            ids: int32 (B,).
            state: of these texts; it is not changed.

        Returns:
            logits float32 (B, V), and the new state.
        """
        x = self._table[ids]  # (B, gates·H)
        new_state: list[tuple[Array, ...]] = []
        for i, before in enumerate(state):
            if i:
                x = new_state[-1][0] @ self._kernels[i] + self._biases[i]
            new_state.append(self._cell(i, x, before))
        logits = new_state[-1][0] @ self._dense_kernel + self._dense_bias  # (B, V)
        return logits, tuple(new_state)

    def _rnn(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = state
        return (np.tanh(x + h @ self._recurrent[i]),)

    def _lstm(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        h, c = state
        units = self.config.units
        z = x + h @ self._recurrent[i]  # (B, 4H)
        gates = _sigmoid(z)
        candidate = np.tanh(z[:, 2 * units : 3 * units])
        c = gates[:, units : 2 * units] * c + gates[:, :units] * candidate
        return gates[:, 3 * units :] * np.tanh(c), c

    def _gru(self, i: int, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = state
        units = self.config.units
        inner = h @ self._recurrent[i] + self._recurrent_biases[i]  # (B, 3H)
        gates = _sigmoid(x[:, : 2 * units] + inner[:, : 2 * units])
        update, reset = gates[:, :units], gates[:, units:]
        candidate = np.tanh(x[:, 2 * units :] + reset * inner[:, 2 * units :])
        return (update * h + (1 - update) * candidate,)


def _sigmoid(x: Array) -> Array:
    """The logistic function by way of tanh, which cannot overflow."""
    result: Array = np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)
    return result
