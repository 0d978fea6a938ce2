"""Forks, workers, signals and exits: no process hangs, complains, or ends otherwise than without.

Each test runs a program of its own, as an application would be.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.programs import ROOT, Ended, assert_quiet, run, start, whole
from tests.processes import environment

_HAS_FORK = hasattr(os, "fork")
pytestmark = pytest.mark.skipif(not _HAS_FORK, reason="needs os.fork and signals")


def test_prefork_workers_account_for_their_own() -> None:
    """As gunicorn does: the master configures, forks, and forks again when a worker ends."""
    ended = run("""
        hearing, sleeping = Hearing(), Sleeping()
        configure(hearing, Raising(), sleeping)
        break_budgets(10)                       # so that the threads run in the master
        for generation in range(3):
            workers = []
            for _ in range(4):
                reading, writing = os.pipe()
                pid = os.fork()
                if pid == 0:
                    hearing.heard.clear()
                    Fault.after_fork_in_child(sleeping)
                    break_budgets(100)
                    sleeping.let_go()
                    flushed = perfkit.flush_sinks(50)
                    report = [flushed, len(hearing.heard), accounts()]
                    os.write(writing, json.dumps(report).encode())
                    os._exit(0)
                os.close(writing)
                workers.append((pid, reading))
            for pid, reading in workers:
                os.waitpid(pid, 0)
                tell(json.loads(os.read(reading, 65536)))
        sleeping.let_go()
        tell([perfkit.flush_sinks(50), len(hearing.heard), accounts()])
    """)
    assert ended.code == 0, ended.errors
    *workers, master = ended.told
    assert len(workers) == 12
    for flushed, heard, accounts in workers:
        assert flushed
        assert heard == 100
        assert accounts["Hearing"] == [100, 100, 0, 0, 0]
        assert accounts["Raising"] == [100, 0, 0, 100, 0]
        assert accounts["Sleeping"] == [100, 100, 0, 0, 0]
    assert master[:2] == [True, 10]
    assert master[2]["Hearing"] == [10, 10, 0, 0, 0]


def _run_file(program: str, folder: Path) -> Ended:
    """Run a program from a file, which the children of `multiprocessing` import."""
    path = folder / "program.py"
    path.write_text(whole(program))
    python_path = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    process = subprocess.Popen(
        [sys.executable, "-Wignore::DeprecationWarning", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env=environment(PYTHONPATH=os.pathsep.join(python_path)),
    )
    return Ended(process)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method: str, tmp_path: Path) -> None:
    ended = _run_file(
        f"""
        def work(number):
            configure(Hearing(), Raising(), Recursing(is_alone=True))
            break_budgets(50)
            return [perfkit.flush_sinks(50), accounts()]

        if __name__ == "__main__":
            configure(Hearing(), *dead())
            break_budgets(10)
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                for report in pool.map(work, range(4), chunksize=1):
                    tell(report)
            sys.stdout.flush()
    """,
        tmp_path,
    )
    assert ended.code == 0, ended.errors
    assert len(ended.told) == 4
    for flushed, accounts in ended.told:
        assert flushed
        assert all(stats[-1] == 0 for stats in accounts.values())
        raised, delivered, *_ = accounts["Hearing"]
        assert raised == delivered > 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_waits_at_the_end_of_a_worker_is_delivered(method: str, tmp_path: Path) -> None:
    """A child that `multiprocessing` ends runs no atexit hooks, and so flushes by itself."""
    heard = tmp_path / "heard"
    ended = _run_file(
        f"""
        def slow(violation):
            time.sleep(0.02)
            with open({str(heard)!r}, "a") as file:
                file.write("heard\\n")

        def work():
            configure(slow)
            break_budgets(5)

        if __name__ == "__mp_main__":  # a worker imports this file before it knows its parent
            configure(Hearing())
            break_budgets(1)

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            workers = [context.Process(target=work) for _ in range(3)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            tell([worker.exitcode for worker in workers])
    """,
        tmp_path,
    )
    assert ended.told == [[0, 0, 0]], ended.errors
    assert heard.read_text().split() == ["heard"] * 15


def test_forks_while_eight_threads_break_budgets() -> None:
    ended = run("""
        hearing = Hearing()
        configure(hearing, Raising(), Recursing(is_alone=True), *dead())
        work_once()
        stop = threading.Event()
        def violate():
            while not stop.is_set():
                break_budgets(1)
        threads = [threading.Thread(target=violate) for _ in range(8)]
        for thread in threads:
            thread.start()
        codes = []
        for _ in range(30):
            pid = os.fork()
            if pid == 0:
                hearing.heard.clear()
                break_budgets(20)
                for _ in range(5000):
                    if len(hearing.heard) == 20:
                        break
                    time.sleep(0.01)
                is_right = accounts()["Hearing"] == [20, 20, 0, 0, 0]
                os._exit(0 if is_right else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stop.set()
        for thread in threads:
            thread.join()
        tell(codes)
    """)
    assert ended.code == 0, ended.errors
    assert ended.told == [[0] * 30]
    assert_quiet(ended)


# -- signals


def _ended_by_sigterm(program: str) -> Ended:
    process = start(program)
    assert process.stdout is not None
    assert process.stdout.readline() == '"ready"\n'
    process.send_signal(signal.SIGTERM)
    return Ended(process)


@pytest.mark.parametrize("code", [0, 3])
def test_a_handler_of_sigterm_that_exits_delivers_what_waits(code: int, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    ended = _ended_by_sigterm(f"""
        from perfkit.sinks import JsonLinesSink
        signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))
        configure(JsonLinesSink({str(path)!r}))
        break_budgets(200)
        tell("ready")
        while True:
            time.sleep(0.01)
    """)
    assert ended.code == code
    assert ended.errors == ""
    assert path.read_text().count("\n") == 200


def test_a_handler_of_sigterm_that_flushes_delivers_what_waits(tmp_path: Path) -> None:
    """Also where it interrupts a call in the middle of breaking its budget."""
    path = tmp_path / "lines.jsonl"
    ended = _ended_by_sigterm(f"""
        from perfkit.sinks import JsonLinesSink
        def end(*_):
            perfkit.flush_sinks(50)
            (raised, delivered, _, dropped, waiting), = accounts().values()
            tell([raised, delivered, dropped, waiting])
            os._exit(0)
        signal.signal(signal.SIGTERM, end)
        configure(JsonLinesSink({str(path)!r}))
        break_budgets(100)
        tell("ready")
        while True:
            break_budgets(1)
    """)
    assert ended.code == 0, ended.errors
    ((raised, delivered, dropped, waiting),) = ended.told
    assert waiting <= 1, "but for the one that was being counted when the signal came"
    assert raised == delivered + dropped + waiting
    assert path.read_text().count("\n") == delivered > 0


def test_an_unhandled_sigterm_ends_the_process_as_without_perfkit() -> None:
    ended = _ended_by_sigterm("""
        configure(*dead())
        break_budgets(200)
        tell("ready")
        time.sleep(1000)
    """)
    assert ended.code == -signal.SIGTERM
    assert_quiet(ended)


# -- the end


def test_the_exit_code_with_dead_backends_is_that_without_perfkit() -> None:
    """All at once, as each waits for its dead backends as long as an exit may."""
    codes = {"pass": 0, "sys.exit(7)": 7, "os._exit(5)": 5, "raise SystemExit('bye')": 1}
    program = """
        logging.getLogger("perfkit").disabled = True
        configure(*dead())
        break_budgets(1000)
        {end}
    """
    processes = {end: start(program.format(end=end)) for end in codes}
    ended = {end: Ended(process) for end, process in processes.items()}
    assert {end: each.code for end, each in ended.items()} == codes
    assert [each.errors for each in ended.values()] == ["", "", "", "bye\n"]


def test_what_did_not_arrive_is_told_at_the_exit() -> None:
    ended = run("""
        configure(Sleeping())
        break_budgets(100)
    """)
    assert ended.code == 0
    lost = "100 violations did not reach their sinks before the process ended (Sleeping: 100)"
    assert lost in ended.errors
    assert_quiet(ended)


def test_the_exception_that_ends_the_process_is_the_only_one_shown() -> None:
    ended = run("""
        # What threads log would come between the pieces in which Python prints a traceback.
        logging.getLogger("perfkit").addHandler(logging.NullHandler())
        configure(Raising(), *dead())
        break_budgets(100)
        raise KeyError("its own")
    """)
    assert ended.code == 1
    assert ended.errors.count("Traceback") == 1
    assert "KeyError: 'its own'" in ended.errors


_DAEMONS = """
    configure({sinks})
    def violate():
        while True:
            break_budgets(1)
    for _ in range(8):
        threading.Thread(target=violate, daemon=True).start()
    time.sleep(0.2)
    sys.exit(4)
"""
_HOOKS_BEFORE_AND_AFTER = """
    import atexit
    atexit.register(break_budgets, 5)
    configure(Hearing(), *dead())
    break_budgets(5)
    atexit.register(break_budgets, 5)
    sys.exit(4)
"""
_FINALIZER_AT_THE_VERY_END = """
    @perfkit.timed("late", threshold="0s")
    def call():
        pass
    class Late:
        def __del__(self):
            call()
    late = Late()
    late.itself = late
    configure(Hearing())
    call()
    sys.exit(4)
"""


@pytest.mark.parametrize(
    "program",
    [
        _DAEMONS.format(sinks="Hearing()"),
        _DAEMONS.format(sinks="*dead(), Raising(), Recursing(), Hearing()"),
        _HOOKS_BEFORE_AND_AFTER,
        _FINALIZER_AT_THE_VERY_END,
    ],
    ids=["daemons", "daemons and faulty sinks", "atexit", "finalizer"],
)
def test_violations_during_the_exit_do_not_disturb_it(program: str) -> None:
    ended = run(program)
    assert ended.code == 4, ended.errors
    assert_quiet(ended)


def test_a_fork_of_a_process_with_dead_backends_ends_at_once() -> None:
    """What waits is the parent's, so a child has nothing to wait for."""
    ended = run("""
        configure(*dead())
        break_budgets(100)
        pid = os.fork()
        if pid == 0:
            import atexit
            atexit.register(lambda: tell(accounts()))
            sys.exit(0)
        tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os._exit(0)
    """)
    assert ended.code == 0, ended.errors
    child, code = ended.told
    assert code == 0
    assert all(stats == [0, 0, 0, 0, 0] for stats in child.values())
