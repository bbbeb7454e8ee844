"""A look at a text before training: how much there is, of what, and what is wrong with it.

A text comes in blocks and is gone through once, in pieces of about a million characters, so
that its size does not matter. Characters, lines and items are those that training sees:
line ends are made LF, and characters are composed (NFC).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from chargen.text.counts import MOST_COUNTED, MOST_SCORED, counted_nats
from chargen.text.lists import looks_like_a_list
from chargen.text.oddities import Finding, Oddities, findings
from chargen.text.parts import NOTHING, Plain
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import RARE, Folding, Ids, codes_of

PIECE = 2**20
"""Characters that are looked at at a time. What is split between two pieces is overlooked;
they end with a line unless that is longer still."""

PREPARED = TextPolicy(newlines="any", normalize="nfc")

HEAD = 2**22
"""Characters from which it is told whether a text is a list."""

TAIL = MOST_COUNTED + MOST_SCORED
"""Characters of the text's end, a tenth of which is scored by counting the others."""

COMPARED = 2_000_000
"""Lines, from the beginning, among which repeated ones are looked for."""

COVERAGE = (0.99, 0.999, 1.0)

HELD_OUT = 10
"""One part in so many is scored."""

ENOUGH, ENOUGH_OF_A_LIST = 20_000, 2_000
"""Characters from which on a text is not small."""

CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Inspection:
    """What there is to know of a text.

    Attributes:
        characters: how many it has.
        distinct: how many different ones.
        coverage: how many different characters, the commonest first, make up 0.99, 0.999
            and 1 of the text.
        rare: how many different characters are seen fewer than 10 times.
        rare_characters: how often they are seen together.
        lines: how many lines are not blank.
        longest_line: the characters of the longest one.
        paragraphs: how many groups of lines there are between blank lines.
        compared_lines: how many of the lines, from the beginning, were compared.
        repeated_lines: how many of these are the same as an earlier one.
        is_list: whether it is plainly a list, an item a line.
        counted_loss: what counting makes of the last tenth of the text, or of every tenth
            line of a list, in nats per character (`counts.floor`); of a long text, the last
            4.5 million characters stand for all. None for a short text.
        findings: what may be wrong with it, in the order of `KINDS`.
    """

    characters: int
    distinct: int
    coverage: dict[float, int]
    rare: int
    rare_characters: int
    lines: int
    longest_line: int
    paragraphs: int
    compared_lines: int
    repeated_lines: int
    is_list: bool
    counted_loss: float | None
    findings: tuple[Finding, ...]

    @property
    def enough(self) -> int:
        """Characters from which on a text of this kind is not small."""
        return ENOUGH_OF_A_LIST if self.is_list else ENOUGH

    @property
    def kept(self) -> int:
        """How many different characters are left when rare ones are folded by default."""
        pays = Folding.pays(self.distinct, self.rare_characters, self.characters)
        return self.distinct - self.rare if pays else self.distinct

    @property
    def small(self) -> bool:
        """Whether there is hardly enough to learn more from than what stands there."""
        return self.characters < self.enough

    def to_dict(self) -> dict[str, Any]:
        """Return it with names and values of JSON."""
        coverage = {f"{share:g}": count for share, count in self.coverage.items()}
        findings = [asdict(finding) for finding in self.findings]
        more = {"coverage": coverage, "findings": findings, "small": self.small}
        return {**asdict(self), **more}


def inspect(blocks: Iterable[str]) -> Inspection:
    """Look at a text.

    Args:
        blocks: the text, cut anywhere, as it was decoded: with its own line ends.
    """
    characters, lines, oddities = _Characters(), _Lines(), Oddities()
    for piece in _pieces(blocks):
        oddities.add(piece)
        prepared = PREPARED.prepare(piece)
        characters.add(prepared)
        lines.add(prepared)
    lines.finish()
    is_list = looks_like_a_list(characters.head)
    seen = characters.seen
    return Inspection(
        characters=sum(seen.values()),
        distinct=len(seen),
        coverage=_coverage(seen),
        rare=sum(count < RARE for count in seen.values()),
        rare_characters=sum(count for count in seen.values() if count < RARE),
        lines=lines.filled,
        longest_line=lines.longest,
        paragraphs=lines.paragraphs,
        compared_lines=len(lines.hashes),
        repeated_lines=len(lines.hashes) - len(np.unique(lines.hashes)),
        is_list=is_list,
        counted_loss=_counted_loss(characters.tail, by_line=is_list),
        findings=tuple(findings(seen, oddities)),
    )


def _pieces(blocks: Iterable[str]) -> Iterator[str]:
    """Cut a text anew, at places that depend on nothing but the text."""
    held = ""
    for block in blocks:
        held += block
        while len(held) > PIECE:
            end = max(held.rfind(newline, 0, PIECE) for newline in "\r\n") + 1 or PIECE
            if held[end - 1 : end + 1] == "\r\n":
                end += 1
            yield held[:end]
            held = held[end:]
    yield held


class _Characters:
    """Counts characters, and keeps the beginning and the end of a text."""

    def __init__(self) -> None:
        self._counts = np.zeros(CODE_POINTS, np.int64)
        self._head: list[str] = []
        self._head_length = 0
        self._tail: list[npt.NDArray[np.uint32]] = []
        self._tail_length = 0

    def add(self, piece: str) -> None:
        """Count the characters of a piece."""
        codes = codes_of(piece)
        self._counts += np.bincount(codes, minlength=CODE_POINTS)
        if self._head_length < HEAD:
            self._head.append(piece[: HEAD - self._head_length])
            self._head_length += len(self._head[-1])
        self._tail.append(codes)
        self._tail_length += len(codes)
        while self._tail_length - len(self._tail[0]) >= TAIL:
            self._tail_length -= len(self._tail.pop(0))

    @property
    def seen(self) -> Counter[str]:
        """How often each character occurs."""
        return Counter(
            {chr(code): int(self._counts[code]) for code in np.flatnonzero(self._counts)}
        )

    @property
    def head(self) -> str:
        """The first characters."""
        return "".join(self._head)

    @property
    def tail(self) -> npt.NDArray[np.uint32]:
        """The code points of the last characters, (n,)."""
        return np.concatenate(self._tail)[-TAIL:]


class _Lines:
    """Counts lines, and what stands between blank ones.

    Attributes:
        filled: how many lines are not blank.
        longest: the characters of the longest line.
        paragraphs: how many groups of lines there are between blank lines.
        hashes: of the first lines that are not blank; of none that is longer than a piece.
    """

    def __init__(self) -> None:
        self.filled = self.longest = self.paragraphs = 0
        self.hashes = array("q")
        self._inside = False  # whether the line before is not blank
        # The line that the last piece ended in: its end, the length of all of it, and
        # whether it is not blank.
        self._open, self._length, self._open_filled = "", 0, False

    def add(self, piece: str) -> None:
        """Count the lines of a piece; the last one may go on in the next piece."""
        lines = piece.split("\n")
        lengths = [len(line) for line in lines]
        filled = [bool(line) and not line.isspace() for line in lines]
        continued = self._length > 0
        lengths[0] += self._length
        filled[0] |= self._open_filled
        self._open, self._length = lines.pop(), lengths.pop()
        self._open_filled = filled.pop()
        self._count(lines, lengths, filled, continued)

    def finish(self) -> None:
        """Count the last line."""
        continued = self._length > len(self._open)
        self._count([self._open], [self._length], [self._open_filled], continued)

    def _count(
        self, lines: list[str], lengths: list[int], filled: list[bool], continued: bool
    ) -> None:
        if not lines:
            return
        self.longest = max(self.longest, *lengths)
        self.filled += sum(filled)
        edges = np.array([self._inside, *filled])
        self.paragraphs += int((edges[1:] & ~edges[:-1]).sum())
        self._inside = filled[-1]
        room = COMPARED - len(self.hashes)
        compared = zip(lines[continued:], filled[continued:], strict=True)
        self.hashes.extend(islice((hash(line) for line, full in compared if full), room))


def _coverage(seen: Counter[str]) -> dict[float, int]:
    """Return how many characters, the commonest first, make up shares of the text."""
    counts = np.sort(np.fromiter(seen.values(), np.int64))[::-1]
    reached, total = counts.cumsum(), counts.sum()
    first = int(total > 0)
    return {share: first + int((reached < share * total).sum()) for share in COVERAGE}


def _counted_loss(tail: npt.NDArray[np.uint32], *, by_line: bool) -> float | None:
    """Score every tenth line, or the last tenth, by counting all else."""
    points, places = np.unique(tail, return_inverse=True)
    ids: Ids = places.astype(np.int32)
    if by_line:
        line = np.cumsum(np.append(False, tail[:-1] == ord("\n")))
        held_out = line % HELD_OUT == HELD_OUT - 1
        train, scored, context = Plain(ids[~held_out]), Plain(ids[held_out]), NOTHING
    else:
        cut = len(ids) - len(ids) // HELD_OUT
        train, scored = Plain(ids[:cut]), Plain(ids[cut:])
        context = train
    return counted_nats(train, scored, len(points), context=context)
