"""What the machine offers, read from files that Linux writes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chargen.system import hardware

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
stepping\t: 8
flags\t\t: fpu sse sse2 avx2 avx512f {} arch_capabilities
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu avx512_bf16
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm {} dgh
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine of eight processors, all for this process, with nothing in its files."""
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(hardware, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


V2 = "cpu.max"
QUOTA, PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"  # version 1


def cgroup(files):
    """Write files of the cgroup, by their names."""
    for name, content in files.items():
        path = hardware.CGROUP / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


# --- processors --------------------------------------------------------------------------


def test_without_bounds_all_processors_are_used():
    assert hardware.cores() == 8


def test_the_affinity_mask_is_obeyed(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5} if pid == 0 else None)
    assert hardware.cores() == 2


def test_a_system_without_affinity_has_all_its_processors(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert hardware.cores() == 8


@pytest.mark.parametrize("unknown", [None, 0])
def test_a_number_that_is_unknown_is_one(unknown, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: unknown)
    assert hardware.cores() == 1


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("250000 100000\n", 3),  # part of a processor is one
        ("50000 100000\n", 1),
        ("1 100000\n", 1),
        ("10000 5000\n", 2),
        ("9900000 100000\n", 8),  # no more than there are
        ("", 8),
        ("many 100000\n", 8),
        ("200000\n", 8),
    ],
)
def test_the_quota_of_cgroup_2(quota, cores):
    cgroup({V2: quota})
    assert hardware.cores() == cores


@pytest.mark.parametrize(
    ("share", "period", "cores"),
    [
        ("-1\n", "100000\n", 8),
        ("0\n", "100000\n", 8),
        ("300000\n", "100000\n", 3),
        ("110000\n", "100000\n", 2),
        ("100000\n", "0\n", 8),
        ("", "100000\n", 8),
        ("300000\n", "", 8),
    ],
)
def test_the_quota_of_cgroup_1(share, period, cores):
    cgroup({QUOTA: share, PERIOD: period})
    assert hardware.cores() == cores


def test_a_quota_of_cgroup_1_without_a_period_is_none():
    cgroup({QUOTA: "100000\n"})
    assert hardware.cores() == 8


def test_cgroup_2_comes_before_cgroup_1():
    cgroup({V2: "max 100000", QUOTA: "100000", PERIOD: "100000"})
    assert hardware.cores() == 8


def test_the_smallest_bound_counts(monkeypatch):
    cgroup({V2: "400000 100000"})
    assert hardware.cores() == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 3})
    assert hardware.cores() == 3


# --- memory ------------------------------------------------------------------------------

MEMINFO = (
    "MemTotal:  8000000 kB\nMemFree:  9 kB\nMemAvailable:  2000000 kB\nCached:  5 kB\n"
)


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 2_048_000_000),
        ({"memory.max": "max\n", "memory.current": "7\n"}, 2_048_000_000),
        ({"memory.max": "1000\n", "memory.current": "400\n"}, 600),
        ({"memory.max": "1000\n", "memory.current": "4000\n"}, 0),
        ({"memory.max": "9000000000\n", "memory.current": "1\n"}, 2_048_000_000),
        ({"memory.max": "1000\n"}, 2_048_000_000),
        ({"memory.max": "many\n", "memory.current": "400\n"}, 2_048_000_000),
    ],
)
def test_free_memory_is_what_linux_and_the_cgroup_have(files, free):
    hardware.MEMINFO.write_text(MEMINFO)
    cgroup(files)
    assert hardware.memory_free() == free


@pytest.mark.parametrize("content", ["", "MemFree: 9 kB\n", "MemAvailable:\n"])
def test_free_memory_may_be_unknown(content):
    hardware.MEMINFO.write_text(content)
    assert hardware.memory_free() is None


def test_free_memory_is_unknown_on_a_system_without_the_file():
    assert hardware.memory_free() is None


def test_the_limit_of_memory_is_that_of_the_process(monkeypatch):
    resource = pytest.importorskip("resource")
    for limit, known in ((2**31, 2**31), (resource.RLIM_INFINITY, None)):
        monkeypatch.setattr(resource, "getrlimit", lambda kind, n=limit: (n, n))
        assert hardware.memory_limit() == known


def test_a_system_without_limits_has_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert hardware.memory_limit() is None


# --- bfloat16 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpuinfo", "feature"),
    [(X86, "avx512_bf16"), (X86, "amx_bf16"), (ARM, "bf16"), (ARM, "svebf16")],
)
def test_a_cpu_that_multiplies_bfloat16(cpuinfo, feature):
    hardware.CPUINFO.write_text(cpuinfo.format(f"{feature} sha_ni"))
    assert hardware.has_bfloat16()


@pytest.mark.parametrize("cpuinfo", [X86, ARM])
@pytest.mark.parametrize("feature", ["", "avx512_bf16_not", "not_bf16", "f16c"])
def test_a_cpu_that_does_not(cpuinfo, feature):
    # The first processor counts: in X86 the second one would multiply them.
    hardware.CPUINFO.write_text(cpuinfo.format(feature))
    assert not hardware.has_bfloat16()


@pytest.mark.parametrize("content", [b"", b"no colon", b"\xff\xfe\x00", b"flags\t\t:\n"])
def test_a_file_that_says_nothing(content):
    hardware.CPUINFO.write_bytes(content)
    assert not hardware.has_bfloat16()
    assert isinstance(hardware.cpu_model(), str)


def test_a_system_without_the_file():
    assert not hardware.has_bfloat16()


# --- the CPU's name ----------------------------------------------------------------------


def test_the_name_of_a_cpu_tells_its_stepping():
    hardware.CPUINFO.write_text(X86)
    name = "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"
    assert hardware.cpu_model() == f"{name} 6 143 8"


@pytest.mark.parametrize(
    ("processor", "architecture", "name"),
    [("arm", "arm64", "arm"), ("", "arm64", "arm64"), ("", "", "")],
)
def test_elsewhere_the_name_is_what_python_knows(
    processor, architecture, name, monkeypatch
):
    monkeypatch.setattr(hardware.platform, "processor", lambda: processor)
    monkeypatch.setattr(hardware.platform, "machine", lambda: architecture)
    assert hardware.cpu_model() == name
    hardware.CPUINFO.write_text(ARM)
    assert hardware.cpu_model() == name


@pytest.mark.skipif(sys.platform != "linux", reason="needs a mask of Linux")
def test_a_process_that_may_use_one_processor_sees_one():
    # The real thing: a mask that is set before Python starts.
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from chargen.system.hardware import cores; print(cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr
