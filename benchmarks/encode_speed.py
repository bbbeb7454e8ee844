"""How fast a text becomes ids, beside other ways: python benchmarks/encode_speed.py FILE…

For each file, in turn and several times over:

    chargen    what a training does: read, hash, decode, normalise, look up, count, store
    wc -m      GNU coreutils only counts the characters
    dict       a loop over the characters that looks each up in a dict
    nanoGPT    the whole text in memory, a list comprehension, and np.array of that, as its
               data/shakespeare_char/prepare.py does

All of them get the characters' ids, except wc. What is printed is the best of the rounds in
megabytes of the file (10⁶ bytes) a second, and how many times as fast chargen is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chargen.text.corpus import vocabulary_of
from chargen.text.ingest import encode
from chargen.text.parts import ids_of_codes
from chargen.text.policy import Reading
from chargen.text.sources import find_inputs

PART = 20_000_000  # bytes: the slow ways are shown no more of a text


def by_chargen(path: Path) -> None:
    """Encode a file as a training does."""
    with tempfile.TemporaryDirectory() as cache:
        text = encode(find_inputs([str(path)]), Reading(documents="none"), Path(cache))
        ids_of_codes(text, vocabulary_of([text]))


def by_wc(path: Path) -> None:
    """Count the characters of a file."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(["wc", "-m", str(path)], stdout=subprocess.PIPE, env=environment)


def by_dict(path: Path) -> None:
    """Look up one character after the other."""
    characters = path.read_text(encoding="utf-8")
    ids = {c: i for i, c in enumerate(sorted(set(characters)))}
    found = array("l")
    for c in characters:
        found.append(ids[c])


def by_nanogpt(path: Path) -> None:
    """Make a list of all ids, and an array of the list."""
    characters = path.read_text(encoding="utf-8")
    ids = {c: i for i, c in enumerate(sorted(set(characters)))}
    np.array([ids[c] for c in characters], dtype=np.uint16)


WAYS: dict[str, Callable[[Path], None]] = {
    "chargen": by_chargen,
    "wc -m": by_wc,
    "dict": by_dict,
    "nanoGPT": by_nanogpt,
}


def best_seconds(path: Path, part: Path, rounds: int) -> dict[str, float]:
    """Return the least seconds for a megabyte by each way."""
    found: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in WAYS.items():
            shown = part if name in ("dict", "nanoGPT") else path
            started = time.perf_counter()
            way(shown)
            each = (time.perf_counter() - started) / (shown.stat().st_size / 1e6)
            found[name] = min(each, found.get(name, each))
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("files", nargs="+", type=Path)
    options.add_argument("--rounds", type=int, default=3)
    arguments = options.parse_args()
    print(f"{'':<24}" + "".join(f"{name:>12}" for name in WAYS) + "   MB/s")
    for path in arguments.files:
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / path.name
            with path.open("rb") as file:
                data = file.read(PART)
            part.write_bytes(data[: data.rfind(b"\n") + 1] or data)
            found = best_seconds(path, part, arguments.rounds)
        print(f"{path.name:<24}" + "".join(f"{1 / each:>12.1f}" for each in found.values()))
        ratios = [each / found["chargen"] for each in found.values()]
        print(f"{'  chargen is':<24}" + "".join(f"{ratio:>11.1f}x" for ratio in ratios))


if __name__ == "__main__":
    main()
