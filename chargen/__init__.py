"""chargen: a character-level text generator. Keras trains, NumPy samples.

    text files → text/ → training/ → runs/ → sampling/ → text

Data contract: ids are int32; a batch is inputs (B, T) and targets (B, T), shifted by one
character; logits are float32 (B, T, V); a layer's state is (B, units), two of them for
LSTM; a loss is nats per character.

    >>> import chargen
    >>> run = chargen.train("novel.txt", seconds=300)
    >>> model = chargen.load(run)
    >>> print("".join(chargen.generate(model, "It was", length=200, seed=1)))

Importing this package imports next to nothing, and never TensorFlow: each name below is
fetched when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chargen._version import __version__

if TYPE_CHECKING:
    from chargen.errors import ChargenError
    from chargen.sampling.around import generate_around
    from chargen.sampling.blend import Blend
    from chargen.sampling.engine import Engine, load
    from chargen.sampling.evaluate import Evaluation, evaluate
    from chargen.sampling.generate import Generation, generate
    from chargen.sampling.options import Sampling
    from chargen.sampling.restore import Gap, Restored, restore
    from chargen.sampling.texts import Sample, generate_texts
    from chargen.training.events import (
        CheckpointDue,
        Event,
        Listener,
        Note,
        Progress,
        RolledBack,
        Stepped,
    )
    from chargen.training.prepare import prepare, train
    from chargen.training.settings import Settings

__all__ = [
    "Blend",
    "ChargenError",
    "CheckpointDue",
    "Engine",
    "Evaluation",
    "Event",
    "Gap",
    "Generation",
    "Listener",
    "Note",
    "Progress",
    "Restored",
    "RolledBack",
    "Sample",
    "Sampling",
    "Settings",
    "Stepped",
    "__version__",
    "evaluate",
    "generate",
    "generate_around",
    "generate_texts",
    "load",
    "prepare",
    "restore",
    "train",
]

_HOMES = {
    "errors": ("ChargenError",),
    "sampling.around": ("generate_around",),
    "sampling.blend": ("Blend",),
    "sampling.engine": ("Engine", "load"),
    "sampling.evaluate": ("Evaluation", "evaluate"),
    "sampling.generate": ("Generation", "generate"),
    "sampling.options": ("Sampling",),
    "sampling.restore": ("Gap", "Restored", "restore"),
    "sampling.texts": ("Sample", "generate_texts"),
    "training.events": (
        *("CheckpointDue", "Event", "Listener", "Note", "Progress", "RolledBack"),
        "Stepped",
    ),
    "training.prepare": ("prepare", "train"),
    "training.settings": ("Settings",),
}
"""The public names, by the module that they are fetched from."""


def __getattr__(name: str) -> Any:
    """Fetch a public name from its module."""
    for module, names in _HOMES.items():
        if name in names:
            found = getattr(importlib.import_module(f"chargen.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'chargen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
