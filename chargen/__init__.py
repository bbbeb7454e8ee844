"""chargen: a character-level text generator. Keras trains, NumPy samples.

    text files → text → vocabulary → corpus → (model, trainer) → run / checkpoint
                                   run / checkpoint → engine → sampling → generate

Data contract: ids are int32; a batch is inputs (B, T) and targets (B, T), shifted by one
character; logits are float32 (B, T, V); a layer's state is (B, units), two of them for
LSTM; a loss is nats per character.

    >>> import chargen
    >>> run = chargen.train("novel.txt", seconds=300)
    >>> model = chargen.load(run)
    >>> print("".join(chargen.generate(model, "It was", length=200, seed=1)))

Importing this package never imports TensorFlow.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargen.engine import Engine
from chargen.errors import ChargenError
from chargen.evaluate import Evaluation, evaluate
from chargen.generate import generate
from chargen.library import open_checkpoint

if TYPE_CHECKING:
    from chargen.events import Listener

__version__ = "0.1.0"

__all__ = ["ChargenError", "Engine", "Evaluation", "evaluate", "generate", "load", "train"]


def train(
    corpus: str | Path,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    init_from: str | Path | None = None,
    drop_unused: bool = False,
    listeners: Sequence[Listener] = (),
    **settings: Any,
) -> Path:
    """Train a model, as the command `chargen train` does.

    Nothing is printed but what TensorFlow writes to stderr when it is loaded.

    Args:
        corpus: a text file, or the name of a bundled corpus.
        out: the run's folder; None: a new one, `checkpoints/<corpus>`.
        resume: go on with the run in `out`, or with the newest of this corpus.
        overwrite: replace the run in `out`.
        init_from: a checkpoint, by path or name, whose model is trained further.
        drop_unused: leave out the characters of its vocabulary that the corpus lacks.
        listeners: called with each event of the training, see `chargen.events`.
        settings: by name, as `chargen.config.Settings` has them: `units=64`,
            `seconds=60.0`, `steps=500`. What is not given is chosen for the text.

    Returns:
        The run's folder.

    Raises:
        ChargenError: what is wrong, and what to do.
    """
    from chargen.job import prepare  # slow, and only training needs it

    job = prepare(
        str(corpus),
        {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in settings.items()},
        out=None if out is None else Path(out),
        resume=resume,
        overwrite=overwrite,
        init_from=None if init_from is None else str(init_from),
        drop_unused=drop_unused,
    )
    job.train(listeners)
    return job.run.folder


def load(name: str | Path) -> Engine:
    """Load a model to sample from or to evaluate.

    Args:
        name: the path of a run or of a step directory, or the name of a run under
            `checkpoints/`, under `$CHARGEN_HOME`, or among the bundled ones. A run
            stands for its best checkpoint.

    Raises:
        CheckpointError: there is none of that name, or it is damaged.
    """
    return Engine.from_checkpoint(open_checkpoint(str(name)))
