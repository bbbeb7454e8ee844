"""A text laid out for scoring: streams with carried state, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from chargen.text.parts import Joined, Part, Plain
from chargen.text.vocabulary import Ids

EVALUATION_STREAMS = 16
WARM_UP = 200
"""How many known characters before a part, or before a stream, warm up the state."""


@dataclass(frozen=True)
class ScoredStreams:
    """A text, or a window of it, laid out for scoring: S streams of length L side by side.

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


@dataclass(frozen=True)
class Layout:
    """Where the streams of a text lie, which are read a window at a time.

    Attributes:
        whole: the text, with what is known before it.
        starts: where each stream begins in it.
        begins: from which of its characters on each stream is scored.
        length: L, the length of each stream.
    """

    whole: Part
    starts: tuple[int, ...]
    begins: tuple[int, ...]
    length: int

    @property
    def characters(self) -> int:
        """How many targets are scored."""
        return sum(max(0, self.length - begin) for begin in self.begins)

    def beginning(self, length: int) -> Layout:
        """Return the first `length` characters of each stream."""
        return replace(self, length=min(length, self.length))

    def within(self, characters: int) -> Layout:
        """Return the beginnings of the streams, with about so many scored targets in all.

        The streams begin evenly spaced, so these are evenly spaced spans of the text.
        """
        if self.characters <= characters:
            return self
        each = -(-characters // len(self.starts))
        return self.beginning(WARM_UP + max(1, each))

    def window(self, start: int, stop: int) -> ScoredStreams:
        """Return the characters from `start` up to `stop` of each stream."""
        stop = min(stop, self.length)
        rows = [self.whole.read(s + start, s + stop + 1) for s in self.starts]
        ids = np.stack(rows)
        places = np.arange(start, stop)
        return ScoredStreams(
            inputs=ids[:, :-1],
            targets=ids[:, 1:],
            scored=places >= np.array(self.begins)[:, None],
        )


def lay_out(part: Part, context: Ids) -> Layout:
    """Lay out a text as up to 16 streams, each warmed up on the 200 characters before it.

    Args:
        part: the text.
        context: the ids just before it, which are known but not scored. Without any, the
            text's first character is not scored (nothing precedes it), and the first
            stream starts without a warm-up.

    Raises:
        ValueError: there is no character to score.
    """
    context = context[-WARM_UP - 1 :]
    whole = Joined(context, part)
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
    return Layout(whole, tuple(starts), tuple(begins), length)


def scored_streams(ids: Ids, context: Ids) -> ScoredStreams:
    """Lay out ids that are at hand; see `lay_out`."""
    layout = lay_out(Plain(ids), context)
    return layout.window(0, layout.length)
