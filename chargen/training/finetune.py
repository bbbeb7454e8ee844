"""Fine-tuning: a trained model's weights, carried over to another text's vocabulary.

Characters are matched by identity. A character that the model has not met gets the mean of
the old embeddings with a little noise, and a logit that says how common it is, whatever
came before: until it is trained, all other characters keep their odds. In a tied model,
whose logits depend on the embedding, its embedding is 0. NumPy only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chargen.errors import CheckpointError
from chargen.runs.checkpoint import Checkpoint
from chargen.sampling.engine import Engine
from chargen.sampling.rules import log_softmax
from chargen.text.corpus import Corpus
from chargen.text.vocabulary import Ids, Vocabulary

NOISE = 0.1
"""The spread of new embeddings around the mean of the old ones, relative to theirs."""

SCORED = 500  # characters over which the old logits are averaged


@np.errstate(over="ignore", invalid="ignore")  # what comes out is checked
def grow(
    before: Checkpoint, corpus: Corpus, *, seed: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights of a checkpoint for the vocabulary of a corpus.

    Args:
        before: the trained model.
        corpus: what it is to be trained on; characters of the model that its vocabulary
            lacks are left out.
        seed: the seed of the noise in the new embeddings.

    Returns:
        float32 arrays by name. A new character has the embedding mean + noise, a zero
        column in `dense.kernel` (in a tied model, the embedding 0 instead of both), and
        the bias log(s) + log Z - log(1 - S): s is its share of the training part, S that
        of all new characters, and log Z the logarithm of the old characters' summed
        exponentials, averaged over the text.
    """
    new, old = corpus.vocabulary, before.vocabulary
    places = {symbol: i for i, symbol in enumerate(_symbols(old))}
    symbols = _symbols(new)
    kept = [i for i, symbol in enumerate(symbols) if symbol in places]
    rows = [places[symbols[i]] for i in kept]
    fresh = [i for i, symbol in enumerate(symbols) if symbol not in places]
    weights = {name: np.array(array, np.float32) for name, array in before.weights.items()}

    embedding = weights["embedding"]
    random = np.random.default_rng(seed)
    noise = random.normal(0, NOISE, (len(new), embedding.shape[1])) * embedding.std(0)
    tied = before.model.tied
    drawn = np.zeros_like(noise) if tied else embedding.mean(0) + noise
    weights["embedding"] = drawn.astype(np.float32)
    weights["embedding"][kept] = embedding[rows]

    if not tied:
        kernel = np.zeros((weights["dense.kernel"].shape[0], len(new)), np.float32)
        kernel[:, kept] = weights["dense.kernel"][:, rows]
        weights["dense.kernel"] = kernel

    bias = np.zeros(len(new), np.float32)
    bias[kept] = weights["dense.bias"][rows]
    if fresh:
        counts = corpus.counts.astype(np.float64)
        # A character that only a held-out part has counts as half an occurrence.
        shares = np.maximum(counts, 0.5) / counts.sum()
        rest = max(1 - shares[fresh].sum(), 0.5 / counts.sum())
        known = _known(corpus, old)
        bias[fresh] = np.log(shares[fresh] / rest) + _log_normaliser(before, known, rows)
    weights["dense.bias"] = bias
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise CheckpointError("the checkpoint's weights are too large to train on from")
    return weights


def _symbols(vocabulary: Vocabulary) -> list[str]:
    """Return what the ids of a vocabulary stand for: characters, then names of marks."""
    return [*vocabulary.characters, *vocabulary.marks]


def _known(corpus: Corpus, old: Vocabulary) -> Ids:
    """Return the first characters of the corpus that the old model knows, as its ids."""
    text = corpus.vocabulary.decode(corpus.train.read(0, 20 * SCORED))
    known = set(old.characters)
    return old.encode("".join(c for c in text if c in known)[:SCORED])


def _log_normaliser(before: Checkpoint, ids: Ids, rows: list[int]) -> float:
    """Return log Σ exp(logit) over some characters, averaged over a text (n,)."""
    if not len(ids) or not rows:
        return 0.0
    engine = Engine(before.model, before.vocabulary, before.weights)
    state, total = engine.zero_state(1), 0.0
    for i in ids:
        logits, state = engine.step(np.array([i]), state)
        chosen = logits[0, rows].astype(np.float64)
        total += float(chosen[0] - log_softmax(chosen)[0])
    return total / len(ids)
