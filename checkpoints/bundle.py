"""Make the checkpoints that ship with chargen: `make bundled`, or this file with names.

Each is trained by the command below, and its best step is kept without what only a resume
needs. The same machine and versions give the same bytes.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from chargen.runs.log import LOG_FILE
from chargen.runs.run import RUN_FILE, Run

BUNDLED = Path(__file__).parent / "bundled"
COMMANDS = {
    "harbour-plays": "train harbour-plays --units 256 --batch-size 32 "
    "--learning-rate 1e-2 --dropout 0.4 --steps 1200",
    "minerals": "train minerals --units 64 --batch-size 16 --learning-rate 7e-3 "
    "--dropout 0.2 --steps 500",
    "sishi-jueju": "train sishi-jueju --units 256 --batch-size 16 --learning-rate 7e-3 "
    "--dropout 0.5 --steps 360",
}


def make(name: str) -> None:
    """Train one checkpoint and put it in place of the one that is there."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        words = [*shlex.split(COMMANDS[name]), "--out", str(out)]
        subprocess.run([sys.executable, "-m", "chargen", *words], check=True)
        trained = Run(out)
        target = Run(BUNDLED / name)
        if target.folder.exists():
            shutil.rmtree(target.folder)
        target.folder.mkdir(parents=True)
        for file in (RUN_FILE, LOG_FILE):
            shutil.copy(out / file, target.folder / file)
        sampled = dataclasses.replace(trained.read("best"), resume={})
        target.publish(sampled, best=True, keep=1)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or COMMANDS:
        make(wanted)
