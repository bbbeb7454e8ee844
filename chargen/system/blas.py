"""The threads of NumPy's matrix products.

OpenBLAS, which NumPy's wheels bring along, cuts a large product up between as many threads
as there are processors. Its threads wait for each other in a loop, so that a single other
process on the machine makes small products several times as slow.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar("T")

NAMES = (
    "scipy_openblas_{}_num_threads64_",  # NumPy's wheels
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",  # conda, Linux distributions
)
"""What OpenBLAS calls its functions, for `get` and `set`, in builds of several kinds."""


class OneThread:
    """A context in which each product is computed by the thread that asks for it.

    The number of threads is one for the whole process. So contexts may lie within each
    other and side by side, in several threads: the first one sets it and the last one sets
    it back, unless somebody else has changed it in between. Both take about a microsecond.

    Args:
        get: returns the number of threads.
        change: changes it.
    """

    def __init__(self, get: Callable[[], int], change: Callable[[int], object]) -> None:
        self._get, self._change = get, change
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = self._get()
                if self._before > 1:
                    self._change(1)
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._before > 1 and self._get() == 1:
                self._change(self._before)


def _functions() -> tuple[Callable[[], int], Callable[[int], object]]:
    """Return what gets and changes OpenBLAS's number of threads.

    Other libraries (Accelerate, MKL) are left to themselves: they seem to have one thread.
    """
    folder = Path(np.__file__).parent
    # Linux and macOS find a symbol in what NumPy's module is linked to, Windows does not.
    libraries = folder.glob("_core/_multiarray_umath*")
    for path in [*libraries, *folder.parent.glob("numpy.libs/*openblas*.dll")]:
        with contextlib.suppress(OSError):
            library = ctypes.PyDLL(str(path))  # calls hold the interpreter's lock: faster
            for name in NAMES:
                get = getattr(library, name.format("get"), None)
                change = getattr(library, name.format("set"), None)
                if get is not None and change is not None:
                    change.argtypes, change.restype = [ctypes.c_int], None
                    return get, change
    return lambda: 1, lambda number: None


one_thread = OneThread(*_functions())


def side_by_side(first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """Call two functions at once, the second in a thread of its own.

    Returns:
        What the two return.

    Raises:
        BaseException: what one of them raises; of two errors, the first one's.
    """
    found: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            found.append(second())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        one = first()
    finally:
        thread.join()
    if errors:
        raise errors[0]
    return one, found[0]


@functools.cache
def write_buffers() -> None:
    """Fill the buffers of OpenBLAS that two threads need, once.

    It copies operands into memory of its own, and prefetches beyond what it has copied. As
    long as nothing was written there, each prefetch looks for a page that does not exist:
    in a virtual machine, products of 64 rows took up to 3.5 times as long. Filling it takes
    a product of a few milliseconds.
    """
    square = np.ones((384, 384), np.float32)
    side_by_side(lambda: square @ square, lambda: square @ square)
