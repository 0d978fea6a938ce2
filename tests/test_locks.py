"""What a finalizer wants of perfkit waits while perfkit is at work in the same thread."""

from __future__ import annotations

import threading

import pytest

from perfkit.locks import Lock, put_off


def test_nothing_is_put_off_while_nothing_is_done() -> None:
    done: list[int] = []
    assert not put_off(done.append, 1)
    assert done == []


def test_what_is_put_off_is_done_in_order_when_the_outermost_work_ends() -> None:
    done: list[int] = []
    lock = Lock()
    with lock:
        assert put_off(done.append, 1)
        with lock, Lock():
            assert put_off(done.append, 2)
        assert done == []
    assert done == [1, 2]


def test_what_is_put_off_may_take_the_lock_and_put_off_more() -> None:
    done: list[str] = []
    lock = Lock()

    def late() -> None:
        with lock:
            put_off(done.append, "later still")
            done.append("late")

    with lock:
        put_off(late)
    assert done == ["late", "later still"]


def test_work_that_fails_does_what_was_put_off_all_the_same() -> None:
    done: list[int] = []

    def fail() -> None:
        with Lock():
            put_off(done.append, 1)
            _ = 1 / len([])

    with pytest.raises(ZeroDivisionError):
        fail()
    assert done == [1]


def test_another_thread_is_not_at_work() -> None:
    answers: list[bool] = []
    with Lock():
        thread = threading.Thread(target=lambda: answers.append(put_off(print)))
        thread.start()
        thread.join()
    assert answers == [False]


def test_it_keeps_other_threads_out() -> None:
    lock, entered = Lock(), threading.Event()

    def enter() -> None:
        with lock:
            entered.set()

    thread = threading.Thread(target=enter)
    with lock:
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(20)
    thread.join()


class _Interrupted:
    """A lock that a signal handler interrupts while it is taken."""

    def acquire(self) -> None:
        raise KeyboardInterrupt

    def release(self) -> None:
        raise RuntimeError("cannot release un-acquired lock")


def test_an_interrupt_while_a_lock_is_taken_leaves_nothing_at_work() -> None:
    lock = Lock()
    lock._lock = _Interrupted()  # type: ignore[assignment]  # what cannot be timed
    with pytest.raises(KeyboardInterrupt), lock:
        pass
    assert not put_off(print)
