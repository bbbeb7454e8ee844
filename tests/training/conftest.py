"""Fixtures that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs import STORY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that holds story.txt and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")
    return tmp_path
