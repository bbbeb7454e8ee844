"""The wheel: what it holds and asks for, and that it works where it is installed.

Nothing here is built or installed in the checkout: the wheel comes from a copy of the
files that git knows or would add, and goes into virtual environments of its own.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.metadata import Metadata
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parent.parent
BUNDLED = REPOSITORY / "checkpoints" / "bundled"
# One worker: its environments are made once.
pytestmark = pytest.mark.xdist_group("packaging")

TIMEOUT = 900  # seconds: only for what hangs
CORPORA = ["harbour-plays", "minerals", "sishi-jueju"]


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would who has set nothing."""
    ours = ("CHARGEN_", "PYTHON", "VIRTUAL_ENV", "TF_", "KERAS_")
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith(ours)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
    )


def output(*command: str | Path, cwd: Path) -> str:
    """Return what a command that must succeed writes to stdout."""
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass
class Environment:
    """A virtual environment below `folder`, made without pip, filled by ours."""

    folder: Path

    def create(self) -> Environment:
        output(
            *(sys.executable, "-m", "venv", "--without-pip", self.folder),
            cwd=self.folder.parent,
        )
        return self

    def path(self, name: str) -> Path:
        base = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path(name, "venv", base))

    def install(self, *arguments: str | Path) -> None:
        pip = (sys.executable, "-m", "pip", "--python", self.folder)
        options = ("install", "--quiet", "--disable-pip-version-check")
        output(*pip, *options, *arguments, cwd=self.folder)

    def python(self, code: str, *, cwd: Path) -> str:
        return output(self.path("scripts") / "python", "-c", code, cwd=cwd)

    def run(self, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        return run(self.path("scripts") / "chargen", *arguments, cwd=cwd)

    def output(self, *arguments: str | Path, cwd: Path) -> str:
        return output(self.path("scripts") / "chargen", *arguments, cwd=cwd)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout as a clone would have it after `git add`."""
    if not (REPOSITORY / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only a git checkout knows which files are the project's")
    listing = output(
        *("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"),
        cwd=REPOSITORY,
    )
    folder = tmp_path_factory.mktemp("source")
    for name in filter(None, listing.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    try:
        setuptools = int(importlib.metadata.version("setuptools").split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        setuptools = 0
    output(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
        *("--disable-pip-version-check", "--wheel-dir", folder),
        *(["--no-build-isolation"] if setuptools >= 77 else []),
        source,
        cwd=folder,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Metadata:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Metadata.from_email(archive.read(name))


@pytest.fixture(
    scope="session",
    params=["our dependencies", pytest.param("its own", marks=pytest.mark.slow)],
)
def installed(
    request: pytest.FixtureRequest,
    wheel: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """The wheel in a new environment, with our TensorFlow or with its own."""
    environment = Environment(tmp_path_factory.mktemp("installed") / "venv").create()
    if request.param == "its own":
        environment.install(wheel)
    else:
        # The wheel first: pip must not find our chargen. A path in a .pth file adds
        # packages and not the editable install, which is a .pth file itself.
        environment.install("--no-deps", wheel)
        ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        lines = "".join(f"{path}\n" for path in sorted(ours))
        (environment.path("purelib") / "ours.pth").write_text(lines, "utf-8")
    return environment


@pytest.fixture(scope="session")
def trained(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `chargen train` was run, empty before."""
    folder = tmp_path_factory.mktemp("trained")
    options = ("--steps", "5", "--units", "8", "--stock")
    written = installed.output("train", "minerals", *options, cwd=folder)
    assert Path(written.removesuffix("\n")) == Path("checkpoints/minerals")
    return folder


@pytest.fixture(scope="session")
def without_tensorflow(
    wheel: Path, metadata: Metadata, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """What an install gives on a platform that TensorFlow has no wheels for."""
    environment = Environment(tmp_path_factory.mktemp("light") / "venv").create()
    environment.install(*(str(r) for r in requirements(metadata) if r.marker is None))
    environment.install("--no-deps", wheel)
    return environment


def requirements(metadata: Metadata) -> list[Requirement]:
    return metadata.requires_dist or []


def assert_sample(text: str, length: int) -> None:
    """It is the generated text and nothing else, save for a last line end."""
    assert len(text) >= length
    assert text[length:] in ("", "\n")


# What is in the wheel


def test_the_wheel_holds_the_package_and_what_ships_and_nothing_else(
    wheel: Path, source: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    expected = {
        file.relative_to(source).as_posix()
        for file in (source / "chargen").rglob("*")
        if file.is_file()
    }
    expected |= {f"chargen/corpora/{name}.txt" for name in CORPORA}
    bundled = source / "checkpoints" / "bundled"
    expected |= {
        f"chargen/checkpoints/{file.relative_to(bundled).as_posix()}"
        for file in bundled.glob("*/**/*")
        if file.is_file()
    }
    assert names == expected
    assert "chargen/py.typed" in names


def test_the_wheel_carries_the_licence(wheel: Path, metadata: Metadata) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("LICENSE"))
        text = archive.read(name)
    assert text == (REPOSITORY / "LICENSE").read_bytes()
    assert "MIT" in (metadata.license_expression, metadata.license)


# What it asks for

CPYTHON = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
MAC = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
PYPY = {"implementation_name": "pypy", "platform_python_implementation": "PyPy"}

WITH_TENSORFLOW = [
    LINUX | {"platform_machine": "x86_64"},
    LINUX | {"platform_machine": "aarch64"},
    MAC | {"platform_machine": "arm64"},
    WINDOWS | {"platform_machine": "AMD64"},
]
WITHOUT_TENSORFLOW = [
    LINUX | {"platform_machine": "x86_64", "python_version": "3.14"},
    MAC | {"platform_machine": "arm64", "python_version": "3.14"},
    WINDOWS | {"platform_machine": "AMD64", "python_version": "3.15"},
    MAC | {"platform_machine": "x86_64"},
    WINDOWS | {"platform_machine": "ARM64"},
    WINDOWS | {"platform_machine": "x86"},
    LINUX | {"platform_machine": "i686"},
    LINUX | {"platform_machine": "armv7l"},
    LINUX | {"platform_machine": "x86_64"} | PYPY,
]


def label(environment: dict[str, str]) -> str:
    """Return the name of an environment in the list of tests."""
    names = ("sys_platform", "platform_machine", "implementation_name", "python_version")
    return "-".join(environment[name] for name in names if name in environment)


def required(metadata: Metadata, environment: dict[str, str]) -> set[str]:
    """Return the names of what pip installs in an environment, Python 3.12 by default."""
    values = {**default_environment(), **CPYTHON, "python_version": "3.12", "extra": ""}
    values |= environment
    values["python_full_version"] = values["python_version"] + ".1"
    return {
        requirement.name.replace("_", "-")
        for requirement in requirements(metadata)
        if requirement.marker is None or requirement.marker.evaluate(values)
    }


# Sampling needs the first four; the others are too small to be left out anywhere.
SMALL = {
    *("numpy", "click", "safetensors", "rich", "platformdirs", "filelock"),
    *("charset-normalizer", "pooch", "requests", "prompt-toolkit"),
}


def test_ten_small_packages_are_needed_everywhere(metadata: Metadata) -> None:
    unconditional = {r.name for r in requirements(metadata) if r.marker is None}
    assert {name.replace("_", "-") for name in unconditional} == SMALL


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("environment", WITH_TENSORFLOW, ids=label)
def test_tensorflow_comes_where_it_has_wheels(
    metadata: Metadata, environment: dict[str, str], python: str
) -> None:
    found = required(metadata, {**environment, "python_version": python})
    assert found == {*SMALL, "tensorflow", "keras", "outlines-core"}


@pytest.mark.parametrize("environment", WITHOUT_TENSORFLOW, ids=label)
def test_tensorflow_is_left_out_where_it_has_none(
    metadata: Metadata, environment: dict[str, str]
) -> None:
    assert required(metadata, environment) - {"outlines-core"} == SMALL


def test_versions_of_keras_and_tensorflow(metadata: Metadata) -> None:
    allowed = {r.name: r.specifier for r in requirements(metadata)}
    assert "3.15.1" in allowed["keras"]
    for version in ("3.15.0", "3.16", "3.16.0", "4.0"):
        assert version not in allowed["keras"]
    assert "2.21.0" in allowed["tensorflow"]
    for version in ("2.20.0", "2.22.0"):
        assert version not in allowed["tensorflow"]


def test_no_python_is_too_new(metadata: Metadata) -> None:
    assert metadata.requires_python is not None
    assert [s.operator for s in metadata.requires_python] == [">="]
    assert "3.10" not in metadata.requires_python
    for version in ("3.11", "3.14", "3.99", "4.0"):
        assert version in metadata.requires_python


# Where it is installed


def test_chargen_comes_from_the_wheel(installed: Environment, tmp_path: Path) -> None:
    file = installed.python("import chargen; print(chargen.__file__)", cwd=tmp_path)
    assert Path(file.strip()).parent == installed.path("purelib") / "chargen"


def test_the_installed_corpora(installed: Environment, tmp_path: Path) -> None:
    rows = installed.output("corpora", cwd=tmp_path).splitlines()
    assert [row.split()[0] for row in rows[1:]] == CORPORA
    assert not list(tmp_path.iterdir())


def test_the_installed_checkpoint(installed: Environment, tmp_path: Path) -> None:
    options = ("--length", "20", "--seed", "1")
    done = installed.run("sample", "harbour-plays", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert_sample(done.stdout, 20)
    assert not list(tmp_path.iterdir())


def test_training_and_sampling_from_an_empty_folder(
    installed: Environment, trained: Path
) -> None:
    assert [path.name for path in trained.iterdir()] == ["checkpoints"]
    assert [path.name for path in (trained / "checkpoints").iterdir()] == ["minerals"]
    assert (trained / "checkpoints" / "minerals" / "best").is_file()
    options = ("--count", "30", "--length", "10", "--seed", "1")
    done = installed.run("sample", "minerals", *options, cwd=trained)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 30


# Where there is no TensorFlow


@pytest.mark.slow
def test_sampling_without_tensorflow(
    without_tensorflow: Environment, trained: Path, tmp_path: Path
) -> None:
    code = "import importlib.util as u; print(u.find_spec('tensorflow'))"
    assert without_tensorflow.python(code, cwd=tmp_path).strip() == "None"
    run_folder = trained / "checkpoints" / "minerals"
    options = ("--count", "30", "--length", "10", "--seed", "1")
    done = without_tensorflow.run("sample", run_folder, *options, cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 30


@pytest.mark.slow
def test_the_bundled_checkpoint_without_tensorflow(
    without_tensorflow: Environment, tmp_path: Path
) -> None:
    options = ("--length", "20", "--seed", "1")
    written = without_tensorflow.output("sample", "harbour-plays", *options, cwd=tmp_path)
    assert_sample(written, 20)


@pytest.mark.slow
def test_help_without_tensorflow(without_tensorflow: Environment, tmp_path: Path) -> None:
    assert "train" in without_tensorflow.output("--help", cwd=tmp_path)
    assert "--units" in without_tensorflow.output("train", "--help", cwd=tmp_path)


@pytest.mark.slow
def test_the_packages_that_the_readme_names_for_sampling_are_enough(
    wheel: Path, tmp_path: Path
) -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    (line,) = re.findall(r"^pip install (numpy .*)$", readme, re.M)
    environment = Environment(tmp_path / "venv").create()
    environment.install(*line.split())
    environment.install("--no-deps", wheel)
    for command in (
        "sample harbour-plays --length 20 --seed 1",
        "sample minerals --new --corpus minerals --count 2 --seed 1",
        "eval harbour-plays",
        "restore harbour-plays th_",
        "info harbour-plays",
        "runs",
        "corpora inspect minerals",
        "cache",
    ):
        assert environment.output(*command.split(), cwd=tmp_path) or command == "cache"


@pytest.mark.slow
def test_training_without_tensorflow_says_what_is_missing(
    without_tensorflow: Environment, tmp_path: Path
) -> None:
    done = without_tensorflow.run("train", "minerals", "--steps", "1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "TensorFlow" in done.stderr
    assert "Python 3.11 to 3.13" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("checkpoints/*"))


@pytest.mark.slow
def test_training_without_tensorflow_keeps_the_run_it_was_to_replace(
    without_tensorflow: Environment, trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained / "checkpoints" / "minerals", tmp_path / "old")
    options = ("--steps", "1", "--out", "old", "--overwrite")
    done = without_tensorflow.run("train", "minerals", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old" / "best").is_file()


# In the checkout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the shell is POSIX")
def test_the_readmes_installation_and_first_text(source: Path, tmp_path: Path) -> None:
    readme = (source / "README.md").read_text("utf-8")
    blocks = [block.split("\n```")[0] for block in readme.split("```sh\n")[1:]]
    (install,) = (block for block in blocks if "-m venv" in block)
    (first, *_) = (block for block in blocks if block.startswith("chargen "))
    archive = shutil.make_archive(
        str(tmp_path / "chargen-main"), "zip", source.parent, source.name
    )
    assert Path(archive).name in install
    (tmp_path / "python3").symlink_to(sys.executable)
    lines = [f'PATH="{tmp_path}:$PATH"', "set -e", install, first]
    written = output("sh", "-c", "\n".join(lines), cwd=tmp_path)
    assert "PELL:" in written
    assert (tmp_path / "chargen-env/bin/chargen").exists()


def test_an_editable_install_finds_what_ships(tmp_path: Path) -> None:
    chargen = (sys.executable, "-m", "chargen")
    code = "import chargen; print(chargen.__file__)"
    file = output(sys.executable, "-c", code, cwd=tmp_path).strip()
    assert Path(file).parent == REPOSITORY / "chargen"
    rows = output(*chargen, "corpora", cwd=tmp_path).splitlines()
    assert [row.split()[0] for row in rows[1:]] == CORPORA
    options = ("--length", "20", "--seed", "1")
    written = output(*chargen, "sample", "harbour-plays", *options, cwd=tmp_path)
    assert_sample(written, 20)
