"""Texts of 10 MB, 465 MB and 2 GB: time to the first update, and memory.

Usage: python benchmarks/large_texts.py [MEGABYTES ...]   (Linux only; takes minutes)

The text is made of the Python sources of the standard library and of the installed
packages, repeated until it is long enough. Each size is trained for 20 updates of a 64-unit
model, in a process of its own, with an empty cache the first time and with what that left
the second time. Times are from the start of the process; memory is the most that was
resident.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

CODE = """
import resource, sys, time, chargen
first = []
def listen(event):
    if isinstance(event, chargen.Stepped) and not first:
        first.append(time.time())
text, cache, out = sys.argv[1:]
chargen.train(text, cache=cache, out=out, overwrite=True, units=64, steps=20, eval_every=20,
              documents="none", listeners=[listen])
print(first[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_text(path: Path, size: int) -> None:
    """Write Python sources to a file, over and over, until it has so many bytes."""
    folders = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    sources = sorted({p for folder in folders for p in Path(folder).rglob("*.py")})
    left = size
    with path.open("wb") as file:
        for source in itertools.cycle(sources):
            data = source.read_bytes()
            try:
                data.decode("utf-8")
            except UnicodeDecodeError:
                continue
            left -= file.write(data[:left])
            if left <= 0:
                break


def measured(text: Path, cache: Path, out: Path) -> tuple[float, float]:
    """Return the seconds to the first update, and the resident memory in MB."""
    started = time.time()
    words = [sys.executable, "-c", CODE, str(text), str(cache), str(out)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    first, kilobytes = done.stdout.split()[-2:]
    return float(first) - started, int(kilobytes) / 1024


def main() -> None:
    """Print a table."""
    print("| text | first update, first time | second | memory, first time | second |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for megabytes in map(int, sys.argv[1:] or ("10", "465", "2000")):
            text = here / "text.txt"
            write_text(text, megabytes * 10**6)
            cache, out = here / f"cache-{megabytes}", here / "run"
            one, other = (measured(text, cache, out) for _ in range(2))
            print(
                f"| {megabytes:,} MB | {one[0]:.1f} s | {other[0]:.1f} s "
                f"| {one[1]:,.0f} MB | {other[1]:,.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
