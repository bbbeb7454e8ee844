"""How much of a gradient gets through time: SimpleRNN, LSTM and GRU, untrained and trained.

Usage: python examples/gradients.py [CORPUS] [--steps 600] [--seed 0] [--plot FILE]

For each cell, a model with a single layer is trained in a temporary folder. Then the loss
of one character is taken, and its gradient is followed back through the states that came
before. The tables say how large it still is 1, 10, 50 and 100 steps back, relative to what
it was at the start: the median over many places in the validation text. The untrained model
is measured in the same way.

The gradients are computed here in NumPy, step by step, so that one can read how. Needs
TensorFlow for the training and matplotlib (pip install matplotlib) for the picture.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import chargen
from chargen.cli.train import tensorflow_silenced
from chargen.errors import ChargenError
from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import Checkpoint
from chargen.text.vocabulary import Ids
from chargen.training.job import start_tensorflow

Array = npt.NDArray[np.float64]
Weights = Mapping[str, npt.NDArray[np.float32]]

NAMES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
SHOWN = (1, 10, 50, 100)  # steps back, in the table
WARM_UP = 100  # characters read before the steps that are measured


def sigmoid(x: Array) -> Array:
    """Return σ(x), without overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


class SimpleRNN:
    """One step of the cell, forwards and backwards; B texts, H units.

    `forward` takes u = x K + b (B, G·H) and the state, and returns the new state and what
    the way back needs. `backward` takes the gradient of the loss with respect to the new
    state and returns that with respect to the state before.
    """

    states: tuple[str, ...] = ("h",)

    def __init__(self, weights: Weights) -> None:
        bias = weights["rnn.0.bias"].astype(np.float64)
        self.recurrent_kernel = weights["rnn.0.recurrent_kernel"].astype(np.float64)
        both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        self.input_bias: Array = both[0]
        self.recurrent_bias: Array = both[1]
        self.table = weights["embedding"].astype(np.float64) @ weights["rnn.0.kernel"]

    def inputs(self, ids: Ids) -> Array:
        """Return u = x K + b (B, G·H) of characters (B,)."""
        return self.table[ids] + self.input_bias

    def recurrent(self, h: Array) -> Array:
        """Return v = h R (B, G·H); GRU adds its second bias."""
        return h @ self.recurrent_kernel + self.recurrent_bias

    def forward(self, u: Array, state: list[Array]) -> tuple[list[Array], dict[str, Array]]:
        """h' = tanh(u + h R)."""
        (h,) = state
        after = np.tanh(u + self.recurrent(h))
        return [after], {"slope": 1 - after**2}

    def backward(self, d: list[Array], kept: dict[str, Array]) -> list[Array]:
        """dL/dh = (dL/dh' * tanh') Rᵀ."""
        return [(d[0] * kept["slope"]) @ self.recurrent_kernel.T]


class LSTM(SimpleRNN):
    """See `SimpleRNN`; its state is (h, c)."""

    states = ("h", "c")

    def forward(self, u: Array, state: list[Array]) -> tuple[list[Array], dict[str, Array]]:
        """c' = f * c + i * g; h' = o * tanh(c')."""
        h, c = state
        i, f, g, o = np.split(u + self.recurrent(h), 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        after = f * c + i * g
        kept = {"i": i, "f": f, "g": g, "o": o, "c": c, "tanh_c": np.tanh(after)}
        return [o * kept["tanh_c"], after], kept

    def backward(self, d: list[Array], kept: dict[str, Array]) -> list[Array]:
        """What reaches h goes through R; what reaches c is only multiplied by f."""
        i, f, g, o, c, tanh_c = (kept[name] for name in ("i", "f", "g", "o", "c", "tanh_c"))
        dh, dc = d
        dc = dc + dh * o * (1 - tanh_c**2)
        before = [
            dc * g * i * (1 - i),
            dc * c * f * (1 - f),
            dc * i * (1 - g**2),
            dh * tanh_c * o * (1 - o),
        ]
        return [np.concatenate(before, axis=1) @ self.recurrent_kernel.T, dc * f]


class GRU(SimpleRNN):
    """See `SimpleRNN`; with the reset gate after the product (`reset_after`)."""

    def forward(self, u: Array, state: list[Array]) -> tuple[list[Array], dict[str, Array]]:
        """h' = z * h + (1 - z) * h̃, with h̃ = tanh(u_h + r * v_h)."""
        (h,) = state
        u_z, u_r, u_h = np.split(u, 3, axis=1)
        v_z, v_r, v_h = np.split(self.recurrent(h), 3, axis=1)
        z, r = sigmoid(u_z + v_z), sigmoid(u_r + v_r)
        candidate = np.tanh(u_h + r * v_h)
        kept = {"z": z, "r": r, "candidate": candidate, "v_h": v_h, "h": h}
        return [z * h + (1 - z) * candidate], kept

    def backward(self, d: list[Array], kept: dict[str, Array]) -> list[Array]:
        """One part goes through R, the other is only multiplied by z."""
        z, r, candidate = kept["z"], kept["r"], kept["candidate"]
        (dh,) = d
        d_candidate = dh * (1 - z) * (1 - candidate**2)
        before = [
            dh * (kept["h"] - candidate) * z * (1 - z),
            d_candidate * kept["v_h"] * r * (1 - r),
            d_candidate * r,
        ]
        return [dh * z + np.concatenate(before, axis=1) @ self.recurrent_kernel.T]


STEPS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


def state_gradients(
    config: ModelConfig, weights: Weights, ids: Ids, back: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Follow the gradient of the last character's loss back through the states.

    Args:
        config: the shape of a model with a single recurrent layer.
        weights: by their names in a checkpoint.
        ids: (N, T + 1): T inputs from a zero state; the last id is the target of the loss.
        back: how many steps to go back, at most T.

    Returns:
        For each state, "h" and for LSTM also "c", the gradient (back + 1, N, H) of the loss
        in nats with respect to that state k steps before the last, k = 0 … back, with the
        other state held fixed; and what the steps kept (gates or tanh'), (back, N, H), by
        name.
    """
    if config.layers != 1:
        raise ValueError(f"the model must have a single layer; got {config.layers}")
    cell = STEPS[config.cell](weights)
    count, rows = len(ids), np.arange(len(ids))
    state = [np.zeros((count, config.units))] * len(cell.states)
    steps = []
    for t in range(ids.shape[1] - 1):
        state, kept = cell.forward(cell.inputs(ids[:, t]), state)
        steps.append(kept)
    logits = state[0] @ weights["dense.kernel"] + weights["dense.bias"]  # (N, V)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities[rows, ids[:, -1]] -= 1  # the gradient of the loss: p - one-hot
    d = [probabilities @ weights["dense.kernel"].T.astype(np.float64)]
    d += [np.zeros((count, config.units))] * (len(cell.states) - 1)  # c: only through h
    gradients = [d]
    for k in range(back):
        d = cell.backward(d, steps[-1 - k])
        gradients.append(d)
    measured = steps[len(steps) - back :]
    return (
        {name: np.stack([d[i] for d in gradients]) for i, name in enumerate(cell.states)},
        {name: np.stack([kept[name] for kept in measured]) for name in measured[0]},
    )


def shares(
    config: ModelConfig, weights: Weights, ids: Ids, back: int
) -> tuple[dict[str, Array], dict[str, float]]:
    """Return what is left of the gradient k steps back, and what explains it.

    Args:
        config, weights, ids, back: as for `state_gradients`.

    Returns:
        For each state, an array (back + 1,): the norm of its gradient k steps back over
        that of h at the last step, the median over the N places. And by name: the mean over
        all steps, places and units of what a gradient is multiplied by (f, z or tanh'), the
        largest mean that any unit has, and for SimpleRNN the largest singular value of R.
    """
    gradients, kept = state_gradients(config, weights, ids, back)
    norms = {name: np.linalg.norm(g, axis=2) for name, g in gradients.items()}
    found = {name: np.median(n / norms["h"][0], axis=1) for name, n in norms.items()}
    factor = {"rnn": "slope", "lstm": "f", "gru": "z"}[config.cell]
    units = kept[factor].mean(axis=(0, 1))  # (H,)
    explained = {"mean": float(units.mean()), "largest": float(units.max())}
    if config.cell == "rnn":
        explained["sigma"] = float(
            np.linalg.norm(weights["rnn.0.recurrent_kernel"].astype(np.float64), 2)
        )
    return found, explained


def train(
    cell: str, arguments: argparse.Namespace, folder: Path
) -> tuple[Checkpoint, Weights, Ids]:
    """Train a model of one layer in `folder`.

    Returns:
        The trained model, its initial weights, and the ids of the validation text.
    """
    settings: dict[str, Any] = {
        "cell": cell,
        "units": arguments.units,
        "layers": 1,
        "steps": arguments.steps,
        "seed": arguments.seed,
        "seq_length": arguments.seq_length,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "dropout": 0.2,
        "precision": "float32",
        "stock": arguments.stock,
        "eval_every": arguments.steps,
    }
    with chargen.prepare(arguments.corpus, out=folder / cell, **settings) as job:
        with tensorflow_silenced(False):
            runtime = start_tensorflow(job.settings)
        job.train(runtime=runtime)
        trained, corpus = job.run.read("latest"), job.resolved.corpus
    from chargen.training.tf.keras_model import build_model

    config, size = trained.model, len(corpus.vocabulary)
    model = build_model(config, size, seed=arguments.seed)  # what training began with
    names = config.weight_shapes(size)
    initial = dict(zip(names, (np.array(w) for w in model.get_weights()), strict=True))
    return trained, initial, corpus.validation.read()


def places(text: Ids, back: int, count: int) -> Ids:
    """Return windows (N, warm-up + back + 1) spread evenly over the validation text."""
    length = WARM_UP + back + 1
    if len(text) < length:
        raise SystemExit(f"the validation text has fewer than {length} characters")
    starts = np.linspace(0, len(text) - length, count).astype(int)
    return text[starts[:, None] + np.arange(length)]


def measure(arguments: argparse.Namespace) -> dict[tuple[str, str], Any]:
    """Return what `shares` found by (cell, "untrained" or "trained")."""
    found: dict[tuple[str, str], Any] = {}
    back = max(SHOWN)
    with tempfile.TemporaryDirectory() as name:
        for cell in arguments.cells:
            print(f"training {NAMES[cell]} …", file=sys.stderr)
            trained, initial, text = train(cell, arguments, Path(name))
            ids = places(text, back, arguments.places)
            config = trained.model
            found[cell, "untrained"] = shares(config, initial, ids, back)
            found[cell, "trained"] = shares(config, trained.weights, ids, back)
            print(f"  validation: {trained.validation_loss:.3f} nats", file=sys.stderr)
    return found


def share_text(value: float) -> str:
    """Write a share such that 0.042 and 4e-12 can both be read."""
    if 0.001 <= value < 1000:
        return f"{value:.3f}"
    digit, power = f"{value:.0e}".split("e")
    return f"{digit}e{int(power)}"


def print_tables(found: dict[tuple[str, str], Any]) -> None:
    """Print what is left of the gradient, and what explains it, as Markdown."""
    print("| state | | " + " | ".join(f"k = {k}" for k in SHOWN) + " |")
    print("|---|---|" + "---:|" * len(SHOWN))
    for (cell, when), (norms, _) in found.items():
        for state, curve in norms.items():
            cells = " | ".join(share_text(curve[k]) for k in SHOWN)
            print(f"| {NAMES[cell]} `{state}` | {when} | {cells} |")
    print("\n| factor of a step | | mean | of the largest unit | σ_max(R) |")
    print("|---|---|---:|---:|---:|")
    factors = {"rnn": "tanh'", "lstm": "f", "gru": "z"}
    for (cell, when), (_, explained) in found.items():
        mean, largest = (f"{explained[name]:.3f}" for name in ("mean", "largest"))
        sigma = f"{explained['sigma']:.2f}" if "sigma" in explained else "–"
        factor = f"{NAMES[cell]} `{factors[cell]}`"
        print(f"| {factor} | {when} | {mean} | {largest} | {sigma} |")


def plot(found: dict[tuple[str, str], Any], file: Path) -> None:
    """Draw the curves, untrained and trained side by side, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    styles = {
        ("rnn", "h"): ("C3", "-"),
        ("lstm", "h"): ("C0", "-"),
        ("lstm", "c"): ("C0", "--"),
        ("gru", "h"): ("C2", "-"),
    }
    for (cell, when), (norms, _) in found.items():
        ax = axes[int(when == "trained")]
        for state, curve in norms.items():
            colour, style = styles[cell, state]
            steps = np.arange(1, len(curve))
            label = f"{NAMES[cell]} {state}"
            ax.semilogy(steps, curve[1:], style, color=colour, label=label)
    for ax, when in zip(axes, ("untrained", "trained"), strict=True):
        ax.set_title(when)
        ax.set_xlabel("steps back, k")
        ax.set_ylim(1e-12, 10)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("gradient at t - k, relative")
    axes[1].legend(fontsize="small")
    figure.savefig(file, dpi=90)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("corpus", nargs="?", default="harbour-plays")
    options.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    options.add_argument("--steps", type=int, default=600, help="updates of each model")
    options.add_argument("--units", type=int, default=128)
    options.add_argument("--seq-length", type=int, default=128, help="of the training")
    options.add_argument("--places", type=int, default=64, help="that are measured")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--stock", action="store_true", help="train Keras's own layers")
    options.add_argument("--plot", type=Path, default=Path("gradients.png"))
    options.add_argument("--no-plot", action="store_true", help="print the tables only")
    return options


def main() -> int:
    """Train, measure, print and draw."""
    arguments = parser().parse_args()
    if not arguments.no_plot and importlib.util.find_spec("matplotlib") is None:
        print(
            "error: the picture needs matplotlib: pip install matplotlib. "
            "Without one: --no-plot",
            file=sys.stderr,
        )
        return 1
    try:
        found = measure(arguments)
    except ChargenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_tables(found)
    if not arguments.no_plot:
        plot(found, arguments.plot)
        print(f"picture: {arguments.plot}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
