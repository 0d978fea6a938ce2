"""What a finalizer wants of perfkit waits while perfkit is at work in the same thread."""

from __future__ import annotations

import threading

import pytest

from perfkit.reentrancy import busy, defer, thread_state


def test_nothing_is_put_off_while_nothing_is_done() -> None:
    done: list[int] = []
    assert not defer(done.append, 1)
    assert done == []


def test_what_is_put_off_is_done_in_order_when_the_outermost_work_ends() -> None:
    done: list[int] = []
    with busy:
        assert defer(done.append, 1)
        with busy:
            assert defer(done.append, 2)
        assert done == []
    assert done == [1, 2]


def test_what_is_put_off_may_take_the_lock_and_put_off_more() -> None:
    done: list[str] = []
    lock = threading.RLock()

    def late() -> None:
        with busy, lock:
            defer(done.append, "later still")
            done.append("late")

    with busy, lock:
        defer(late)
    assert done == ["late", "later still"]


def test_work_that_fails_does_what_was_put_off_all_the_same() -> None:
    done: list[int] = []

    def fail() -> None:
        with busy:
            defer(done.append, 1)
            _ = 1 / len([])

    with pytest.raises(ZeroDivisionError):
        fail()
    assert done == [1]


def test_another_thread_is_not_at_work() -> None:
    answers: list[bool] = []
    with busy:
        thread = threading.Thread(target=lambda: answers.append(defer(print)))
        thread.start()
        thread.join()
    assert answers == [False]


def test_what_never_ended_because_a_signal_handler_raised_is_forgotten() -> None:
    def begin() -> None:
        busy.__enter__()
        assert defer(print)
        thread_state.later.clear()

    begin()
    assert not defer(print)
    assert not thread_state.frames
