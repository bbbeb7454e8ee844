"""Settings: what a user may choose, with defaults and bounds. Standard library only.

`ModelConfig` is what the weights depend on, and travels in every checkpoint. `Settings`
is everything that a training run can be told; the command line takes its defaults from
here.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeGuard

CELLS = ("rnn", "lstm", "gru")
WINDOWS = ("streams", "shuffled")
OPTIMIZERS = ("soap", "adamw")
PRECISIONS = ("float32", "bfloat16")
DEVICES = ("auto", "cpu", "gpu")
PLANNED = ("precision", "xla", "shards", "stock")

# A reader allocates nothing for a model beyond these (docs/checkpoints.md).
MAX_UNITS = 16_384
MAX_LAYERS = 16
MAX_EMBEDDING_SIZE = 16_384
MAX_PARAMETERS = 500_000_000

MAX_THREADS = 1024
MAX_STEPS = 2**40
MAX_SECONDS = 1e9

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
STATES = {"rnn": 1, "lstm": 2, "gru": 1}

LENGTHS = ("seconds", "epochs", "steps")
"""Settings that say how long a run is: at most one of them is asked for."""

FIXED = ("cell", "units", "layers", "embedding_size")
"""Settings of a trained model that training it further cannot change."""

DEFAULT_SECONDS = 300.0
"""Length of a training run for which none was asked."""


def require(condition: bool, name: str, expected: str, received: object) -> None:
    """Raise the `ValueError` that every wrong value of a setting gets."""
    if not condition:
        raise ValueError(f"`{name}` must be {expected}; got {repr(received)[:200]}")


def is_number(value: object) -> bool:
    """Whether `value` is a finite float or an int of 64 bits (a bool is neither here)."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def is_count(value: object) -> TypeGuard[int]:
    """Whether `value` is an int from 0 to 2⁶³ - 1 (a bool is none here)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def require_int(name: str, value: object, low: int, high: int | None = None) -> None:
    """Raise `ValueError` unless `value` is an int in [low, high]."""
    bounds = f"at least {low}" if high is None else f"between {low} and {high}"
    fits = (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value >= low
        and (high is None or value <= high)
    )
    require(fits, name, f"a whole number, {bounds}", value)


@dataclass(frozen=True)
class ModelConfig:
    """The model's shape: Embedding → (RNN → dropout) × layers → Dense.

    Attributes:
        cell: "rnn" (SimpleRNN), "lstm" or "gru" (`reset_after`).
        units: size H of every recurrent layer's output.
        layers: number of recurrent layers.
        embedding_size: size E of a character's vector.
        dropout: share in [0, 1) of each recurrent layer's units that is dropped in
            training, for a whole window.
    """

    cell: str = "lstm"
    units: int = 256
    layers: int = 2
    embedding_size: int = 128
    dropout: float = 0.1

    def __post_init__(self) -> None:
        require(self.cell in CELLS, "cell", f"one of {', '.join(CELLS)}", self.cell)
        require_int("units", self.units, 1, MAX_UNITS)
        require_int("layers", self.layers, 1, MAX_LAYERS)
        require_int("embedding_size", self.embedding_size, 1, MAX_EMBEDDING_SIZE)
        fits = is_number(self.dropout) and 0 <= self.dropout < 1
        require(fits, "dropout", "a number in [0, 1)", self.dropout)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a JSON object."""
        return dataclasses.asdict(self)

    def weight_shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Return name → shape of every weight, in the checkpoint's order.

        Layout and gate order are Keras's: LSTM i, f, c, o; GRU z, r, h with a bias of
        shape (2, 3H), the input's row first.
        """
        units, gates = self.units, GATES[self.cell]
        shapes: dict[str, tuple[int, ...]] = {
            "embedding": (vocabulary_size, self.embedding_size)
        }
        for i in range(self.layers):
            inputs = units if i else self.embedding_size
            shapes[f"rnn.{i}.kernel"] = (inputs, gates * units)
            shapes[f"rnn.{i}.recurrent_kernel"] = (units, gates * units)
            bias = (2, gates * units) if self.cell == "gru" else (gates * units,)
            shapes[f"rnn.{i}.bias"] = bias
        shapes["dense.kernel"] = (units, vocabulary_size)
        shapes["dense.bias"] = (vocabulary_size,)
        return shapes

    def parameters(self, vocabulary_size: int) -> int:
        """Return the number of weights."""
        return sum(math.prod(s) for s in self.weight_shapes(vocabulary_size).values())


@dataclass(frozen=True)
class Plan:
    """How a training step is computed; what it computes is the same, up to rounding.

    Attributes:
        precision: of the operands of matrix products, "float32" or "bfloat16". Sums,
            states, gates, loss and weights are float32 whatever it is.
        xla: whether XLA compiles the pieces of a step.
        shards: parts that a batch is cut into, one a processor.
        stock: whether Keras's own layers are used.
        shard: the one that a part of a step is computed for; the plan of a run has 0.
    """

    precision: str = "float32"
    xla: bool = True
    shards: int = 1
    stock: bool = False
    shard: int = 0

    def __post_init__(self) -> None:
        allowed = f"one of {', '.join(PRECISIONS)}"
        require(self.precision in PRECISIONS, "precision", allowed, self.precision)
        require_int("shards", self.shards, 1, MAX_THREADS)
        for name in ("xla", "stock"):
            value = getattr(self, name)
            require(isinstance(value, bool), name, "true or false", value)
        if self.stock and self.precision != "float32":
            raise ValueError("`stock` layers compute in float32")

    def to_dict(self) -> dict[str, Any]:
        """Return what a checkpoint records of it."""
        return {name: getattr(self, name) for name in PLANNED}

    def of_shard(self, k: int) -> Plan:
        """Return the same plan for the parts of shard `k`."""
        return dataclasses.replace(self, shard=k)


STOCK = Plan(xla=False, stock=True)


@dataclass(frozen=True)
class Settings:
    """Everything that a training run can be told.

    Attributes:
        cell, units, layers, embedding_size, dropout: see `ModelConfig`.
        batch_size: B, parallel streams or windows a step.
        seq_length: T, characters a window: gradients reach back at most so far.
        windows: "streams" (the state is carried along B parallel streams) or
            "shuffled" (overlapping windows in random order, each from a zero state).
        stride: characters from one shuffled window's start to the next one's.
        validation: the last part of the text that is held out, in [0, 1), or the name
            of a file; None: 0.1, or 0 for a short text.
        test: the text's very last part, in [0, 1), or the name of a file: held out from
            validation too; None: nothing.
        encoding: the text's encoding; None: UTF-8, or UTF-16 by its byte order mark.
        optimizer: "soap" (for the kernels of the recurrent layers; AdamW for the rest) or
            "adamw".
        learning_rate: the optimizer's peak rate.
        warmup: share of the run in [0, 1) during which the rate rises.
        weight_decay: the optimizer's decoupled decay, not applied to biases.
        clip_norm: bound on the gradient's global norm; 0: none.
        seconds, epochs, steps: the run's length; the first that is reached ends it.
        eval_every: steps between evaluations; None: about a twentieth of the run.
        save_every: seconds between checkpoints at the most.
        keep: how many of the newest checkpoints stay; the best stays in any case.
        patience: evaluations without progress after which training stops; None: never.
        seed: of the initial weights, the data order and dropout.
        precision: of the operands of matrix products: "float32", "bfloat16", or "auto":
            bfloat16 where the CPU multiplies it.
        threads: processors to use; None: all that this process may use.
        device: "cpu", "gpu", or "auto": a GPU where TensorFlow finds one.
        stock: train with Keras's own layers.
    """

    cell: str = "lstm"
    units: int = 256
    layers: int = 2
    embedding_size: int = 128
    dropout: float = 0.1
    batch_size: int = 16
    seq_length: int = 32
    windows: str = "streams"
    stride: int = 1
    validation: float | str | None = None
    test: float | str | None = None
    encoding: str | None = None
    optimizer: str = "soap"
    learning_rate: float = 1e-2
    warmup: float = 0.05
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    seconds: float | None = None
    epochs: int | None = None
    steps: int | None = None
    eval_every: int | None = None
    save_every: float = 600.0
    keep: int = 3
    patience: int | None = None
    seed: int = 0
    precision: str = "auto"
    threads: int | None = None
    device: str = "auto"
    stock: bool = False

    def __post_init__(self) -> None:
        _ = self.model  # checks its part
        require_int("batch_size", self.batch_size, 1)
        require_int("seq_length", self.seq_length, 1)
        known = self.windows in WINDOWS
        require(known, "windows", f"one of {', '.join(WINDOWS)}", self.windows)
        require_int("stride", self.stride, 1)
        for name in ("validation", "test"):
            value = getattr(self, name)
            if not isinstance(value, str | None):
                fits = is_number(value) and 0 <= value < 1
                require(fits, name, "a number in [0, 1) or a file", value)
        for name in ("learning_rate", "save_every"):
            value = getattr(self, name)
            require(is_number(value) and value > 0, name, "a number above 0", value)
        for name in ("weight_decay", "clip_norm"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, name, "a number, at least 0", value)
        fits = is_number(self.warmup) and 0 <= self.warmup < 1
        require(fits, "warmup", "a number in [0, 1)", self.warmup)
        if self.seconds is not None:
            fits = is_number(self.seconds) and 0 < self.seconds <= MAX_SECONDS
            require(fits, "seconds", "a number above 0, at most 1e9", self.seconds)
        for name in ("epochs", "steps", "eval_every", "patience"):
            if getattr(self, name) is not None:
                require_int(name, getattr(self, name), 1, MAX_STEPS)
        require_int("keep", self.keep, 1, MAX_STEPS)
        require_int("seed", self.seed, 0, 2**63 - 1)
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("precision", ("auto", *PRECISIONS)),
            ("device", DEVICES),
        ):
            value = getattr(self, name)
            require(value in allowed, name, f"one of {', '.join(allowed)}", value)
        named = self.encoding is None or isinstance(self.encoding, str)
        require(named, "encoding", "a name", self.encoding)
        if self.threads is not None:
            require_int("threads", self.threads, 1, MAX_THREADS)
        require(isinstance(self.stock, bool), "stock", "true or false", self.stock)
        if self.stock and self.precision == "bfloat16":
            raise ValueError("`stock` layers compute in float32: leave out `precision`")

    @property
    def model(self) -> ModelConfig:
        """The part that the weights depend on."""
        fields = dataclasses.fields(ModelConfig)
        return ModelConfig(**{f.name: getattr(self, f.name) for f in fields})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a JSON object, unset ones left out."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """Return the settings of a JSON object; a ValueError names an unknown key."""
        unknown = sorted(set(values) - {f.name for f in dataclasses.fields(cls)})
        if unknown:
            import difflib  # slow, and only errors need it

            known = [f.name for f in dataclasses.fields(cls)]
            near = difflib.get_close_matches(str(unknown[0]), known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"unknown settings: {', '.join(unknown)}{meant}")
        return cls(**values)
