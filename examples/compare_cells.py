"""SimpleRNN, LSTM and GRU side by side, with and without carrying the state on.

Usage: python examples/compare_cells.py [CORPUS] [--epochs 8] [--seed 0] [--plot FILE]

Trains six models in a temporary folder: each cell on streams (windows that follow one
another, the state carried from one to the next) and on shuffled windows (each from a zero
state). All make the same number of passes over the training text in batches of one size,
and so the same number of updates, with one recipe. The LSTM has --units units; the other
cells, which have fewer gates, get as many units as bring them closest to its number of
parameters. That is fair in memory and in text, but not in time: see the seconds.

Prints a table: the validation loss with the state carried through the text, and cold, from
a zero state every --seq-length characters. Draws the learning curves from the runs'
log.jsonl. The same seed on the same machine gives the same losses. Needs TensorFlow, and
matplotlib (pip install matplotlib) for the picture.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chargen
from chargen.cli.train import tensorflow_silenced
from chargen.errors import ChargenError
from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.text.batches import WINDOWS
from chargen.training.job import Job, start_tensorflow
from chargen.training.read import read
from chargen.training.request import Request
from chargen.training.resolve import resolve

NAMES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
EVALUATIONS = 10  # points on a learning curve


@dataclass(frozen=True)
class Result:
    """What a training came to.

    Attributes:
        cell, windows: see `chargen.Settings`.
        units: the units of each layer.
        parameters: the parameters of the whole model.
        updates: the updates done.
        seconds: the time of the run, tracing, compiling and evaluations included.
        curve: (passes over the text, validation loss in nats, carried), in order.
        carried: the last of these losses.
        cold: the validation loss in nats from a zero state in each window.
    """

    cell: str
    windows: str
    units: int
    parameters: int
    updates: int
    seconds: float
    curve: list[tuple[float, float]]
    carried: float
    cold: float


def matching_units(cell: str, model: ModelConfig, vocabulary_size: int) -> int:
    """Return the units that give a cell about as many parameters as `model` has.

    Args:
        cell: "rnn", "lstm" or "gru".
        model: what to match, except for its cell and units.
        vocabulary_size: V.
    """
    target = model.parameters(vocabulary_size)

    def distance(units: int) -> int:
        other = ModelConfig(cell, units, model.layers, model.embedding_size)
        return abs(other.parameters(vocabulary_size) - target)

    return min(range(1, 4 * model.units + 1), key=distance)


def chosen(arguments: argparse.Namespace, cell: str, windows: str) -> dict[str, Any]:
    """Return the settings of one training."""
    length = {"steps": arguments.steps} if arguments.steps else {"epochs": arguments.epochs}
    settings: dict[str, Any] = {
        "cell": cell,
        "windows": windows,
        "units": arguments.units,
        "layers": arguments.layers,
        "embedding_size": 64,
        "batch_size": 16,
        "seq_length": arguments.seq_length,
        "learning_rate": 5e-3,
        "dropout": 0.2,
        "precision": "float32",
        "stock": arguments.stock,
        "seed": arguments.seed,
        **length,
    }
    resolved = resolve(read(Request(arguments.corpus, settings, dry_run=True)))
    size = len(resolved.corpus.vocabulary)
    lstm = ModelConfig("lstm", arguments.units, arguments.layers, 64)
    settings["units"] = matching_units(cell, lstm, size)
    updates = arguments.steps or arguments.epochs * resolved.batches.steps_per_epoch
    settings["eval_every"] = max(1, updates // EVALUATIONS)
    return settings


def result(job: Job) -> Result:
    """Train a job and read off what it came to."""
    # Importing TensorFlow is not part of the seconds.
    with tensorflow_silenced(False):
        runtime = start_tensorflow(job.settings)
    job.train(runtime=runtime)
    settings, text = job.settings, job.resolved.corpus
    latest = job.run.read("latest")
    curve = [
        (line["epoch"], line["validation"])
        for line in job.run.log
        if line["kind"] == "evaluation"
    ]
    characters = text.vocabulary
    cold = chargen.evaluate(
        chargen.load(job.run.folder / "latest"),
        characters.decode(text.validation.read()),
        context=characters.decode(text.context),
        cold_every=settings.seq_length,
    )
    return Result(
        cell=settings.cell,
        windows=settings.windows,
        units=settings.units,
        parameters=settings.model.parameters(len(characters)),
        updates=latest.step,
        seconds=latest.seconds,
        curve=curve,
        carried=curve[-1][1],
        cold=cold.nats,
    )


def results(arguments: argparse.Namespace, folder: Path) -> Iterator[Result]:
    """Train the models, one after the other."""
    for windows in WINDOWS:
        for cell in arguments.cells:
            print(f"training {NAMES[cell]} on {windows} …", file=sys.stderr)
            settings, out = chosen(arguments, cell, windows), folder / f"{cell}-{windows}"
            with chargen.prepare(arguments.corpus, out=out, **settings) as job:
                if not len(job.resolved.corpus.validation):
                    raise SystemExit(f"{arguments.corpus} is too short to hold a part out")
                found = result(job)
            yield found


def print_table(found: list[Result]) -> None:
    """Print the results as Markdown."""
    print(
        "| cell | windows | units | parameters | updates | seconds | carried | cold |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|"
    )
    for r in found:
        print(
            f"| {NAMES[r.cell]} | {r.windows} | {r.units} | {r.parameters:,} | "
            f"{r.updates:,} | {r.seconds:.0f} | {r.carried:.3f} | {r.cold:.3f} |"
        )


def plot(found: list[Result], file: Path) -> None:
    """Draw the learning curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.8), layout="constrained")
    ax = figure.subplots()
    colours = {"rnn": "C3", "lstm": "C0", "gru": "C2"}
    styles = {"streams": "-", "shuffled": "--"}
    for r in found:
        passes, losses = zip(*r.curve, strict=True)
        label = f"{NAMES[r.cell]}, {r.windows}"
        ax.plot(passes, losses, styles[r.windows], color=colours[r.cell], label=label)
    ax.set_xlabel("passes over the training text")
    ax.set_ylabel("validation loss, carried (nats)")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")
    figure.savefig(file, dpi=90)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("corpus", nargs="?", default="harbour-plays")
    options.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    options.add_argument("--epochs", type=int, default=8, help="passes over the text")
    options.add_argument("--steps", type=int, help="updates, instead of --epochs")
    options.add_argument("--units", type=int, default=128, help="of the LSTM")
    options.add_argument("--layers", type=int, default=1)
    options.add_argument("--seq-length", type=int, default=32, help="of a window")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--runs", type=Path, help="keep the runs in this folder")
    options.add_argument("--stock", action="store_true", help="train Keras's own layers")
    options.add_argument("--plot", type=Path, default=Path("compare_cells.png"))
    options.add_argument("--no-plot", action="store_true", help="print the table only")
    return options


def main() -> int:
    """Train, print and draw."""
    arguments = parser().parse_args()
    if not arguments.no_plot and importlib.util.find_spec("matplotlib") is None:
        print(
            "error: the picture needs matplotlib: pip install matplotlib. "
            "Without one: --no-plot",
            file=sys.stderr,
        )
        return 1
    try:
        with contextlib.ExitStack() as stack:
            folder = arguments.runs or Path(
                stack.enter_context(tempfile.TemporaryDirectory())
            )
            found = list(results(arguments, folder))
    except ChargenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_table(found)
    if not arguments.no_plot:
        plot(found, arguments.plot)
        print(f"picture: {arguments.plot}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
