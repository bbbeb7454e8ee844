"""A text laid out for scoring: streams with carried state, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chargen.text.vocabulary import Ids

EVALUATION_STREAMS = 16
WARM_UP = 200
"""How many known characters before a part, or before a stream, warm up the state."""


@dataclass(frozen=True)
class ScoredStreams:
    """A text laid out for scoring with carried state: S streams of length L side by side.

    Attributes:
        inputs, targets: ids, int32 (S, L).
        scored: bool (S, L): which targets are scored; the others warm up the state. Every
            target that is to be scored is scored exactly once.
    """

    inputs: Ids
    targets: Ids
    scored: npt.NDArray[np.bool_]

    @property
    def characters(self) -> int:
        """How many targets are scored."""
        return int(self.scored.sum())

    def beginning(self, length: int) -> ScoredStreams:
        """Return the first `length` characters of each stream."""
        part = np.s_[:, :length]
        return ScoredStreams(self.inputs[part], self.targets[part], self.scored[part])


def scored_streams(ids: Ids, context: Ids) -> ScoredStreams:
    """Lay out a text as up to 16 streams, each warmed up on the 200 characters before it.

    Args:
        ids: the text, int32 (n,).
        context: the ids just before it, which are known but not scored. Without any, the
            text's first character is not scored (nothing precedes it), and the first
            stream starts without a warm-up.

    Raises:
        ValueError: there is no character to score.
    """
    context = context[-WARM_UP - 1 :]
    whole = np.concatenate([context, ids])
    total = len(whole) - 1  # inputs; input i predicts target i + 1
    first = max(0, len(context) - 1)  # the first input whose target is scored
    if total - first < 1:
        raise ValueError("a text of one character and no context has nothing to score")
    # Streams overlap by the warm-up and have one length; the last one ends with the text.
    length = -(-(total + (EVALUATION_STREAMS - 1) * WARM_UP) // EVALUATION_STREAMS)
    length = min(total, length)
    starts: list[int] = []
    begins: list[int] = []
    done = first
    while done < total:
        start = min(max(0, done - WARM_UP) if starts else 0, total - length)
        starts.append(start)
        begins.append(done - start)
        done = start + length
    places = np.array(starts)[:, None] + np.arange(length)
    return ScoredStreams(
        inputs=whole[places],
        targets=whole[places + 1],
        scored=np.arange(length) >= np.array(begins)[:, None],
    )
