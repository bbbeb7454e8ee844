r"""A regular expression as an automaton over a model's vocabulary.

outlines-core compiles the expression. From the states that accept, a search backwards finds
how far each state is from the end. So no dead end is entered, and a text can be finished in
time. Characters that nothing in the expression tells apart share a column of the table.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from chargen.display import describe
from chargen.sampling.automaton import compile_edges
from chargen.text.vocabulary import NAMED_UNKNOWN, Vocabulary

Mask = npt.NDArray[np.bool_]
Edges = npt.NDArray[np.int32]
"""(n, 3): a state, an id, and the state that it leads to."""

MAX_CHARACTERS = 4_000
"""Length of a regular expression."""

# What stands in an expression for something else than itself.
NO_LITERAL = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\.|\{[\d,]*\}|\[[^\]]*\]|\(\?[^:)]*[:)]|[.^$*+?()|]"
)

NEVER = np.iinfo(np.int32).max
"""The distance of a state from which no text can be finished."""


class Pattern:
    r"""What a regular expression permits, character by character. It never changes.

    A text that matches as a whole is one that leads from `start` to a state that accepts. A
    state is a number; many texts may share one pattern.

    The syntax is that of Rust's regex crate: characters and `.` (any but a newline, or any
    at all under `(?s)`); classes such as `[a-z]`, `[^…]`, `\d`, `\w`, `\s`, `\p{Lu}` and
    `\p{Han}`, all of Unicode; `|`, groups, `(?i)`; `*`, `+`, `?`, `{3}`, `{3,}`, `{3,5}`.
    `^` at the beginning and `$` at the end change nothing. There are no look-arounds,
    back-references and word boundaries.

    Args:
        regex: the regular expression.
        vocabulary: the characters that there are. Branches that need others are left out.
        without: ids of characters that are not to be used.

    Attributes:
        start: the state of the empty text.

    Raises:
        ValueError: `regex` is not such an expression, or is too large, or no text over the
            vocabulary matches it; the message calls it `pattern`.
    """

    def __init__(
        self, regex: str, vocabulary: Vocabulary, without: Iterable[int] = ()
    ) -> None:
        _require_possible(regex)
        left_out, names = set(without), vocabulary.characters
        places = np.array([i for i in range(len(names)) if i not in left_out], np.int32)
        try:
            found, final = compile_edges(_unanchored(regex), [names[i] for i in places])
        except TimeoutError as error:
            raise ValueError(
                f"`pattern` is too large to compile: {regex[:60]!r}; smaller repetitions "
                "may help"
            ) from error
        except ValueError as error:
            raise ValueError(
                f"`pattern` cannot be used: {_reason(regex, error)}"
            ) from error
        edges = np.frombuffer(found, np.int32).reshape(-1, 3).copy()
        edges[:, 1] = places[edges[:, 1]]
        size = int(edges[:, [0, 2]].max(initial=max(final, default=0))) + 1
        self.start = 0
        self._distance = _distances(edges, final, size)
        if self._distance[self.start] == NEVER:
            raise ValueError(_explain(regex, {names[i] for i in places}))
        useful = self._distance[edges[:, 2]] != NEVER
        self._column, self._table = _table(edges[useful], size, len(vocabulary))
        self._lengths = np.append(self._distance, NEVER)  # the last one is for -1

    def accepts(self, state: int) -> bool:
        """Whether a text may end here."""
        return bool(self._distance[state] == 0)

    def distance(self, state: int) -> int:
        """Return how many characters it takes at least to come to an end from here."""
        return int(self._distance[state])

    def allowed(self, state: int, remaining: int) -> Mask:
        """Return which ids may come next, bool (V,), so that the text can be finished.

        Args:
            state: where the text is.
            remaining: how many characters it may still get, this one included.
        """
        found: Mask = (self._lengths[self._table[state]] < min(remaining, NEVER))[
            self._column
        ]
        return found

    def legal(self, state: int) -> Mask:
        """Return which ids the expression permits next, bool (V,)."""
        found: Mask = (self._table[state] >= 0)[self._column]
        return found

    def next(self, state: int, place: int) -> int | None:
        """Return the state that an id leads to; None if it is not legal."""
        after = int(self._table[state, self._column[place]])
        return None if after < 0 else after

    def read(self, ids: Iterable[int]) -> int | None:
        """Return the state after a text; None if no match begins with it."""
        state = self.start
        for place in ids:
            after = self.next(state, place)
            if after is None:
                return None
            state = after
        return state


def _require_possible(regex: str) -> None:
    """Refuse what cannot be compiled, and say so before a process is started."""
    if importlib.util.find_spec("outlines_core") is None:
        raise ValueError(
            "`pattern` needs a package: pip install outlines-core. (It has none for every "
            "system.)"
        )
    if len(regex) > MAX_CHARACTERS:
        raise ValueError(f"`pattern` has more than {MAX_CHARACTERS:,} characters")
    try:
        with warnings.catch_warnings():  # of what Python may read otherwise some day
            warnings.simplefilter("ignore")
            re.compile(regex)
    except re.error as error:
        if "parenthes" in error.msg:  # closed by the group that the pattern is put into
            raise ValueError(f"`pattern` cannot be used: {error}") from error


def _unanchored(regex: str) -> str:
    """Return an expression without `^` in front and `$` at the end, which say nothing."""
    regex = regex.removeprefix("^")
    backslashes = len(regex) - 1 - len(regex[:-1].rstrip("\\"))
    return regex[:-1] if regex.endswith("$") and backslashes % 2 == 0 else regex


def _distances(edges: Edges, final: set[int], size: int) -> npt.NDArray[np.int32]:
    """Return how far each state is from a final one, int32 (size,)."""
    pairs = np.unique(edges[:, [2, 0]], axis=0)  # sorted by where they lead
    begins = np.searchsorted(pairs[:, 0], np.arange(size + 1))
    found = np.full(size, NEVER, np.int32)
    found[list(final)] = 0
    waiting = deque(final)
    while waiting:
        after = waiting.popleft()
        for before in pairs[begins[after] : begins[after + 1], 1].tolist():
            if found[before] == NEVER:
                found[before] = found[after] + 1
                waiting.append(before)
    return found


def _table(
    edges: Edges, size: int, count: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    """Return the column of each id, and the table (states, columns); -1 is nowhere."""
    order = np.lexsort((edges[:, 0], edges[:, 1]))
    begins = np.searchsorted(edges[order, 1], np.arange(count + 1))
    kinds: dict[bytes, int] = {}
    column = np.zeros(count, np.intp)
    columns = []
    for place in range(count):
        own = edges[order[begins[place] : begins[place + 1]]][:, [0, 2]]
        key = own.tobytes()
        if key not in kinds:
            kinds[key] = len(kinds)
            whole = np.full(size, -1, np.int32)
            whole[own[:, 0]] = own[:, 1]
            columns.append(whole)
        column[place] = kinds[key]
    return column, np.stack(columns, axis=1)


def _reason(regex: str, error: ValueError) -> str:
    """Say what is wrong with an expression, as well as can be told."""
    try:
        re.compile(regex)
    except re.error as wrong:
        if not re.search(r"\\[pPuU]|\[\[:", regex):  # Python has none of these
            return str(wrong)
    if "word boundaries" in str(error):
        return "it has a word boundary, which is not possible"
    return "look-arounds, back-references and anchors within are not possible"


def _explain(regex: str, known: set[str]) -> str:
    """Say why no text matches."""
    lacking = [c for c in dict.fromkeys(NO_LITERAL.sub("", regex)) if c not in known]
    named = ", ".join(describe(c) for c in lacking[:NAMED_UNKNOWN])
    why = f": it lacks {named}" if lacking else ""
    return f"`pattern` matches no text of the characters that the model may write{why}"
