"""Run the fast tests on the newest TensorFlow, Keras and NumPy: `make canary`.

Everything that chargen asks for is installed in its newest version, our own upper bounds
left out, into an environment of its own; a second time with pre-releases. The golden
checkpoints of tests/data are among the tests. Says what was tried and what came of it; the
exit code is 1 if anything failed.
"""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
WATCHED = ("tensorflow", "keras", "numpy")
REPORTED = """
import importlib.metadata, platform
print("Python", platform.python_version(), *(
    f"{name} {importlib.metadata.version(name)}" for name in WATCHED), sep=", ")
"""


def unbounded() -> list[str]:
    """Return what chargen and its tests ask for, without upper bounds."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = setup["options.extras_require"]
    lines = setup["options"]["install_requires"].splitlines()
    for extra in ("plot", "tensorboard", "test"):
        lines += extras[extra].splitlines()
    found = []
    for line in filter(None, map(str.strip, lines)):
        requirement = Requirement(line)
        if requirement.name != "chargen":
            lower = (s for s in requirement.specifier if "<" not in s.operator)
            requirement.specifier = SpecifierSet(",".join(map(str, lower)))
            found.append(str(requirement))
    return found


def attempt(title: str, options: list[str], folder: Path) -> bool:
    """Install and test; print what came of it."""
    print(f"== {title}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    ours = ["--no-deps", "--config-settings", "editable_mode=compat", "-e", ROOT]
    for words in ([*options, *unbounded()], ours):
        if subprocess.run([*install, *words]).returncode:
            print("it cannot be installed", flush=True)
            return False
    code = f"WATCHED = {WATCHED!r}{REPORTED}"
    subprocess.run([python, "-c", code], check=True)
    tests = [python, "-m", "pytest", "-q", "-n", "auto", "--dist", "loadgroup"]
    done = subprocess.run([*tests, "-m", "not slow"], cwd=ROOT)
    print("passed" if done.returncode == 0 else "FAILED", flush=True)
    return done.returncode == 0


def main() -> int:
    """Try both, whatever comes of the first."""
    with tempfile.TemporaryDirectory() as folder:
        results = {
            title: attempt(title, options, Path(folder) / str(len(options)))
            for title, options in (("newest releases", []), ("pre-releases", ["--pre"]))
        }
    for title, passed in results.items():
        print(f"{title}: {'passed' if passed else 'FAILED'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
