"""Compiling a regular expression, in a process of its own: this file is run.

outlines-core compiles in compiled code that nobody can interrupt, and an expression of
twenty characters may need more memory than there is. So it works in a process that has
little time and memory, and what it finds comes back as bytes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from array import array
from collections.abc import Sequence

SECONDS = 20
"""How long compiling may take."""

MEMORY = 2**31
"""How many bytes compiling may take, where the system can be told so."""


def compile_edges(regex: str, characters: Sequence[str]) -> tuple[bytes, set[int]]:
    """Return the transitions of the automaton of an expression, and its final states.

    A transition is three int32: a state, a character's place, and the state that it leads
    to. The start is state 0.

    Args:
        regex: the expression.
        characters: what texts may consist of.

    Raises:
        ValueError: it is no expression, or cannot be an automaton.
        TimeoutError: it is too large.
    """
    request = json.dumps([regex, list(characters)]).encode()
    words = [sys.executable, "-P", __file__]
    try:
        done = subprocess.run(words, input=request, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    head, _, data = done.stdout.partition(b"\n")
    if done.returncode or not head:
        raise TimeoutError  # killed, or no memory left
    answer = json.loads(head)
    if "error" in answer:
        raise ValueError(answer["error"])
    return data, set(answer["final"])


def _main() -> None:
    """Answer the request on standard input."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # Windows has none

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from outlines_core import Index, Vocabulary

    regex, characters = json.loads(sys.stdin.buffer.read())
    count = len(characters)
    # outlines-core loses the way from a state where a text may end to one where it may
    # not. So each match ends with a character that no text has, and nothing follows it.
    end = next(c for c in map(chr, range(0x10FFFF, 0, -1)) if c not in characters)
    regex = f"(?:{regex}){end}"
    # Every byte is a token, too: outlines-core refuses an expression that has a branch
    # which needs what the vocabulary lacks. No text gets such a token.
    tokens = {c.encode(): [place] for place, c in enumerate([*characters, end])}
    for byte in range(256):
        tokens.setdefault(bytes([byte]), []).append(count + 1 + byte)
    try:
        index = Index(regex, Vocabulary(count + 257, tokens))
    except ValueError as error:
        print(json.dumps({"error": str(error)}))
        return
    moves = index.get_transitions()
    numbers = {index.get_initial_state(): 0}
    edges = array("i")
    for state in (waiting := list(numbers)):
        for place, after in moves.get(state, {}).items():
            if place < count:
                if after not in numbers:
                    numbers[after] = len(numbers)
                    waiting.append(after)
                edges.extend((numbers[state], place, numbers[after]))
    ended = index.get_final_states()
    final = [numbers[s] for s in numbers if moves.get(s, {}).get(count) in ended]
    print(json.dumps({"final": final}), flush=True)
    sys.stdout.buffer.write(edges.tobytes())


if __name__ == "__main__":
    _main()
