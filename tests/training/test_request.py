"""What is asked for, before anything is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargen.errors import SettingsError
from chargen.training.request import Request


@pytest.mark.parametrize(
    ("given", "wishes", "message"),
    [
        ({"steps": 1, "epochs": 1}, {}, "one of `seconds`, `epochs` and `steps`"),
        ({"seconds": 1.0, "steps": 1}, {}, "one of `seconds`, `epochs` and `steps`"),
        ({}, {"resume": True, "overwrite": True}, "`resume` goes on with a run and"),
        ({}, {"resume": True, "init_from": "old"}, "`resume` goes on.*`init_from` starts"),
        ({}, {"drop_unused": True}, "`drop_unused` is for .* `init_from`"),
        ({"units": 0}, {}, "`units` must be.*got 0"),
        ({"unit": 3}, {}, "unknown settings: unit; did you mean units"),
    ],
)
def test_wishes_that_contradict_each_other_or_themselves(given, wishes, message):
    with pytest.raises(SettingsError, match=message):
        Request("story.txt", given, **wishes)


def test_a_length_that_is_unset_contradicts_nothing():
    assert Request("story.txt", {"steps": 1, "seconds": None, "epochs": None})


def test_a_folder_always_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Request("story.txt", out=Path()).out == tmp_path
    assert Request("story.txt", out=Path("mine")).out == Path("mine")
    assert Request("story.txt").out is None


def test_nothing_is_looked_at_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = Request("nowhere.txt", {"validation": "nowhere.txt"}, init_from="nothing")
    assert request.corpus == "nowhere.txt"
    assert not list(tmp_path.iterdir())
