"""TensorFlow's thread pools and devices, and which parts of the fast step work here."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import tensorflow as tf

from chargen._version import __version__
from chargen.errors import CheckpointError, TrainingError
from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.system.files import TEMPORARY, dump_json, read_json, replace_file
from chargen.system.hardware import cores, cpu_model, has_bfloat16
from chargen.training.plan import STOCK, Plan, chosen_precision
from chargen.training.settings import Settings
from chargen.training.tf.forward import loss_and_gradients
from chargen.training.tf.keras_model import build_model
from chargen.training.tf.own_keras import float32
from chargen.training.tf.update import Update

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1}
"""The largest error of a gradient that a check allows, relative to its largest element."""

TRANSIENT = (
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
)
"""Errors that say something about the moment, not about the machine: not remembered."""

CHARACTERS = 11
"""How many ids the models have that are checked."""

LEAST_ROWS = 4
"""The fewest rows of a batch in a shard: with fewer, a product costs just as much."""


@dataclass(frozen=True)
class Runtime:
    """How TensorFlow was set up.

    Attributes:
        threads: how many processors it uses.
        gpu: whether models run on a GPU.
        notes: what the user should know.
    """

    threads: int
    gpu: bool
    notes: tuple[str, ...] = ()


def prepare_tensorflow(settings: Settings) -> Runtime:
    """Set TensorFlow's pools and devices, before its first operation.

    Kernels have one thread each and run side by side on all processors: the products of a
    time step are too small to be worth cutting up (benchmarks/RESULTS.md has the figures).
    A program that has used TensorFlow before keeps the pools that it has.

    Raises:
        TrainingError: a GPU is asked for and there is none.
    """
    threads = settings.threads or cores()
    notes = []
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        gpus = tf.config.list_physical_devices("GPU")
        if settings.device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        else:
            for gpu in gpus:
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        # TensorFlow runs already, which is harmless if it was set up in the same way.
        pools = tf.config.threading
        now = pools.get_intra_op_parallelism_threads()
        if (now, pools.get_inter_op_parallelism_threads()) != (1, threads):
            notes.append(
                "this program used TensorFlow before: its thread pools stay as they "
                "are, and training may be slower"
            )
    tf.zeros(())  # the first operation sets the runtime up
    gpu = settings.device != "cpu" and bool(tf.config.get_visible_devices("GPU"))
    if settings.device == "gpu" and not gpu:
        raise TrainingError(
            "`device='gpu'`: TensorFlow finds no GPU here. Leave `device` out to train on "
            "the CPU"
        )
    return Runtime(threads, gpu, tuple(notes))


def choose_plan(
    settings: Settings, runtime: Runtime, *, end: int | None = None
) -> tuple[Plan, list[str]]:
    """Return how steps are to be computed, and notes on what does not work here.

    The first time on a machine, a step of a small model is compared with Keras's own
    layers, which takes some seconds; the outcome is kept in the user's cache folder. A
    model of items has programs of its own, and so an outcome of its own.

    Args:
        settings: of the run.
        runtime: what `prepare_tensorflow` returned.
        end: the id of the end mark; None if the text is not made of items.
    """
    if settings.stock or runtime.gpu:  # on a GPU, Keras's layers run in cuDNN
        notes = []
        if settings.precision == "bfloat16":
            notes.append("`precision='bfloat16'` is for CPUs: training in float32")
        return STOCK, notes
    precision = chosen_precision(settings.precision)
    notes = []
    if precision == "bfloat16" and not has_bfloat16():
        notes.append("this CPU does not multiply bfloat16 numbers: float32 is faster here")
    shards = max(1, min(runtime.threads, settings.batch_size // LEAST_ROWS))
    wanted = Plan(precision, xla=True, shards=shards)
    with _remembered() as outcomes:
        for plan in _from_fast_to_safe(wanted):
            name = f"{settings.cell} {plan.precision} {'xla' if plan.xla else 'plain'}"
            name += " sharded" if plan.shards > 1 else ""
            name += "" if end is None else " items"
            if name not in outcomes:
                try:
                    outcomes[name] = _error(settings.cell, plan, items=end is not None)
                except TRANSIENT:
                    continue
            if outcomes[name] is None:
                break
        else:
            plan = STOCK
    for part, off in (
        ("bfloat16", plan.precision != wanted.precision),
        ("XLA", not plan.xla),
        ("splitting batches", plan.shards != wanted.shards),
        ("chargen's fast layers", plan.stock),
    ):
        if off:
            notes.append(
                f"{part} does not work here and is switched off: training is slower"
            )
    return plan, notes


def _from_fast_to_safe(plan: Plan) -> Iterator[Plan]:
    yield plan
    for simpler in (
        replace(plan, precision="float32"),
        replace(plan, xla=False),
        replace(plan, shards=1),
        replace(plan, precision="float32", xla=False),
        Plan(xla=False),
    ):
        if simpler != plan:
            yield simpler


def _error(cell: str, plan: Plan, *, items: bool = False) -> str | None:
    """Return what is wrong with training by a plan; None if nothing was found.

    Args:
        cell: of the model.
        plan: what is checked.
        items: whether one of the ids is an end mark.

    Raises:
        tf.errors.OpError: one of `TRANSIENT`.
    """
    plan = replace(plan, shards=min(plan.shards, 2))  # more would not check any better
    try:
        with float32():
            end = CHARACTERS - 1 if items else None
            return _step_error(cell, plan, end) or _update_error(cell, plan, end)
    except TRANSIENT:
        raise
    except (tf.errors.OpError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"[:500]


def _step_error(cell: str, plan: Plan, end: int | None) -> str | None:
    """Return how a step differs from one of Keras's own layers; None if it does not."""
    config = ModelConfig(cell=cell, units=24, layers=2, embedding_size=8)
    batch, length = 5, 7
    model = build_model(config, CHARACTERS, seed=1, end=end)
    random = np.random.default_rng(1)
    ids = random.integers(CHARACTERS, size=(batch, length + 1), dtype=np.int32)
    if end is not None:
        ids[1:-1, 2:-1:2] = end  # in some rows of each shard
    states = [
        tf.constant(random.normal(size=(batch, config.units)).astype(np.float32))
        for _ in range(len(CELLS[cell].states) * config.layers)
    ]
    weights = model.trainable_variables

    def fast(inputs: tf.Tensor, targets: tf.Tensor, states: list[tf.Tensor]) -> Any:
        loss, shards, after = loss_and_gradients(
            weights, inputs, targets, states, cell, plan, end=end
        )
        return loss, [tf.add_n(list(g)) for g in zip(*shards, strict=True)], after

    def stock(inputs: tf.Tensor, targets: tf.Tensor, states: list[tf.Tensor]) -> Any:
        with tf.GradientTape() as tape:
            logits, *after = model([inputs, *states])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, weights)
        return loss, [tf.convert_to_tensor(g) for g in gradients], after

    arguments = (tf.constant(ids[:, :-1]), tf.constant(ids[:, 1:]), states)
    ours, theirs = (
        tf.nest.flatten(tf.function(f, autograph=False)(*arguments)) for f in (fast, stock)
    )
    for one, other in zip(ours, theirs, strict=True):
        a, b = one.numpy(), other.numpy()
        difference = np.abs(a - b).max() / max(np.abs(b).max(), 1e-6)
        if not difference <= TOLERANCE[plan.precision]:
            return f"differs by {difference:.2g}"
    return None


def _update_error(cell: str, plan: Plan, end: int | None) -> str | None:
    """Return what is wrong, if updates do not lower the loss of the batch they are for.

    What the optimizers compute cannot be compared number by number: a first update is
    roughly the sign of each gradient, and rounding flips that sign near zero.
    """
    settings = Settings(cell=cell, units=24, layers=1, embedding_size=8)
    model = build_model(settings.model, CHARACTERS, seed=1, end=end)
    update = Update(model, settings, plan, end=end)
    ids = np.random.default_rng(2).integers(CHARACTERS, size=(5, 8), dtype=np.int32)
    states = [tf.zeros((5, settings.units))] * len(CELLS[cell].states)
    rate, key, newest = tf.constant(1e-2), tf.zeros(2, tf.int32), tf.ones(())
    losses = [
        update.train(ids[:, :-1], ids[:, 1:], states, rate, key, newest) for _ in range(3)
    ]
    first, *_, last = (float(loss) for loss, _ in losses)
    return None if last < first else "updates do not lower the loss"


@contextlib.contextmanager
def _remembered() -> Iterator[dict[str, str | None]]:
    """Yield the outcomes of earlier checks on this machine, and keep new ones."""
    versions = [importlib.metadata.version(name) for name in ("tensorflow", "keras")]
    key = " | ".join([cpu_model(), __version__, *versions])
    path = Path(platformdirs.user_cache_dir("chargen", appauthor=False)) / "checks.json"
    kept: Any = {}
    with contextlib.suppress(CheckpointError):  # absent or damaged: check again
        kept = read_json(path)
    if not isinstance(kept, dict):
        kept = {}
    outcomes = kept.get(key)
    if not isinstance(outcomes, dict):
        outcomes = {}
    before = dict(outcomes)
    yield outcomes
    if outcomes != before:
        with contextlib.suppress(OSError):  # no home folder, say: check again next time
            path.parent.mkdir(parents=True, exist_ok=True)
            for stale in path.parent.glob(f"{TEMPORARY}*"):  # of a process that was killed
                stale.unlink(missing_ok=True)
            replace_file(path, dump_json({**kept, key: outcomes}))
