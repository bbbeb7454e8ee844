"""What `import chargen` gives: names that come when they are asked for, and their types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

import chargen

HEAVY = {"tensorflow", "keras", "numpy", "click", "rich", "safetensors"}


def loaded(code: str) -> set[str]:
    """Return which heavy packages a new process has imported after some code."""
    code += f"\nimport sys; print(*sys.modules.keys() & {HEAVY})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_imports_next_to_nothing():
    assert loaded("import chargen") == set()
    assert loaded("import chargen; chargen.__version__, dir(chargen)") == set()


def test_every_public_name_can_be_fetched_without_tensorflow():
    code = "import chargen\nfor name in chargen.__all__: getattr(chargen, name)"
    assert loaded(code) == {"numpy", "safetensors"}


def test_a_program_that_only_writes_needs_numpy_and_safetensors():
    """Where nothing else is installed, as docs/python.md says."""
    others = ("click", "rich", "platformdirs", "filelock", "tensorflow", "keras")
    code = (
        f"import sys; sys.modules |= dict.fromkeys({others})\n"
        "import chargen\n"
        "model = chargen.load('harbour-plays')\n"
        "text = ''.join(chargen.generate(model, 'PELL:', length=20, seed=1))\n"
        "chargen.evaluate(model, text)\n"
        f"for name in {others}: del sys.modules[name]"
    )
    assert loaded(code) == {"numpy", "safetensors"}


def test_every_public_name_is_listed_and_is_what_its_module_has():
    assert set(chargen.__all__) <= set(dir(chargen))
    assert chargen.__all__ == sorted(chargen.__all__)
    for name in set(chargen.__all__) - {"__version__"}:
        found = getattr(chargen, name)
        if name not in ("Event", "Listener"):  # aliases of types, which have no module
            assert getattr(sys.modules[found.__module__], name) is found


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'chargen' has no attribute 'trian'"):
        _ = chargen.trian
    assert not hasattr(chargen, "trian")


TYPED = """\
import chargen

chargen.train("minerals", units=64, steps=5)
chargen.train("minerals", unit=64, step="abc")  # error
chargen.train("minerals", steps="abc")  # error
with chargen.prepare("minerals", validation=0.1, seconds=60.0) as job:
    print(job.settings.units)
with chargen.prepare("minerals", epoch=3) as job:  # error
    pass
model = chargen.load("minerals")
print("".join(chargen.generate(model, "It was", length=5, temperature=0, seed=None)))
print("".join(chargen.generate(model, "It was", lenght=5)))  # error
print("".join(chargen.generate(model, "It was", temperature="hot")))  # error
chargen.generate("minerals", "It was")  # error
print(chargen.evaluate(model, "It was").nats + 1.0)
"""


@pytest.mark.slow
def test_wrong_settings_are_errors_for_type_checkers(tmp_path: Path):
    pytest.importorskip("mypy")
    file = tmp_path / "script.py"
    file.write_text(TYPED)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", "", "--cache-dir", "cache"),
            *("--follow-imports", "silent", "--ignore-missing-imports", file.name),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    found = {int(n) for n in re.findall(r"^script\.py:(\d+): error: ", done.stdout, re.M)}
    lines = enumerate(TYPED.splitlines(), start=1)
    assert found == {n for n, line in lines if line.endswith("# error")}, done.stdout
    assert 'Unexpected keyword argument "unit" for "train"' in done.stdout
