"""Characters per second of sampling, one text and 64 at a time, and the first character.

The models have random weights and 65 characters. Each system draws at temperature 0.8,
chargen with `top_p=0.9` besides, as its users would: `chargen.generate` for one text, and
`chargen.generate_texts` for 64.

- chargen, and with `--against REV` chargen as it was at another commit (where it has no
  `generate_texts`, 64 iterators take turns; where it has no `top_p`, it draws without it);
- Keras, compiled: one step of a model that takes and returns its states, with the draw, in
  one `tf.function`, as in TensorFlow's tutorial on text generation;
- Keras, predict: `model.predict` on the last 40 characters, as in Keras's example;
- PyTorch, where it is installed: one step of `torch.nn`'s layers and a draw in
  `torch.inference_mode`, with its own number of threads;
- products: nothing but a step's matrix products for 64 texts, by NumPy with one BLAS thread
  and with one for each core. This is what bounds a step.

Each system has a process of its own, which waits while another one runs. They take turns,
round after round, in bursts. Figures are medians over the rounds. The first character is
timed from the start of `python -m chargen sample`, and for the others of a script that
imports, builds the model and draws (once). `--busy` lets one process spin beside all that.

Usage: .venv/bin/python benchmarks/sample_speed.py [--against REV] [--busy]
           [--models TEXT]... [--systems TEXT]... [--rounds 5] [--seconds 0.5]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import itertools
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
CHARACTERS = "\n" + "".join(map(chr, range(33, 97)))
SIZE = len(CHARACTERS)
EMBEDDING = 64
TEXTS = 64
TEMPERATURE, SHARE = 0.8, 0.9
WINDOW = 40  # characters that `model.predict` is shown
MODELS = [("lstm", 2, 128), ("lstm", 2, 256), ("lstm", 2, 512), ("gru", 1, 1024)]
SYSTEMS = ["chargen", "against", "Keras, compiled", "Keras, predict", "PyTorch"]
PRODUCTS = ["products, 1 thread", "products, all cores"]
KERAS_NAMES = {"lstm": "LSTM", "gru": "GRU"}

Draw = Callable[[], object]
"""Draws one character of each text."""


def name_of(cell: str, layers: int, units: int) -> str:
    """Return a model's name: cell layers×units."""
    return f"{KERAS_NAMES[cell]} {layers}×{units}"


def write_run(folder: Path, cell: str, layers: int, units: int) -> None:
    """Write a run with random weights, whose odds are as uneven as a trained one's."""
    from chargen.model.shape import ModelConfig
    from chargen.runs.checkpoint import Checkpoint
    from chargen.runs.run import Run
    from chargen.text.policy import TextPolicy
    from chargen.text.sources import Source
    from chargen.text.vocabulary import Vocabulary

    config = ModelConfig(cell, units, layers, EMBEDDING, 0.0)
    random = np.random.default_rng(0)
    weights = {}
    for name, shape in config.weight_shapes(SIZE).items():
        deviation = 2.5 if "dense" in name else 1.0
        values = random.normal(0, deviation / math.sqrt(shape[0]), shape)
        weights[name] = values.astype(np.float32)
    checkpoint = Checkpoint(
        model=config,
        vocabulary=Vocabulary(CHARACTERS),
        text=TextPolicy(),
        corpus=(Source("train", "random.txt", 1, "0" * 64),),
        training={"seed": 0},
        step=1,
        epoch=1.0,
        seconds=1.0,
        train_loss=1.0,
        validation_loss=1.0,
        weights=weights,
        resume={"counter.step": np.array(1.0)},
        chargen="0.1.0",
    )
    folder.mkdir()
    run = Run(folder)
    run.write_description({"format": 1, "settings": {}})
    run.publish(checkpoint, best=True, keep=1)


# --- what is measured, each in a process of its own ---------------------------------------


def chargen_draw(run: Path, texts: int) -> Draw:
    """Return what draws with chargen."""
    import chargen

    model = chargen.load(str(run))
    options: dict[str, Any] = {"temperature": TEMPERATURE, "length": 10**9}
    fields = getattr(getattr(chargen, "Sampling", None), "__dataclass_fields__", ())
    if "top_p" in fields:
        options["top_p"] = SHARE
    if texts == 1 or not hasattr(chargen, "generate_texts"):
        streams = [chargen.generate(model, seed=i, **options) for i in range(texts)]
        return lambda: [next(stream) for stream in streams]
    options["length"] = 200  # texts of a length that ends

    def characters() -> Iterator[None]:
        while True:
            for sample in chargen.generate_texts(model, count=10 * texts, **options):
                yield from itertools.repeat(None, len(sample.text))

    each = characters()
    return lambda: [next(each) for _ in range(texts)]


def keras_draw(cell: str, layers: int, units: int, texts: int) -> Draw:
    """Return what draws with one compiled step of a Keras model that returns its states."""
    import keras
    import tensorflow as tf

    count = 2 if cell == "lstm" else 1
    inputs = [keras.Input((units,)) for _ in range(count * layers)]
    ids = keras.Input((1,), dtype="int32")
    x, outputs = keras.layers.Embedding(SIZE, EMBEDDING)(ids), []
    kind = getattr(keras.layers, KERAS_NAMES[cell])
    for i in range(layers):
        layer = kind(units, return_sequences=True, return_state=True)
        x, *after = layer(x, initial_state=inputs[count * i : count * (i + 1)])
        outputs += after
    model = keras.Model([ids, *inputs], [keras.layers.Dense(SIZE)(x), *outputs])

    @tf.function
    def step(last: Any, states: list[Any]) -> Any:
        logits, *after = model([last, *states])
        drawn = tf.random.categorical(logits[:, -1] / TEMPERATURE, 1, dtype=tf.int32)
        return drawn, after

    now = [tf.zeros((texts, 1), tf.int32), [tf.zeros((texts, units)) for _ in inputs]]

    def draw() -> list[str]:
        now[:] = step(*now)
        return [CHARACTERS[i] for i in now[0].numpy()[:, 0]]

    return draw


def predict_draw(cell: str, layers: int, units: int, texts: int) -> Draw:
    """Return what draws with `model.predict` on the last characters."""
    import keras

    kind = getattr(keras.layers, KERAS_NAMES[cell])
    model = keras.Sequential(
        [keras.Input((WINDOW,)), keras.layers.Embedding(SIZE, EMBEDDING)]
    )
    for i in range(layers):
        model.add(kind(units, return_sequences=i < layers - 1))
    model.add(keras.layers.Dense(SIZE, activation="softmax"))
    random = np.random.default_rng(0)
    windows = random.integers(SIZE, size=(texts, WINDOW))

    def draw() -> list[str]:
        odds = model.predict(windows, verbose=0).astype(np.float64) ** (1 / TEMPERATURE)
        odds /= odds.sum(axis=-1, keepdims=True)
        drawn = [random.choice(SIZE, p=row) for row in odds]
        windows[:, :-1] = windows[:, 1:]
        windows[:, -1] = drawn
        return [CHARACTERS[i] for i in drawn]

    return draw


def torch_draw(cell: str, layers: int, units: int, texts: int) -> Draw:
    """Return what draws with PyTorch."""
    import torch

    embedding = torch.nn.Embedding(SIZE, EMBEDDING)
    recurrent = getattr(torch.nn, cell.upper())(EMBEDDING, units, layers, batch_first=True)
    dense = torch.nn.Linear(units, SIZE)
    now: list[Any] = [torch.zeros((texts, 1), dtype=torch.long), None]

    @torch.inference_mode()
    def draw() -> list[str]:
        y, now[1] = recurrent(embedding(now[0]), now[1])
        odds = torch.softmax(dense(y[:, -1]) / TEMPERATURE, -1)
        now[0] = torch.multinomial(odds, 1)
        return [CHARACTERS[i] for i in now[0][:, 0].tolist()]

    return draw


def products_draw(cell: str, layers: int, units: int, texts: int) -> Draw:
    """Return a step's matrix products; the first layer's inputs are looked up."""
    gates = 4 if cell == "lstm" else 3
    random, shapes = np.random.default_rng(0), [(units, gates * units)] * (2 * layers - 1)
    matrices = [
        random.normal(size=shape).astype(np.float32) for shape in [*shapes, (units, SIZE)]
    ]
    rows = random.normal(size=(texts, units)).astype(np.float32)
    square = np.ones((512, 512), np.float32)
    square @ square  # fills BLAS's buffers
    return lambda: [rows @ matrix for matrix in matrices]


def build(system: str, run: Path, cell: str, layers: int, units: int, texts: int) -> Draw:
    """Return what draws with a system."""
    if system in ("chargen", "against"):
        return chargen_draw(run, texts)
    kinds = {"Keras, compiled": keras_draw, "Keras, predict": predict_draw}
    kinds |= {"PyTorch": torch_draw} | dict.fromkeys(PRODUCTS, products_draw)
    return kinds[system](cell, layers, units, texts)


def work(system: str, run: Path, cell: str, layers: int, units: int) -> None:
    """Answer each request on stdin, texts and seconds, with characters a second."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    draws: dict[int, Draw] = {}
    for line in sys.stdin:
        texts, seconds = int(line.split()[0]), float(line.split()[1])
        if texts not in draws:
            draws[texts] = build(system, run, cell, layers, units, texts)
            for _ in range(3):  # the first one compiles
                draws[texts]()
        draw, done, started = draws[texts], 0, time.perf_counter()
        while time.perf_counter() < started + seconds:
            draw()
            done += 1
        print(texts * done / (time.perf_counter() - started), file=answers, flush=True)


# --- the processes ------------------------------------------------------------------------


class Worker:
    """A process that draws with one system when it is told to.

    Args:
        system: one of `SYSTEMS` or `PRODUCTS`.
        tree: where its chargen is.
        run: the run to draw from.
        model: its cell, layers and units.
    """

    def __init__(
        self, system: str, tree: Path, run: Path, model: tuple[str, int, int]
    ) -> None:
        self.system, self.own = system, system in ("chargen", "against")
        self.speeds: dict[int, list[float]] = {1: [], TEXTS: []}
        self.firsts: list[float] = []
        self._words = [
            sys.executable,
            __file__,
            "--work",
            system,
            str(run),
            *map(str, model),
        ]
        self._sample = [sys.executable, "-m", "chargen", "sample", str(run), "--seed", "1"]
        paths = [str(tree), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        self._environment = os.environ | quiet | {"PYTHONPATH": os.pathsep.join(paths)}
        if system == PRODUCTS[0]:
            self._environment["OPENBLAS_NUM_THREADS"] = "1"
        self._process = self._start(self._words, stdin=subprocess.PIPE)

    def _start(self, words: list[str], **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            text=True,
            **options,
        )

    def measure(self, texts: int, seconds: float) -> None:
        """Add the characters a second of one burst."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(texts, seconds, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.system} ended with code {self._process.wait()}")
        self.speeds[texts].append(float(answer))

    def first_character(self) -> None:
        """Add the seconds from the start of a process to its first character."""
        started = time.perf_counter()
        process = self._start(self._sample if self.own else [*self._words, "--first"])
        assert process.stdout is not None
        process.stdout.read(1)
        self.firsts.append(time.perf_counter() - started)
        process.communicate()

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def checked_out(revision: str | None, folder: Path) -> Iterator[Path]:
    """Give a tree of the repository at another commit."""
    if revision is None:
        yield ROOT
        return
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(folder), revision], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


@contextlib.contextmanager
def busy(really: bool) -> Iterator[None]:
    """Let a process spin beside what is measured."""
    if not really:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


# --- the report ---------------------------------------------------------------------------


def report(model: tuple[str, int, int], workers: list[Worker]) -> None:
    """Print a model's table."""
    print(f"\n{name_of(*model)}, {SIZE} characters")
    print(
        "system | one text, characters/s | chargen ÷ it | 64 texts | chargen ÷ it "
        "| first, s"
    )
    medians = {
        worker.system: {n: statistics.median(worker.speeds[n]) for n in (1, TEXTS)}
        for worker in workers
    }
    ours = medians.get("chargen", dict.fromkeys((1, TEXTS), math.nan))
    for worker in workers:
        own = medians[worker.system]
        cells = [
            f"{x:,.{0 if x >= 100 else 1}f} | {ours[n] / x:.2f}" for n, x in own.items()
        ]
        if worker.system in PRODUCTS:
            cells[0] = "– | –"
        first = f"{statistics.median(worker.firsts):.3f}" if worker.firsts else "–"
        print(worker.system, *cells, first, sep=" | ", flush=True)


def describe_machine(arguments: argparse.Namespace) -> None:
    """Print what the figures hold for."""
    from chargen.system.hardware import cores, cpu_model

    names = ["numpy", "tensorflow", "keras", *["torch"] * has_torch()]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    print(f"{cpu_model()}, {cores()} cores, {time.strftime('%Y-%m-%d')}")
    print(", ".join([platform.system(), f"Python {platform.python_version()}", *versions]))
    if arguments.against:
        print(f"against: chargen at {arguments.against}")
    if arguments.busy:
        print("one other process keeps a core busy")
    if not has_torch():
        print("note: PyTorch is not installed, and is left out")
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 0.5:
        print(f"note: the load average is {load:.1f}: other work spoils the figures")


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Measure model after model."""
    texts = [text.lower() for text in arguments.models or [""]]
    models = [m for m in MODELS if any(t in name_of(*m).lower() for t in texts)]
    wanted = [text.lower() for text in arguments.systems or [""]]
    systems = [s for s in [*SYSTEMS, *PRODUCTS] if any(t in s.lower() for t in wanted)]
    missing = {"against"} if arguments.against is None else set()
    missing |= set() if has_torch() else {"PyTorch"}
    systems = [system for system in systems if system not in missing]
    with checked_out(arguments.against, folder / "against") as tree:
        for model in models:
            run = folder / "-".join(map(str, model))
            write_run(run, *model)
            trees = [tree if system == "against" else ROOT for system in systems]
            pairs = zip(systems, trees, strict=True)
            workers = [Worker(system, tree, run, model) for system, tree in pairs]
            for worker in workers:
                worker.measure(1, 0.0)  # imports and compiles
                worker.measure(TEXTS, 0.0)
                for speeds in worker.speeds.values():
                    speeds.clear()
            for i in range(arguments.rounds):
                for worker in workers[i:] + workers[:i]:
                    for n in worker.speeds:
                        worker.measure(n, arguments.seconds)
                    if worker.own or (i == 0 and worker.system not in PRODUCTS):
                        worker.first_character()
            for worker in workers:
                worker.stop()
            report(model, workers)


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--against", help="another commit")
    parser.add_argument("--busy", action="store_true", help="beside a process that spins")
    parser.add_argument("--models", action="append", help="those with TEXT in their name")
    parser.add_argument("--systems", action="append", help="those with TEXT in their name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a burst")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--first", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        system, run, cell, layers, units = arguments.work
        model = (Path(run), cell, int(layers), int(units))
        if arguments.first:
            build(system, *model, 1)()
            print("a", flush=True)
            return
        work(system, *model)
        return
    describe_machine(arguments)
    with tempfile.TemporaryDirectory() as folder, busy(arguments.busy):
        measure(arguments, Path(folder))


if __name__ == "__main__":
    main()
