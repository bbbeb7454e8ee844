"""The lock of a run: only one process trains it.

It is a lock of the operating system's, and goes with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from chargen.errors import CheckpointError

LOCK_FILE = ".lock"

NO_LOCKS_NOTE = (
    "the file system has no locks: nothing keeps a second process from training this run, "
    "so make sure that there is none"
)

NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[str | None]:
    """Keep other processes from training the run in a folder, within a context.

    Yields:
        A note if the file system has no locks; otherwise None.

    Raises:
        CheckpointError: another process has it, or its file cannot be written.
    """
    from filelock import FileLock, Timeout  # slow, and only training needs it

    path = folder / LOCK_FILE
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    note = None
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CheckpointError(
            f"another process is training {folder}: wait for it to end or stop it, or "
            "start a run of its own with another `out`"
        ) from error
    except NotImplementedError:
        note = NO_LOCKS_NOTE
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise CheckpointError(f"cannot lock {path}: {error.strerror}") from error
        note = NO_LOCKS_NOTE
    try:
        yield note
    finally:
        if note is None:
            lock.release()
