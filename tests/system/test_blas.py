"""One BLAS thread for a while, two things at once, and buffers that are filled once."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from chargen.system import blas
from chargen.system.blas import OneThread, one_thread, side_by_side, write_buffers

PATIENCE = 20  # seconds


def counted(threads):
    """A context over a list that has the number of threads, latest last."""
    return OneThread(lambda: threads[-1], threads.append)


def test_there_is_one_thread_inside_and_as_many_as_before_outside():
    threads = [6]
    with counted(threads):
        assert threads == [6, 1]
    assert threads == [6, 1, 6]


def test_contexts_lie_within_each_other_and_are_used_again():
    threads = [6]
    context = counted(threads)
    for _ in range(2):
        with context, context:
            with context:
                assert threads[-1] == 1
            assert threads[-1] == 1
        assert threads[-1] == 6
    assert threads == [6, 1, 6, 1, 6]


def test_an_error_sets_the_number_back():
    threads = [6]
    with pytest.raises(KeyError), counted(threads):
        raise KeyError
    assert threads[-1] == 6


def test_one_thread_is_left_at_that():
    threads = [1]
    with counted(threads):
        pass
    assert threads == [1]


def test_what_others_set_in_between_stays():
    threads = [6]
    with counted(threads):
        threads.append(3)
    assert threads[-1] == 3


def test_the_last_of_several_threads_sets_the_number_back():
    threads = [6]
    context = counted(threads)
    inside, leave = threading.Event(), threading.Event()

    def wait():
        with context:
            inside.set()
            leave.wait(PATIENCE)

    other = threading.Thread(target=wait)
    with context:
        other.start()
        assert inside.wait(PATIENCE)
    assert threads == [6, 1]  # the other one is still inside
    leave.set()
    other.join(PATIENCE)
    assert threads == [6, 1, 6]


def test_many_threads_at_once_end_where_they_began():
    threads = [6]
    context = counted(threads)

    def work():
        for _ in range(300):
            with context:
                assert threads[-1] == 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert threads[-1] == 6
    assert set(threads) == {6, 1}


def openblas():
    config = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return "openblas" in config["name"].lower()


@pytest.mark.skipif(not openblas(), reason="this NumPy has another library")
def test_numpys_own_openblas_is_found():
    before = one_thread._get()
    assert before >= 1
    one_thread._change(2)
    try:
        with one_thread:
            assert one_thread._get() == 1
        assert one_thread._get() == 2
    finally:
        one_thread._change(before)


def test_without_openblas_nothing_happens(monkeypatch):
    monkeypatch.setattr(blas, "NAMES", ())
    context = OneThread(*blas._functions())
    with context:
        assert context._get() == 1


def test_a_library_that_cannot_be_opened_is_passed_over(monkeypatch):
    def refuse(path):
        raise OSError("not a library")

    monkeypatch.setattr("ctypes.PyDLL", refuse)
    get, change = blas._functions()
    assert get() == 1
    assert change(3) is None


def test_two_functions_run_at_once_and_return_what_they_return():
    meeting = threading.Barrier(2, timeout=PATIENCE)  # breaks unless both are there

    def call(value):
        meeting.wait()
        return value

    assert side_by_side(lambda: call("a"), lambda: call("b")) == ("a", "b")


@pytest.mark.parametrize(
    ("first", "second"), [(ValueError, None), (None, KeyError), (ValueError, KeyError)]
)
def test_an_error_of_either_function_is_raised_when_both_are_done(first, second):
    done = []

    def call(name, error):
        done.append(name)
        if error is not None:
            raise error(name)

    with pytest.raises(first or second):
        side_by_side(lambda: call("a", first), lambda: call("b", second))
    assert sorted(done) == ["a", "b"]


def test_buffers_are_filled_once(monkeypatch):
    calls = []
    monkeypatch.setattr(blas, "side_by_side", lambda *both: calls.append(both))
    write_buffers.cache_clear()
    write_buffers()
    write_buffers()
    assert len(calls) == 1
    for call in calls[0]:
        assert (call() == 384).all()
