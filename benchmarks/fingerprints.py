"""Hashes of what training and sampling make, which a change of structure must not change.

Usage: python benchmarks/fingerprints.py [--code CHECKOUT] [--against FILE] > FILE

Everything goes through the command line, so that any version can be asked. Hashed are a
short training with everything that it writes except times; one training for each cell and
each way of cutting windows, interrupted and resumed; and texts, scores and descriptions of
the bundled models. The hashes are the same for the same machine, versions and number of
processors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import safetensors.numpy

ROOT = Path(__file__).resolve().parents[1]
CLOCKS = ("seconds", "created", "characters_per_second", "files")
"""Keys of JSON that depend on when and how fast something was done."""
CLOCK_COUNTERS = ("counter.seconds", "counter.origin", "counter.evaluated_seconds")

BEGUN = 8  # lines of the log before a training is interrupted


def digest(value: object) -> str:
    """Return a short hash of a JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def without_clocks(value: Any) -> Any:
    """Return a JSON value without anything that depends on time."""
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k not in CLOCKS}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


def of_arrays(path: Path) -> str:
    """Return a hash of the arrays of a safetensors file."""
    found, total = safetensors.numpy.load_file(path), hashlib.sha256()
    for name in sorted(set(found) - set(CLOCK_COUNTERS)):
        array = found[name]
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def of_run(folder: Path) -> dict[str, Any]:
    """Return hashes of all that a training wrote."""
    step = folder / (folder / "latest").read_text().strip()
    weights = step / "weights.safetensors"
    lines = (folder / "log.jsonl").read_text().splitlines()
    return {
        "weights": of_arrays(weights),
        "weights file": hashlib.sha256(weights.read_bytes()).hexdigest()[:16],
        "resume": of_arrays(step / "resume.safetensors"),
        "manifest": digest(
            without_clocks(json.loads((step / "checkpoint.json").read_text()))
        ),
        "run.json": digest(without_clocks(json.loads((folder / "run.json").read_text()))),
        "log": digest([without_clocks(json.loads(line)) for line in lines]),
        "log lines": len(lines),
    }


class Commands:
    """The commands of some version of chargen, in a folder of their own."""

    def __init__(self, code: Path, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(code.resolve())}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "chargen", *words],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> str:
        """Run a command, and return what it writes."""
        process = self.start(*words)
        stdout, stderr = process.communicate()
        if process.returncode:
            sys.exit(f"chargen {' '.join(words)} failed:\n{stderr}")
        return stdout

    def interrupted(self, *words: str, out: str) -> None:
        """Train, interrupt the training in its middle, and go on."""
        process, log = self.start(*words, "--out", out), self.folder / out / "log.jsonl"
        while process.poll() is None:
            if log.exists() and log.read_text().count("\n") > BEGUN:
                process.send_signal(signal.SIGTERM)
                break
            time.sleep(0.01)
        process.communicate()
        if process.returncode != 143:
            sys.exit(f"chargen {' '.join(words)} was not interrupted")
        self.run("train", words[1], "--resume", "--out", out, "--quiet")


def fingerprints(commands: Commands) -> dict[str, Any]:
    """Return the hashes, by name."""
    found: dict[str, Any] = {}
    short = ("--steps", "60", "--units", "64", "--seed", "3", "--out", "plain", "--quiet")
    commands.run("train", "harbour-plays", *short)
    found["harbour-plays"] = of_run(commands.folder / "plain")
    for cell in ("rnn", "lstm", "gru"):
        for windows in ("streams", "shuffled"):
            name = f"{cell}-{windows}"
            words = ["--cell", cell, "--windows", windows, "--steps", "700"]
            words += ["--units", "160", "--seed", "5", "--quiet"]
            commands.interrupted("train", "minerals", *words, out=name)
            found[name] = of_run(commands.folder / name)
    for name in ("harbour-plays", "sishi-jueju"):
        for temperature in ("0", "0.5", "1", "1.7"):
            words = ["--seed", "7", "--length", "1500", "--temperature", temperature]
            text = commands.run("sample", name, *words)
            what = f"{name} at {temperature}"
            found[what] = hashlib.sha256(text.encode()).hexdigest()[:16]
        scored = json.loads(commands.run("eval", name, "--json"))
        found[f"eval {name}"] = digest(without_clocks({**scored, "checkpoint": ""}))
        described = json.loads(commands.run("info", name, "--json"))
        found[f"info {name}"] = digest([{**one, "checkpoint": ""} for one in described])
    return found


def main() -> None:
    """Print the fingerprints, or how they differ from earlier ones."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--code", type=Path, default=ROOT, help="a checkout of chargen")
    options.add_argument("--against", type=Path, help="what was printed before")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fingerprints(Commands(arguments.code, Path(folder)))
    if arguments.against is None:
        print(json.dumps(found, indent=1))
        return
    before = json.loads(arguments.against.read_text())
    differ = [name for name in {**before, **found} if before.get(name) != found.get(name)]
    print(f"{len(found)} compared; different: {', '.join(differ) or 'none'}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
