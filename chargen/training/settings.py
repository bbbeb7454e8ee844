"""Settings: everything that a training run can be told, each described once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypedDict

from chargen.checks import (
    CHOSEN,
    Choice,
    Duration,
    Flag,
    Name,
    Real,
    ShareOrFiles,
    Whole,
    check_options,
    documented,
    option,
    same_option,
)
from chargen.model.shape import ModelConfig
from chargen.text.batches import WINDOWS, Shuffled, Streams
from chargen.text.parts import Part
from chargen.text.policy import Reading
from chargen.text.sources import HELD_OUT
from chargen.text.vocabulary import Folding
from chargen.training.plan import MAX_THREADS, PRECISIONS

OPTIMIZERS = ("soap", "adamw")
DEVICES = ("auto", "cpu", "gpu")

Held = float | str | tuple[str, ...] | None
"""What is held out: a share of the text, a file or folder, or several."""

MAX_STEPS = 2**40
MAX_SECONDS = 1e9

LENGTHS = ("seconds", "epochs", "steps")
"""Settings that say how long a run is: at most one of them is asked for."""

FIXED = ("cell", "units", "layers", "embedding_size", "tied")
"""Settings of a trained model that training it further cannot change."""

CHANGEABLE = (
    *LENGTHS,
    *("eval_every", "save_every", "keep", "patience", "threads", "device"),
)
"""Settings that a resumed run may be given anew."""

DEFAULT_SECONDS = 300.0
"""The length of a training run for which no length was asked."""

DEFAULT_PATIENCE = 6
"""The patience of such a run, which is evaluated 20 times at most."""

GROUPS = ("length", "model", "data", "learning", "saving", "computing", "output")
"""How the command line and the docs group the options of a training, in this order."""


@documented
@dataclass(frozen=True)
class Settings:
    """Everything that a training run can be told.

    If none of `seconds`, `epochs` and `steps` is set, the run takes five minutes; if
    several are, the one that is reached first ends it.

    Raises:
        ValueError: a value is out of its range.
    """

    cell: str = same_option(ModelConfig, "cell")
    units: int = same_option(ModelConfig, "units")
    layers: int = same_option(ModelConfig, "layers")
    embedding_size: int = same_option(ModelConfig, "embedding_size")
    dropout: float = same_option(ModelConfig, "dropout")
    tied: bool = same_option(ModelConfig, "tied")
    batch_size: int = option(
        16,
        Whole(1),
        "Streams or windows trained at once.",
        group="learning",
        default=CHOSEN,
    )
    seq_length: int = option(
        32,
        Whole(1),
        "Characters in a window: this is how far back gradients reach.",
        group="learning",
        default=CHOSEN,
    )
    windows: str = option(
        "streams",
        Choice(WINDOWS),
        "Streams carry the state on; shuffled windows each start from zero.",
        group="learning",
    )
    stride: int = option(
        1,
        Whole(1),
        "Characters from the start of one shuffled window to the next.",
        group="learning",
    )
    validation: float | str | tuple[str, ...] | None = option(
        None,
        ShareOrFiles(0, 1, high_open=True),
        "What is held out to validate on: the last part of the text, or files. Of items, "
        "a random part.",
        group="data",
        default="0.1; 0 for a short text",
        common=True,
    )
    test: float | str | tuple[str, ...] | None = option(
        None,
        ShareOrFiles(0, 1, high_open=True),
        "What is held out even from validation, for `chargen eval --part test`: the very "
        "last part of the text, or files.",
        group="data",
        default="none",
    )
    encoding: str | None = same_option(Reading, "encoding")
    documents: str | None = same_option(Reading, "documents")
    column: str | None = same_option(Reading, "column")
    label: str | None = same_option(Reading, "label")
    group_by: str | None = same_option(Reading, "group_by")
    normalize: str = same_option(Reading, "normalize")
    lowercase: bool = same_option(Reading, "lowercase")
    newlines: str = same_option(Reading, "newlines")
    backward: bool = same_option(Reading, "backward")
    min_count: int | None = same_option(Folding, "min_count")
    max_vocabulary: int | None = same_option(Folding, "max_vocabulary")
    glob: str | None = option(
        None,
        Name(),
        "Which files of a folder to take, such as '*.txt'.",
        group="data",
        default="all that are texts",
    )
    validation_chars: int = option(
        500_000,
        Whole(1_000),
        "Characters that are scored while training, at most, from evenly spaced spans.",
        group="data",
    )
    remember_items: bool = option(
        False,
        Flag(),
        "Keep hashes of the items in the run, for `chargen sample --new`. Short items can "
        "be guessed from them.",
        group="data",
    )
    optimizer: str = option(
        "soap",
        Choice(OPTIMIZERS),
        "SOAP needs far fewer updates; AdamW is the usual choice.",
        group="learning",
    )
    learning_rate: float = option(
        1e-2,
        Real(0, low_open=True),
        "Peak learning rate.",
        group="learning",
        default=CHOSEN,
        common=True,
    )
    warmup: float = option(
        0.05,
        Real(0, 1, high_open=True),
        "Share of the run during which the rate rises.",
        group="learning",
    )
    weight_decay: float = option(
        0.1, Real(0), "Decoupled weight decay; biases have none.", group="learning"
    )
    clip_norm: float = option(
        1.0, Real(0), "Bound on the gradient's global norm; 0 for none.", group="learning"
    )
    seconds: float | None = option(
        None,
        Duration(0, MAX_SECONDS, low_open=True),
        "Train for a time such as 90s, 5m or 1h30m.",
        group="length",
        default="5m",
        common=True,
    )
    epochs: int | None = option(
        None, Whole(1, MAX_STEPS), "Passes over the training text.", group="length"
    )
    steps: int | None = option(None, Whole(1, MAX_STEPS), "Updates.", group="length")
    eval_every: int | None = option(
        None,
        Whole(1, MAX_STEPS),
        "Updates between evaluations.",
        group="saving",
        default="20 a run, if they fit into 5 % of its time",
    )
    save_every: float = option(
        600.0,
        Duration(0, low_open=True),
        "Longest time between checkpoints.",
        group="saving",
    )
    keep: int = option(
        3,
        Whole(1, MAX_STEPS),
        "How many of the newest checkpoints to keep; the best is kept in any case.",
        group="saving",
    )
    patience: int | None = option(
        None,
        Whole(1, MAX_STEPS),
        "Stop after so many evaluations without progress.",
        group="length",
        default="6 where no length is given, never otherwise",
    )
    seed: int = option(
        0,
        Whole(0, 2**63 - 1),
        "Random seed for weights, batches and dropout.",
        group="learning",
        common=True,
    )
    precision: str = option(
        "auto",
        Choice(("auto", *PRECISIONS)),
        "Precision of the operands of matrix products; auto: bfloat16 where the CPU "
        "multiplies it.",
        group="computing",
    )
    threads: int | None = option(
        None, Whole(1, MAX_THREADS), "Processors to use.", group="computing", default="all"
    )
    device: str = option(
        "auto",
        Choice(DEVICES),
        "Where to train; auto: on a GPU if there is one.",
        group="computing",
    )
    stock: bool = option(
        False, Flag(), "Train with Keras's own layers, which are slower.", group="computing"
    )

    def __post_init__(self) -> None:
        for part in HELD_OUT:  # JSON has no tuples
            if isinstance(getattr(self, part), list):
                object.__setattr__(self, part, tuple(getattr(self, part)))
        check_options(self)
        reading = Reading.of(self)
        object.__setattr__(self, "documents", reading.documents)
        if self.stock and self.precision == "bfloat16":
            raise ValueError("`stock` layers compute in float32: leave out `precision`")

    @property
    def model(self) -> ModelConfig:
        """The part that the weights depend on."""
        fields = dataclasses.fields(ModelConfig)
        return ModelConfig(**{f.name: getattr(self, f.name) for f in fields})

    def batches(self, part: Part) -> Streams | Shuffled:
        """Cut a training part into batches, shrunk to what the text can fill.

        The resulting sizes are the `batch_size` and `seq_length` of what is returned; both
        are at least 1 if there are two characters or more.
        """
        sizes = {"batch_size": self.batch_size, "seq_length": self.seq_length}
        if self.windows == "shuffled":
            return Shuffled(part, **sizes, stride=self.stride, seed=self.seed)
        return Streams(part, **sizes, seed=self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a JSON object, unset ones left out."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Return the settings of a JSON object; a ValueError names an unknown key."""
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            import difflib  # slow, and only errors need it

            near = difflib.get_close_matches(str(unknown[0]), known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"unknown settings: {', '.join(unknown)}{meant}")
        return cls(**values)


def of_default_length(values: Mapping[str, Any]) -> set[str]:
    """Return the names of the settings that a run has because no length was asked for.

    Args:
        values: a run's settings, resolved, by name.
    """
    if not (values.get("seconds") and values.get("steps")):
        return set()
    patience = {"patience"} if values.get("patience") == DEFAULT_PATIENCE else set()
    return {"seconds", "steps", *patience}


class GivenSettings(TypedDict, total=False):
    """The fields of `Settings` as keyword arguments, for type checkers and editors.

    What is not given is chosen for the text and the length.
    """

    cell: str
    units: int
    layers: int
    embedding_size: int
    dropout: float
    tied: bool
    batch_size: int
    seq_length: int
    windows: str
    stride: int
    validation: float | str | PathLike[str] | tuple[str, ...] | None
    test: float | str | PathLike[str] | tuple[str, ...] | None
    encoding: str | None
    documents: str | None
    column: str | None
    label: str | None
    group_by: str | None
    normalize: str
    lowercase: bool
    newlines: str
    backward: bool
    min_count: int | None
    max_vocabulary: int | None
    glob: str | None
    validation_chars: int
    remember_items: bool
    optimizer: str
    learning_rate: float
    warmup: float
    weight_decay: float
    clip_norm: float
    seconds: float | None
    epochs: int | None
    steps: int | None
    eval_every: int | None
    save_every: float
    keep: int
    patience: int | None
    seed: int
    precision: str
    threads: int | None
    device: str
    stock: bool
