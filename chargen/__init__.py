"""chargen: a character-level text generator. Keras trains, NumPy samples.

    text files → text → vocabulary → corpus → (model, trainer) → run / checkpoint
                                   run / checkpoint → engine → sampling → generate

Data contract: ids are int32; a batch is inputs (B, T) and targets (B, T), shifted by one
character; logits are float32 (B, T, V); a layer's state is (B, units), two of them for
LSTM; a loss is nats per character.

    >>> import chargen
    >>> model = chargen.load("harbour-plays")
    >>> print("".join(chargen.generate(model, "PELL:", length=200, seed=1)))

Importing this package never imports TensorFlow.
"""

from __future__ import annotations

from chargen.engine import Engine
from chargen.errors import ChargenError
from chargen.evaluate import Evaluation, evaluate
from chargen.generate import generate
from chargen.library import open_checkpoint

__version__ = "0.1.0"

__all__ = ["ChargenError", "Engine", "Evaluation", "evaluate", "generate", "load"]


def load(name: str) -> Engine:
    """Load a model to sample from or to evaluate.

    Args:
        name: the path of a run or of a step directory, or the name of a run under
            `checkpoints/`, under `$CHARGEN_HOME`, or among the bundled ones. A run
            stands for its best checkpoint.

    Raises:
        CheckpointError: there is none of that name, or it is damaged.
    """
    return Engine.from_checkpoint(open_checkpoint(name))
