"""How the tests run the command: in a process of its own, as it is installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

CHARGEN = [sys.executable, "-m", "chargen"]

SMALL = ["--cell", "rnn", "--units", "16", "--layers", "1", "--embedding-size", "8"]
"""Options of a model that trains in no time."""

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def typed(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as it was printed."""
    return subprocess.run(command, capture_output=True, timeout=300, check=False, text=True)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run chargen."""
    return typed(*CHARGEN, *arguments)


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a training that Ctrl-C reaches, and that nobody answers."""
    return subprocess.Popen(
        [*CHARGEN, "train", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_as_from_a_terminal,
    )


def _as_from_a_terminal() -> None:
    """Let signals end the process, whatever those who started us do with them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_for(
    condition: Callable[[], bool], *, process: subprocess.Popen[str], seconds: float = 120
) -> None:
    """Wait until a condition holds; fail where the process ends before."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)
