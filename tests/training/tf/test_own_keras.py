"""The same weights whatever the user's own Keras is set to, and nothing left behind."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import ROOT

from chargen.errors import TrainingError

slow = pytest.mark.slow

# With Keras's own layers, so that as much as possible is Keras's.
TRAINING = """
import hashlib, os
import chargen
run = chargen.train(
    "text.txt", out="run", units=8, layers=1, embedding_size=4, batch_size=4,
    seq_length=16, steps=3, stock=True, device="cpu",
)
from chargen.runs.run import Run
checkpoint = Run(run).read("latest", resume=True)
for name, array in {**checkpoint.weights, **checkpoint.resume}.items():
    if "seconds" not in name and "origin" not in name:  # those are of the clock
        print(name, array.dtype, hashlib.sha256(array.tobytes()).hexdigest())
print(os.environ.get("KERAS_BACKEND"), os.environ.get("KERAS_HOME"))
"""


def trained(folder: Path, *, program: str = TRAINING, **environment: str) -> list[str]:
    """What a short training prints: its weights and all else that a resume needs."""
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_text("the cat sat on the mat; a bird sang.\n" * 30)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KERAS")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *weights, environment_after = done.stdout.splitlines()
    assert len(weights) > 20
    names = ("KERAS_BACKEND", "KERAS_HOME")
    assert environment_after == " ".join(str(environment.get(name)) for name in names)
    return weights


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A training where Keras was never used: its home folder, and what it printed."""
    folder = tmp_path_factory.mktemp("home")
    return folder, trained(folder)


@pytest.mark.slow
def test_no_settings_of_keras_are_left_behind(usual):
    folder, _ = usual
    assert list(folder.rglob("*keras*")) == []


SETTINGS = {
    "backend": "jax",
    "floatx": "float64",
    "epsilon": 1e-3,
    "image_data_format": "channels_first",
}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(SETTINGS, id="all of them", marks=slow),
        *(
            pytest.param({name: value}, id=name, marks=slow)
            for name, value in SETTINGS.items()
        ),
        pytest.param([SETTINGS], id="a list", marks=slow),
    ],
)
def test_what_stands_in_keras_json_changes_nothing(written, usual, tmp_path):
    (tmp_path / ".keras").mkdir()
    file = tmp_path / ".keras/keras.json"
    file.write_text(json.dumps(written))
    assert trained(tmp_path) == usual[1]
    assert json.loads(file.read_text()) == written
    assert list(file.parent.iterdir()) == [file]


@slow
@pytest.mark.parametrize("backend", ["jax", "nonsense"])
def test_another_backend_in_the_environment_changes_nothing(backend, usual, tmp_path):
    assert trained(tmp_path, KERAS_BACKEND=backend) == usual[1]
    assert not (tmp_path / ".keras").exists()


@slow
def test_a_home_of_keras_elsewhere_changes_nothing(usual, tmp_path):
    home = tmp_path / "elsewhere"
    home.mkdir()
    (home / "keras.json").write_text(json.dumps(SETTINGS))
    assert trained(tmp_path / "work", KERAS_HOME=str(home)) == usual[1]


PROGRAM = """
import keras
keras.config.set_floatx("float64")
keras.config.set_epsilon(1e-3)
keras.config.set_dtype_policy("mixed_bfloat16")
"""


@slow
def test_what_a_program_has_set_changes_nothing(usual, tmp_path):
    assert trained(tmp_path, program=PROGRAM + TRAINING) == usual[1]


def test_within_float32_all_is_float32_and_then_as_before():
    from chargen.training.tf.own_keras import float32, keras

    def now():
        config = keras.config
        return config.floatx(), config.dtype_policy().name, config.epsilon()

    before = now()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.config.set_epsilon(1e-3)
        for error in (None, KeyError):
            try:
                with float32():
                    assert now() == ("float32", "float32", 1e-7)
                    assert keras.layers.Dense(2).dtype_policy.name == "float32"
                    if error:
                        raise error
            except KeyError:
                pass
            assert now() == ("float64", "mixed_bfloat16", 1e-3)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
        keras.config.set_epsilon(before[2])


def test_a_program_whose_keras_has_another_backend_is_told(monkeypatch):
    other = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", other)
    monkeypatch.delitem(sys.modules, "chargen.training.tf.own_keras", raising=False)
    with pytest.raises(TrainingError, match=r"Keras on jax.*KERAS_BACKEND=tensorflow"):
        importlib.import_module("chargen.training.tf.own_keras")
