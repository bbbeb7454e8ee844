"""What Ctrl-C does to a training."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from chargen.system.signals import StopSignals, exit_code


@pytest.mark.parametrize("watched", [True, False])
def test_the_first_signal_is_kept_and_the_second_ends_the_process(monkeypatch, watched):
    said = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched, raising=False)
    monkeypatch.setattr(os, "write", lambda number, data: said.append((number, data)))
    monkeypatch.setattr(os, "_exit", sys.exit)
    with StopSignals() as stop:
        assert stop() is None
        signal.raise_signal(signal.SIGINT)
        assert stop() == signal.SIGINT
        assert len(said) == watched
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == exit_code(signal.SIGTERM) == 143
    if watched:
        assert [number for number, _ in said] == [2, 2]
        assert (
            b"saving, then stopping; once more: stopping at once, without saving"
            in said[0][1]
        )
        assert b"is lost" in said[1][1]
    else:
        assert said == []
    assert signal.getsignal(signal.SIGINT) is not stop._handle
