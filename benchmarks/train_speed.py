"""Characters per second of a training step: stock Keras, chargen and PyTorch compared.

A step is forward, backward, clipping to a global norm of 1 and AdamW, on random characters,
from zero states, without dropout. The model is Embedding 64 → cell × layers → Dense 65.

- stock Keras: its own layers in one `tf.function`, with TensorFlow's default thread pools;
  the same with `jit_compile=True`; and the same with chargen's pools (single-threaded
  kernels side by side, one per core), which tells the gain of the pools from that of
  chargen's layers;
- chargen: its own step, compiled by XLA, with one shard per core; and the same with SOAP,
  its default optimizer, which does more in an update;
- PyTorch, where it is installed: `torch.nn`'s layers and fused AdamW on all cores, in
  float32 and under `torch.autocast`.

Each system has a process of its own, which sleeps while another one runs. They take turns,
round after round, in bursts of some steps; every round measures the machine's peak too:
products of two 2048 × 2048 matrices on all cores, by each library. Figures are medians over
the rounds, and the peak of a precision is the best library's median.

The share of peak is FLOP per second over the peak in the same precision. A character counts
as 6 FLOP for each element of the matrices of the recurrent layers and of the output layer:
a multiplication and an addition, once forward and twice backward. The first layer's input
product counts in full (embedding size × gates · units), even where it is folded into a
table; nothing else counts.

The machine should do nothing else: where another process takes a core, PyTorch's threads
wait for each other at every operation, and slow down out of all proportion.

Usage: .venv/bin/python benchmarks/train_speed.py [--shapes TEXT]... [--rounds 5]
           [--seconds 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import itertools
import json
import math
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from chargen.model.cells import CELLS
from chargen.system.hardware import cores, cpu_model, has_bfloat16
from chargen.training.plan import PRECISIONS, Plan
from chargen.training.settings import Settings

Step = Callable[[], object]
Row = dict[str, Any]

CHARACTERS, EMBEDDING = 65, 64
RATE, DECAY, CLIP_NORM = 1e-3, 0.01, 1.0
PRODUCT = 2048
KERAS_NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}
TORCH = importlib.util.find_spec("torch") is not None
LEAST_STEPS = 3  # in a burst
TIMEOUT = 120  # seconds: for starting and compiling a system, and for a burst
TIMED_OUT = f"no answer after {TIMEOUT} s"
COLUMNS = ["chars_per_second", "ratio_to_stock_keras"]
COLUMNS += ["ratio_to_pytorch_float32", "share_of_peak"]


def shape(cell: str, units: int, layers: int, batch: int, length: int) -> Settings:
    """Return what is measured, in chargen's terms."""
    model: Any = {"cell": cell, "units": units, "layers": layers, "dropout": 0.0}
    update: Any = {"learning_rate": RATE, "weight_decay": DECAY, "clip_norm": CLIP_NORM}
    batches: Any = {"batch_size": batch, "seq_length": length, "embedding_size": EMBEDDING}
    return Settings(**model, **update, **batches, device="cpu")


SHAPES = [
    shape("lstm", 128, 2, 50, 50),
    shape("lstm", 256, 2, 32, 100),
    shape("lstm", 256, 2, 64, 50),
    shape("lstm", 512, 2, 64, 100),
    shape("lstm", 512, 2, 32, 64),
    shape("lstm", 512, 2, 16, 64),
    shape("gru", 512, 2, 64, 100),
    shape("rnn", 256, 1, 32, 100),
]


def name_of(s: Settings) -> str:
    """Return a shape's name: cell, units × layers, batch × length."""
    return f"{KERAS_NAMES[s.cell]} {s.units}×{s.layers} {s.batch_size}×{s.seq_length}"


def flop(settings: Settings) -> int:
    """Return the floating-point operations per character."""
    shapes = settings.model.weight_shapes(CHARACTERS).items()
    return 6 * sum(math.prod(sizes) for name, sizes in shapes if name.endswith("kernel"))


def random_batches(settings: Settings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield inputs and targets (B, T) without end."""
    random, size = np.random.default_rng(0), (settings.batch_size, settings.seq_length + 1)
    while True:
        ids = random.integers(CHARACTERS, size=size, dtype=np.int32)
        yield ids[:, :-1], ids[:, 1:]


def keras_step(settings: Settings, *, jit: bool = False, pools: bool = False) -> Step:
    """Return a step of Keras's own layers; with `pools`, in chargen's thread pools."""
    import keras
    import tensorflow as tf

    from chargen.training.tf.runtime import prepare_tensorflow

    if pools:
        prepare_tensorflow(settings)
    cell = getattr(keras.layers, KERAS_NAMES[settings.cell])
    ids = keras.Input((settings.seq_length,), settings.batch_size, dtype="int32")
    model = keras.Sequential([ids, keras.layers.Embedding(CHARACTERS, EMBEDDING)])
    for _ in range(settings.layers):
        model.add(cell(settings.units, return_sequences=True))
    model.add(keras.layers.Dense(CHARACTERS))
    optimizer = keras.optimizers.AdamW(RATE, DECAY, global_clipnorm=CLIP_NORM)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit)
    def train(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    batches = random_batches(settings)
    return lambda: float(train(*next(batches)))


def chargen_step(settings: Settings, precision: str, optimizer: str = "adamw") -> Step:
    """Return a step of chargen's own."""
    import tensorflow as tf

    from chargen.training.tf.average import newest_share
    from chargen.training.tf.keras_model import build_model
    from chargen.training.tf.runtime import prepare_tensorflow
    from chargen.training.tf.update import Update

    settings = dataclasses.replace(settings, optimizer=optimizer)
    prepare_tensorflow(settings)
    model = build_model(settings.model, CHARACTERS, seed=0)
    update = Update(model, settings, Plan(precision, xla=True, shards=cores()))
    zeros = tf.zeros((settings.batch_size, settings.units))
    states = [zeros] * (len(CELLS[settings.cell].states) * settings.layers)
    rate, key = tf.constant(RATE), tf.zeros(2, tf.int32)
    batches, updates = random_batches(settings), itertools.count(1000)

    def step() -> float:
        newest = tf.constant(newest_share(next(updates)), tf.float32)
        return float(update.train(*next(batches), states, rate, key, newest)[0])

    return step


def torch_step(settings: Settings, precision: str) -> Step:
    """Return a step of PyTorch's own layers."""
    import torch

    torch.set_num_threads(cores())
    cell = getattr(torch.nn, settings.cell.upper())
    embedding = torch.nn.Embedding(CHARACTERS, EMBEDDING)
    recurrent = cell(EMBEDDING, settings.units, settings.layers, batch_first=True)
    dense = torch.nn.Linear(settings.units, CHARACTERS)
    weights = list(torch.nn.ModuleList([embedding, recurrent, dense]).parameters())
    optimizer = torch.optim.AdamW(weights, RATE, weight_decay=DECAY, fused=True)
    batches = random_batches(settings)

    def step() -> float:
        x, y = (torch.from_numpy(ids).long() for ids in next(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = dense(recurrent(embedding(x))[0])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        optimizer.step()
        return loss.item()

    return step


def product(library: str, precision: str) -> Step:
    """Return a matrix product on all cores."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, PRODUCT, PRODUCT)).astype(np.float32)
    if library == "NumPy":
        return lambda: a @ b
    if library == "TensorFlow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(cores())
        x, y = tf.cast(a, precision), tf.cast(b, precision)
        return lambda: tf.matmul(x, y).numpy()
    import torch

    torch.set_num_threads(cores())
    left, right = (torch.from_numpy(m).to(getattr(torch, precision)) for m in (a, b))
    return lambda: left @ right


SYSTEMS: list[tuple[str, str, Callable[[Settings], Step]]] = [
    ("stock Keras", "float32", keras_step),
    ("stock Keras, jit_compile", "float32", partial(keras_step, jit=True)),
    ("stock Keras, chargen's pools", "float32", partial(keras_step, pools=True)),
]
SYSTEMS += [("chargen", p, partial(chargen_step, precision=p)) for p in PRECISIONS]
SYSTEMS += [
    ("chargen with SOAP", p, partial(chargen_step, precision=p, optimizer="soap"))
    for p in PRECISIONS
]
SYSTEMS += [("PyTorch", p, partial(torch_step, precision=p)) for p in PRECISIONS] * TORCH
LIBRARIES = [("NumPy", "float32"), ("TensorFlow", "float32"), ("TensorFlow", "bfloat16")]
LIBRARIES += [("PyTorch", "float32"), ("PyTorch", "bfloat16")] * TORCH


def work(pipe: Connection, build: Callable[[], Step]) -> None:
    """Run steps for as many seconds as each request says; answer with steps per second.

    The first answer comes without a request, and is None: the system is ready.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TensorFlow's start-up messages
    try:
        step = build()
        for _ in range(2):  # the first one compiles
            step()
        pipe.send(None)
        while True:
            seconds, done, started = pipe.recv(), 0, time.perf_counter()
            while done < LEAST_STEPS or time.perf_counter() < started + seconds:
                step()
                done += 1
            pipe.send(done / (time.perf_counter() - started))
    except Exception as error:
        pipe.send(" ".join(f"{type(error).__name__}: {error}".split())[:120])


class Worker:
    """A process that runs steps of one system when it is told to."""

    def __init__(self, name: str, precision: str, build: Callable[[], Step]) -> None:
        self.name, self.precision, self.failure = name, precision, ""
        self.speeds: list[float] = []
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        self.process = context.Process(target=work, args=(end, build), daemon=True)
        self.process.start()
        end.close()
        self._answer()

    def measure(self, seconds: float) -> None:
        """Add the steps per second of one burst, unless the system has failed."""
        if not self.failure and (speed := self._answer(seconds)):
            self.speeds.append(speed)

    def median(self) -> float:
        """Return the steps per second; 0 if the system has failed."""
        return 0.0 if self.failure else statistics.median(self.speeds)

    def _answer(self, *requests: float) -> Any:
        try:
            for request in requests:
                self._pipe.send(request)
            answer = self._pipe.recv() if self._pipe.poll(TIMEOUT) else TIMED_OUT
        except (EOFError, OSError):
            self.process.join()
            answer = f"the process ended with code {self.process.exitcode}"
        if not isinstance(answer, str):
            return answer
        self.failure = answer
        self.process.kill()
        return None


def report(settings: Settings, workers: list[Worker], products: list[Worker]) -> list[Row]:
    """Print a shape's table and return its rows."""
    print(f"\n{name_of(settings)}, {flop(settings):,} FLOP a character")
    peaks: dict[str, float] = {}
    for worker in products:
        peak = worker.median() * 2 * PRODUCT**3
        peaks[worker.precision] = max(peak, peaks.get(worker.precision, 0.0))
        found = f"failed: {worker.failure}" if worker.failure else f"{peak / 1e9:,.0f}"
        print(f"{worker.name}, {worker.precision}, GFLOP/s: {found}")
    print("system | precision | chars/s | × stock Keras | × PyTorch float32 | of the peak")
    size, rows = settings.batch_size * settings.seq_length, []
    speeds = {(w.name, w.precision): w.median() * size for w in workers}
    stock, torch = (speeds.get((name, "float32")) for name in ("stock Keras", "PyTorch"))
    for worker, speed in zip(workers, speeds.values(), strict=True):
        peak = peaks[worker.precision] / flop(settings)
        # 0 and None mean that a value is not known.
        values = [speed / x if speed and x else None for x in (1, stock, torch, peak)]
        row: Row = {"shape": name_of(settings), "system": worker.name}
        row |= {"precision": worker.precision, **dict(zip(COLUMNS, values, strict=True))}
        pairs = zip(values, (",.0f", ".2f", ".2f", ".1%"), strict=True)
        cells = [f"{value:{form}}" if value else "–" for value, form in pairs]
        if worker.failure:
            row["failed"] = worker.failure
            cells = [f"failed: {worker.failure}"]
        print(worker.name, worker.precision, *cells, sep=" | ", flush=True)
        rows.append(row)
    return rows


def describe_machine() -> None:
    """Print what the figures hold for."""
    names = ["tensorflow", "keras", "numpy", *["torch"] * TORCH]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    print(f"{cpu_model()}, {cores()} cores, {time.strftime('%Y-%m-%d')}")
    print(", ".join([platform.system(), f"Python {platform.python_version()}", *versions]))
    if not TORCH:
        print("note: PyTorch is not installed, and is left out")
    if not has_bfloat16():
        print("note: this CPU is not known to multiply bfloat16: expect it to be slow")
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 0.5:
        print(f"note: the load average is {load:.1f}: other work spoils the figures")


def main() -> None:
    """Measure shape after shape."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", action="append", help="those with TEXT in their name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a burst, at least")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    arguments = parser.parse_args()
    texts = [text.lower() for text in arguments.shapes or [""]]
    shapes = [s for s in SHAPES if any(text in name_of(s).lower() for text in texts)]
    if not shapes or arguments.rounds < 1:
        parser.error(f"rounds: at least 1; shapes: of {', '.join(map(name_of, SHAPES))}")
    # For the processes that are started below.
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": str(cores())}
    describe_machine()
    products = [Worker(f"peak of {a}", b, partial(product, a, b)) for a, b in LIBRARIES]
    rows = []
    for settings in shapes:
        workers = [Worker(a, b, partial(step, settings)) for a, b, step in SYSTEMS]
        everyone = [*workers, *products]
        for worker in products:
            worker.speeds.clear()
        for i in range(arguments.rounds):
            for worker in everyone[i:] + everyone[:i]:
                worker.measure(arguments.seconds)
        for worker in workers:
            worker.process.kill()
        rows += report(settings, workers, products)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
