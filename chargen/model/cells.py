"""The recurrent cells: one record each, from which everything else about a cell follows.

The equations stand where they are computed: in `sampling.engine` (NumPy), and in
`training.tf.recurrent` (TensorFlow, with gradients).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent layer, laid out as Keras has it.

    Attributes:
        name: its name in settings and checkpoints.
        keras: the name of Keras's layer.
        gates: one letter for each, in the order of the kernels' columns.
        logistic: those gates that go through σ; the others go through tanh.
        states: the arrays (B, H) that it carries from one time step to the next; the
            first is its output.
        two_biases: whether the recurrent product has a bias of its own. A layer's bias is
            then (2, G·H), with the inputs' row first; otherwise it is (G·H,).
    """

    name: str
    keras: str
    gates: str
    logistic: str
    states: tuple[str, ...]
    two_biases: bool = False

    def bias_shape(self, units: int) -> tuple[int, ...]:
        """Return the shape of the bias of a layer with H units."""
        size = len(self.gates) * units
        return (2, size) if self.two_biases else (size,)


CELLS = {
    cell.name: cell
    for cell in (
        Cell("rnn", "SimpleRNN", gates="h", logistic="", states=("h",)),
        Cell("lstm", "LSTM", gates="ifgo", logistic="ifo", states=("h", "c")),
        Cell("gru", "GRU", gates="zrn", logistic="zr", states=("h",), two_biases=True),
    )
}
