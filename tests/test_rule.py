"""The walls between the modules, and between sampling and TensorFlow."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import write_run

import chargen

PACKAGE = Path(chargen.__file__).parent

BOTTOM = {"errors", "config"}
TEXTS = {*BOTTOM, "files", "text", "vocabulary"}
FILES = {*TEXTS, "tensors", "corpus", "checkpoint"}
# The modules that import TensorFlow.
DOORS = {
    *("products", "recurrent", "stack", "model", "average", "soap", "update", "runtime"),
    "trainer",
}
EVERYTHING = {path.stem for path in PACKAGE.glob("*.py")} | {"cli"}

# Module → the modules of chargen that it may import. `chargen` is the package itself,
# of which modules may use the version only. What stands in LATER may be imported inside
# a function or for a type checker, and not when the module is.
LAYERS: dict[str, set[str]] = {
    # 0: the standard library
    "errors": set(),
    "config": set(),
    "clock": set(),
    "signals": set(),
    "schedule": {"config"},
    "hardware": set(),
    "options": set(),
    "recipe": {"config", "hardware"},
    # 1: files and characters
    "files": BOTTOM,
    "text": BOTTOM,
    "vocabulary": BOTTOM,
    "sampling": BOTTOM,
    "tensors": {*BOTTOM, "files"},
    "log": {*BOTTOM, "files"},
    # 2: ids and weights, in memory and on disk
    "corpus": TEXTS,
    "checkpoint": {*TEXTS, "tensors"},
    # 3: folders, events, and the two sides that never meet
    "run": {*FILES, "log"},
    "library": {*FILES, "run"},
    "events": {*BOTTOM, "tensors"},
    "engine": FILES,
    "products": {"config"},
    "recurrent": {"config", "products"},
    "stack": {"config", "products", "recurrent"},
    "model": {*FILES, "recurrent"},
    "average": {"config", "products"},
    "soap": {"config", "products"},
    "update": {"config", "products", "average", "soap", "stack"},
    # 4
    "generate": {*FILES, "sampling", "engine"},
    "evaluate": {*FILES, "engine"},
    "growth": {*FILES, "engine"},
    "runtime": {*BOTTOM, *("files", "hardware", "model", "stack", "update", "chargen")},
    "trainer": {*FILES, *("clock", "schedule", "events", "average", "model", "update")},
    "listeners": {*FILES, "run", "events", "tensorboard", "chargen"},
    "report": {*FILES, "evaluate"},
    "tensorboard": {*BOTTOM, "run"},
    "curves": {*FILES, "run"},
    "parts": {*FILES, "run", "library"},
    # 5
    "resolve": {*FILES, "schedule", "recipe", "options", "run"},
    # 6
    "job": {
        *FILES,
        *("clock", "options", "resolve", "run", "library", "events", "listeners"),
        *("growth", "tensorboard"),
        "chargen",
    },
    "__init__": {*BOTTOM, "engine", "evaluate", "generate", "library"},
    # 7
    "cli": EVERYTHING - DOORS | {"chargen"},
    "__main__": {"cli"},
}
LATER: dict[str, set[str]] = {
    "job": {"runtime", "trainer"},
    "__init__": {"events", "job"},
    "cli": DOORS,
}

# Module → what it may import that is not in the standard library.
PACKAGES: dict[str, set[str]] = {
    "vocabulary": {"numpy"},
    "sampling": {"numpy"},
    "corpus": {"numpy"},
    "tensors": {"numpy", "safetensors"},
    "run": {"filelock"},
    "engine": {"numpy"},
    "generate": {"numpy"},
    "evaluate": {"numpy"},
    "growth": {"numpy"},
    "recipe": {"numpy"},
    "curves": {"numpy", "matplotlib"},
    "tensorboard": {"tensorboard"},
    "products": {"tensorflow"},
    "recurrent": {"keras", "tensorflow"},
    "stack": {"tensorflow"},
    "model": {"numpy", "keras"},
    "average": {"tensorflow"},
    "soap": {"tensorflow"},
    "update": {"keras", "tensorflow"},
    "runtime": {"numpy", "platformdirs", "tensorflow"},
    "trainer": {"numpy", "tensorflow"},
    "cli": {"click", "rich"},
}


def imported(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, dotted name, whether it comes later) of every import.

    Later: inside a function, or for a type checker only.
    """

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[int, str, bool]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, inside
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level + (node.module or ""), inside
            elif node.module in ("chargen", "chargen.cli"):
                for alias in node.names:
                    module = alias.name in EVERYTHING
                    whole = f"chargen.{alias.name}" if module else node.module
                    yield node.lineno, "chargen.cli" if "cli" in whole else whole, inside
            else:
                yield node.lineno, node.module or "", inside
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            if name in ("__import__", "import_module", "exec", "eval"):
                yield node.lineno, f"{name}()", inside
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            # What stands below `else` runs.
            runs = types and child in node.orelse
            yield from visit(child, inside or function or (types and not runs))

    yield from visit(tree, False)


def offenders(module: str, source: str, file: str) -> list[str]:
    """Return what a module of this name must not import, as `file:line: what`."""
    if module not in LAYERS:
        return [f"{file}:1: the module is not in the table of layers"]
    tree, found = ast.parse(source), []
    for line, name, inside in imported(tree):
        top, _, rest = name.partition(".")
        if top == "chargen":
            target = rest.split(".")[0] or "chargen"
            allowed = LAYERS[module] | (LATER.get(module, set()) if inside else set())
            fits = target in allowed or target == module == "cli"
        else:
            target = name
            fits = top in sys.stdlib_module_names or top in PACKAGES.get(module, set())
        if not fits:
            where = " later" if inside else ""
            found.append(f"{file}:{line}: {module} imports {target}{where}")
    for node in ast.walk(tree):
        of_package = (
            isinstance(node, ast.Attribute) and ast.unparse(node.value) == "chargen"
        )
        if of_package and node.attr != "__version__" and module != "cli":
            found.append(f"{file}:{node.lineno}: {module} uses chargen.{node.attr}")
    return found


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        found.append((inside.parts[0] if len(inside.parts) > 1 else path.stem, path))
    return found


def test_every_import_keeps_to_the_layers() -> None:
    found = []
    for module, path in modules():
        file = str(path.relative_to(PACKAGE.parent))
        found += offenders(module, path.read_text(encoding="utf-8"), file)
    assert not found, "\n" + "\n".join(found)


def test_the_table_speaks_of_modules_that_exist() -> None:
    existing = {module for module, _ in modules()}
    assert set(LAYERS) == existing
    assert set(PACKAGES) <= existing
    assert set().union(*LAYERS.values(), *LATER.values()) <= {*existing, "chargen"}


def test_the_table_has_no_circles() -> None:
    done: set[str] = set()
    waiting = {name: set(targets) - {"chargen"} for name, targets in LAYERS.items()}
    for name in ("cli", "__init__"):  # a package stands for what is in it
        waiting[name] &= set(waiting) - {"__main__", "__init__", "cli"}
    while waiting:
        ready = {name for name, targets in waiting.items() if targets <= done}
        assert ready, f"these import one another: {sorted(waiting)}"
        done |= ready
        waiting = {name: t for name, t in waiting.items() if name not in ready}


def test_tensorflow_has_these_doors_and_no_other() -> None:
    doors = {
        module
        for module, path in modules()
        for _, name, _ in imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] in ("tensorflow", "keras")
    }
    assert doors == DOORS


@pytest.mark.parametrize(
    ("module", "source", "line"),
    [
        ("engine", "import keras", 1),
        ("engine", "\nfrom tensorflow.keras import layers", 2),
        ("engine", "from chargen.model import build_model", 1),
        ("engine", "from chargen import model", 1),
        ("engine", "def f():\n    import keras.layers as k", 2),
        ("engine", "class A:\n    def f(self):\n        from chargen import trainer", 3),
        ("engine", "if TYPE_CHECKING:\n    import chargen.training.tf.trainer", 2),
        ("engine", "import chargen", 1),
        ("engine", "from chargen import load", 1),
        ("engine", "from . import model", 1),
        ("engine", "from .model import build_model", 1),
        ("engine", "import importlib\nimportlib.import_module('keras')", 2),
        ("engine", "x = __import__('keras')", 1),
        ("model", "from chargen.sampling.engine import Engine", 1),
        ("trainer", "from chargen.sampling.engine import Engine", 1),
        ("trainer", "def f():\n    from chargen.generate import generate", 2),
        ("trainer", "from chargen.sampling import draw", 1),
        ("generate", "def f():\n    import chargen.training.tf.trainer", 2),
        ("evaluate", "from chargen.model import x", 1),
        ("job", "from chargen.training.tf.trainer import Trainer", 1),
        ("job", "import chargen\nchargen.load('novel')", 2),
        ("job", "from chargen.training.tf.runtime import Runtime", 1),
        (
            "job",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import chargen.training.tf.runtime",
            4,
        ),
        ("job", "def f():\n    from chargen.training.tf.update import Update", 2),
        ("recipe", "from chargen.training.tf.runtime import choose_plan", 1),
        ("stack", "from chargen.sampling.engine import Engine", 1),
        ("runtime", "import keras", 1),
        ("hardware", "import numpy", 1),
        ("cli", "import chargen.model", 1),
        ("cli", "import tensorflow", 1),
        ("errors", "import numpy", 1),
        ("errors", "from chargen.config import Settings", 1),
        ("config", "from chargen.text import Text", 1),
        ("text", "import numpy as np", 1),
        ("novelty", "", 1),
    ],
)
def test_an_offender_is_found(module: str, source: str, line: int) -> None:
    found = offenders(module, source, "chargen/some.py")
    assert len(found) == 1
    assert found[0].startswith(f"chargen/some.py:{line}: ")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine", "from __future__ import annotations\nimport numpy.typing as npt, json"),
        ("job", "def f():\n    from chargen.training.tf.trainer import Trainer"),
        ("job", "import chargen\nprint(chargen.__version__)"),
        ("cli", "from chargen import generate, load\nfrom chargen.cli import STARTED"),
        ("cli", "from chargen.cli.terminal import Terminal\nimport rich.console"),
        ("job", "if TYPE_CHECKING:\n    from chargen.training.tf.runtime import Runtime"),
        ("trainer", "import tensorflow\nfrom chargen.model import build_model"),
    ],
)
def test_what_is_allowed_is_not_found(module: str, source: str) -> None:
    assert offenders(module, source, "chargen/some.py") == []


# --- what is loaded when it runs ---------------------------------------------------------

CODE = """
import sys
{}
heavy = {{name.split(".")[0] for name in sys.modules}} & {{"tensorflow", "keras"}}
print("heavy:", *sorted(heavy), file=sys.stderr)
"""
COMMAND = "from chargen.cli import cli; cli({!r}, standalone_mode=False)"


def run(code: str, folder: Path) -> tuple[str, list[str]]:
    """Run code in an interpreter of its own: its stdout, and what it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(code)],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("heavy:")
    return done.stdout, last.split()[1:]


def test_a_heavy_import_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text("")
    assert run("sys.path.insert(0, '.'); import keras", tmp_path)[1] == ["keras"]


def test_importing_chargen_loads_no_tensorflow(tmp_path: Path) -> None:
    stdout, heavy = run("import chargen; print(chargen.__version__)", tmp_path)
    assert stdout == f"{chargen.__version__}\n"
    assert heavy == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["train", "sample", "info", "corpora"]),
        (["train", "--help"], ["--units", "--resume"]),
        (["sample", "--help"], ["--temperature"]),
        (["--version"], [chargen.__version__]),
        (["corpora"], ["harbour-plays", "minerals", "sishi-jueju"]),
        (["train", "minerals", "--steps", "2", "--dry-run"], ["--precision auto"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_light_command(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    stdout, heavy = run(COMMAND.format(arguments), tmp_path)
    for word in words:
        assert word in stdout
    assert heavy == []


def test_sampling_loads_no_tensorflow(tmp_path: Path) -> None:
    write_run(tmp_path / "checkpoints" / "novel", 1, 2, cell="gru", layers=2)
    arguments = ["sample", "novel", "--seed-text", "abc", "--length", "40", "--seed", "1"]
    stdout, heavy = run(COMMAND.format(arguments), tmp_path)
    assert heavy == []
    model = chargen.load(str(tmp_path / "checkpoints" / "novel"))
    expected = "abc" + "".join(chargen.generate(model, "abc", length=40, seed=1))
    assert stdout == (expected if expected.endswith("\n") else expected + "\n")


def test_describing_loads_no_tensorflow(tmp_path: Path) -> None:
    write_run(tmp_path / "checkpoints" / "novel", 1)
    stdout, heavy = run(COMMAND.format(["info", "novel"]), tmp_path)
    assert "LSTM" in stdout
    assert heavy == []
