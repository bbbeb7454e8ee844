"""The file that an edited text comes from and goes to, and what is rescued of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from chargen.errors import TextError
from chargen.system.files import exists, save_file

BOM = "\ufeff"

RESCUED = ".rescued"
"""How the name of a file ends that holds a text which was not saved."""

LONGEST_NAME = 200
"""Bytes of a file's name that are kept in that: file systems allow 255 in all."""

UNNAMED = "chargen-write"
"""What such a file is called if the text has no file yet."""


class Manuscript:
    """A text in a file, as UTF-8. Its line ends and its byte order mark stay what they are.

    Args:
        path: the file, which need not be there yet; None if it has no name yet.

    Attributes:
        path: the file.
        saved: the text as the file has it; empty if there is no file.
        rescued: where the text was rescued to that was not saved; None before that.

    Raises:
        TextError: the file cannot be read, or is not UTF-8.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.saved = path, ""
        self.rescued: Path | None = None
        self._known: tuple[int, int] | None = None
        self._bom, self._newline = "", "\n"
        if path is not None and exists(path):
            self._open(path)

    def _open(self, path: Path) -> None:
        if not path.is_file():
            raise TextError(f"{path} is not a regular file")
        try:
            self._known = _version(path)
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise TextError(f"{path} is not UTF-8: save it as UTF-8 first") from error
        except OSError as error:
            raise TextError(f"cannot read {path}: {error.strerror}") from error
        if text.startswith(BOM):
            self._bom, text = BOM, text.removeprefix(BOM)
        if 0 < text.count("\r\n") == text.count("\n"):
            self._newline, text = "\r\n", text.replace("\r\n", "\n")
        self.saved = text

    def would_lose(self, path: Path) -> bool:
        """Whether saving to a file would replace what this text does not come from."""
        return exists(path) and not (path == self.path and _version(path) == self._known)

    def save(self, text: str, path: Path) -> None:
        """Write a text to a file at a stroke; it is this text's file from now on.

        Raises:
            OSError: it cannot be written; the file is what it was.
        """
        if exists(path) and not path.is_file():  # a folder, a device
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        _write(path, self._bom + text.replace("\n", self._newline))
        self.path, self.saved, self._known = path, text, _version(path)
        self.forget()

    def rescue(self, text: str) -> Path:
        """Write a text to a file beside this text's, or else in the home folder.

        Raises:
            OSError: neither can be written.
        """
        mode = _mode(self.path) if self.path is not None else None
        target = self.rescued or _free(self._first())
        try:
            _write(target, text, mode=mode)
        except OSError:
            target = _free(Path.home() / target.name)
            _write(target, text, mode=mode)
        self.rescued = target
        return target

    def forget(self) -> None:
        """Remove what was rescued: it is not needed any more."""
        if self.rescued is not None:
            self.rescued.unlink(missing_ok=True)
            self.rescued = None

    def earlier(self) -> Path | None:
        """Return the file of an earlier text that was rescued; None if there is none."""
        path = self._first()
        return path if exists(path) else None

    def _first(self) -> Path:
        path = self.path or Path(UNNAMED)
        name = path.name
        while len(os.fsencode(name)) > LONGEST_NAME:
            name = name[:-1]
        return path.with_name(name + RESCUED)


def _free(path: Path) -> Path:
    """Return a path at which nothing is yet: this one, or with a number after it."""
    found, number = path, 1
    while exists(found):
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _version(path: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _mode(path: Path) -> int | None:
    """Return who may read and write a file; None if there is none."""
    return stat.S_IMODE(path.stat().st_mode) if exists(path) else None


def _write(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write UTF-8; bytes that a terminal sent and that are not UTF-8 come out again."""
    save_file(path, text.encode("utf-8", "surrogateescape"))
    if mode is not None:
        path.chmod(mode)
