"""What the machine offers: processors, and whether they multiply bfloat16 numbers.

Standard library only.
"""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}
"""CPU features, as Linux names them on x86 and ARM, that multiply bfloat16 numbers."""


def cores() -> int:
    """Return how many processors this process may use, at least 1.

    This is the smallest of three numbers: that of the machine, that of the affinity mask,
    and the quota of the cgroup, rounded up.
    """
    bounds = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        bounds.append(len(os.sched_getaffinity(0)))
    quota = _quota()
    if quota is not None:
        bounds.append(math.ceil(quota))
    return max(1, min(bounds))


def _quota() -> float | None:
    """Return how many processors the cgroup (version 2, then 1) allows; None for any."""
    try:
        share, period = (CGROUP / "cpu.max").read_text().split()
        return None if share == "max" else int(share) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        share = (CGROUP / "cpu" / "cpu.cfs_quota_us").read_text()
        period = (CGROUP / "cpu" / "cpu.cfs_period_us").read_text()
        return int(share) / int(period) if int(share) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def memory_limit() -> int | None:
    """Return the bytes of address space that this process may have; None for no limit."""
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def memory_free() -> int | None:
    """Return the bytes of memory that are free, by Linux's estimate; None if unknown."""
    found = []
    try:
        (line,) = (x for x in MEMINFO.read_text().splitlines() if "MemAvailable" in x)
        found.append(int(line.split()[1]) * 1024)
        most = (CGROUP / "memory.max").read_text().strip()
        used = (CGROUP / "memory.current").read_text()
        found += [] if most == "max" else [int(most) - int(used)]
    except (OSError, ValueError, IndexError):
        pass
    return max(0, min(found)) if found else None


def has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 numbers; False if that is unknown."""
    features = _cpuinfo("flags") or _cpuinfo("Features") or ""
    return not BFLOAT16.isdisjoint(features.split())


def cpu_model() -> str:
    """Return the CPU's name, as far as it is known."""
    parts = [
        _cpuinfo("model name") or platform.processor() or platform.machine(),
        *(_cpuinfo(key) or "" for key in ("cpu family", "model", "stepping")),
    ]
    return " ".join(part for part in parts if part)


def _cpuinfo(key: str) -> str | None:
    """Return the first value of a key in Linux's /proc/cpuinfo."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None
