"""The one rule of imports, the wall between sampling and TensorFlow, and sizes.

    top files < system < text, model < runs < sampling < training < export, serve < cli

A module imports from its own package and from those to the left of it, and nothing else of
chargen. TensorFlow and Keras are imported under training/tf alone, which the rest of
`training` imports inside functions, and which never imports `sampling`.
"""

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

ORDER = (
    {"top"},
    {"system"},
    {"text", "model"},
    {"runs"},
    {"sampling"},
    {"training"},
    {"export", "serve"},
    {"cli"},
    {"face"},
)
"""From left to right. `face` is what nothing imports: __init__ and __main__."""

FACES = ("__init__", "__main__")

# What a package may import that is neither chargen's nor the standard library's.
OTHERS = {
    "system": {"numpy"},
    "text": {
        *("numpy", "platformdirs", "pooch", "requests"),
        *("charset_normalizer", "compression", "mammoth", "pypdf"),
    },
    "runs": {"numpy", "safetensors", "filelock", "matplotlib"},
    "sampling": {"numpy", "outlines_core"},
    "training": {"numpy", "tensorboard"},
    "training/tf": {"numpy", "platformdirs", "tensorflow"},
    "cli": {"click", "prompt_toolkit", "rich"},
}
KERAS_DOOR = "training/tf/own_keras"
"""The one module that imports Keras itself."""


def room(module: str) -> str:
    """Return the package of a module, named by its path below chargen without .py."""
    first, _, rest = module.partition("/")
    if rest:
        return first
    return "face" if first in FACES else "top"


def place(package: str) -> int:
    return next(i for i, packages in enumerate(ORDER) if package in packages)


def imported(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, dotted name, whether it comes later) of every import.

    Later: inside a function, or for a type checker only.
    """

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[int, str, bool]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, inside
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, f"{name}.{alias.name}", inside
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


def allowed(module: str, name: str, *, later: bool) -> bool:
    """Whether a module may import something, by its dotted name."""
    own, (first, _, rest) = room(module), name.partition(".")
    in_tf = module.startswith("training/tf/")
    if first != "chargen":
        others = OTHERS.get("training/tf" if in_tf else own, set())
        return (
            first in sys.stdlib_module_names
            or first in others
            or (first == "keras" and module == KERAS_DOOR)
            or (own == "face" and name == "import_module()")  # the lazy names
        )
    parts = rest.split(".")
    if not rest or not (PACKAGE / parts[0]).is_dir():
        if not (PACKAGE / f"{parts[0]}.py").is_file():
            return False  # the package itself, or a lazy name of it
        target = room(parts[0])
    else:
        target = parts[0]
    if parts[:2] == ["training", "tf"] and not in_tf and not later:
        return False
    if in_tf and target == "sampling":
        return False
    return target == own or place(target) < place(own)


def offenders(module: str, source: str) -> list[str]:
    """Return what a module must not import, as `file:line: what`."""
    return [
        f"chargen/{module}.py:{line}: imports {name}{' later' if later else ''}"
        for line, name, later in imported(ast.parse(source))
        if not allowed(module, name, later=later)
    ]


def modules() -> Iterator[tuple[str, str]]:
    """Yield every module by its path without .py, and its source."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        yield module, path.read_text(encoding="utf-8")


def test_every_import_keeps_to_the_rule() -> None:
    found = [line for module in modules() for line in offenders(*module)]
    assert not found, "\n" + "\n".join(found)


def test_the_rule_speaks_of_packages_that_exist_or_are_to_come() -> None:
    rooms = {room(module) for module, _ in modules()}
    assert rooms == set().union(*ORDER) - {"export", "serve"}


@pytest.mark.parametrize(
    ("module", "source", "line"),
    [
        ("sampling/engine", "import keras", 1),
        ("sampling/engine", "\nfrom tensorflow.keras import layers", 2),
        ("sampling/engine", "from chargen.training.tf.keras_model import build_model", 1),
        ("sampling/engine", "def f():\n    import keras.layers as k", 2),
        ("sampling/engine", "def f():\n    from chargen.training import job", 2),
        ("sampling/engine", "if TYPE_CHECKING:\n    import chargen.cli.train", 2),
        ("sampling/engine", "import chargen", 1),
        ("sampling/engine", "from chargen import load", 1),
        ("sampling/engine", "from . import generate", 1),
        ("sampling/engine", "import importlib\nimportlib.import_module('keras')", 2),
        ("sampling/engine", "x = __import__('keras')", 1),
        ("training/tf/trainer", "from chargen.sampling.engine import Engine", 1),
        ("training/tf/trainer", "def f():\n    from chargen.sampling import draw", 2),
        ("training/tf/trainer", "import keras", 1),
        ("training/job", "from chargen.training.tf.trainer import Trainer", 1),
        ("training/job", "from chargen.training.tf import trainer", 1),
        ("training/job", "import tensorflow", 1),
        ("training/job", "import chargen\nchargen.load('novel')", 1),
        ("training/job", "def f():\n    from chargen.cli import main", 2),
        (
            "training/job",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import chargen.training.tf.runtime",
            4,
        ),
        ("runs/run", "from chargen.sampling.engine import Engine", 1),
        ("runs/run", "import rich", 1),
        ("text/corpus", "from chargen.model.shape import ModelConfig", 1),
        ("text/corpus", "from chargen.runs.run import Run", 1),
        ("model/shape", "import numpy", 1),
        ("system/files", "from chargen.text.reading import Text", 1),
        ("errors", "from chargen.system.files import exists", 1),
        ("cli/train", "import tensorflow", 1),
        ("cli/train", "from chargen.training.tf.update import Update", 1),
        ("cli/train", "from chargen import generate", 1),
        ("cli/train", "import chargen.__main__", 1),
    ],
)
def test_an_offender_is_found(module: str, source: str, line: int) -> None:
    found = offenders(module, source)
    assert len(found) == 1
    assert found[0].startswith(f"chargen/{module}.py:{line}: ")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "sampling/engine",
            "from __future__ import annotations\nimport numpy.typing, json",
        ),
        ("sampling/engine", "from chargen.runs.checkpoint import Checkpoint"),
        ("training/job", "def f():\n    from chargen.training.tf.trainer import Trainer"),
        ("training/job", "from chargen.sampling.engine import Engine"),
        (
            "training/job",
            "if TYPE_CHECKING:\n    from chargen.training.tf.runtime import X",
        ),
        ("training/tf/trainer", "import tensorflow\nfrom chargen.training.events import E"),
        ("training/tf/own_keras", "import keras"),
        ("cli/train", "from chargen.cli.terminal import Terminal\nimport rich.console"),
        ("errors", "from chargen.display import printable"),
        ("__main__", "from chargen.cli import main"),
    ],
)
def test_what_is_allowed_is_not_found(module: str, source: str) -> None:
    assert offenders(module, source) == []


# --- sizes -------------------------------------------------------------------------------

LONGEST = {ast.FunctionDef: 60, ast.AsyncFunctionDef: 60, ast.ClassDef: 250}
ONE_THING = "# One thing: "
"""How the comment above begins that says why something longer is not cut up."""


def oversized(module: str, source: str) -> list[str]:
    """Return the functions and classes that are too long, decorators and all."""
    lines, found = source.splitlines(), []
    for node in ast.walk(ast.parse(source)):
        longest = LONGEST.get(type(node))
        if longest is None:
            continue
        start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        length = node.end_lineno - start + 1
        excused = start > 1 and lines[start - 2].strip().startswith(ONE_THING)
        if length > longest and not excused:
            found.append(f"chargen/{module}.py:{node.lineno}: {node.name}, {length} lines")
    return found


def test_nothing_is_too_long_without_a_reason() -> None:
    found = [line for module in modules() for line in oversized(*module)]
    assert not found, "\n" + "\n".join(found)


def test_what_is_too_long_is_found() -> None:
    body = "\n".join(["    x = 1"] * 60)
    assert oversized("a", f"def f():\n{body}") == ["chargen/a.py:1: f, 61 lines"]
    assert oversized("a", f"{ONE_THING}a table\ndef f():\n{body}") == []
    assert oversized("a", "\n".join(["def f():", *["    x = 1"] * 59])) == []


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
