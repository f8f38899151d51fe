"""Jobs in another thread: in order, bounded, and never failing in silence."""

import subprocess
import sys
import threading

import pytest

from sapwood.train.background import Background


def test_jobs_run_in_order_and_all_before_close_returns() -> None:
    done: list[int] = []
    background = Background(waiting=2, name="test")
    for number in range(20):
        background.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    background.close(lambda: done.append(-1))
    assert done == [*range(20), -1]


def test_no_more_wait_than_may() -> None:
    gate, second = threading.Event(), threading.Event()
    background = Background(waiting=1, name="test")

    def wait_for_gate() -> None:
        gate.wait(10)

    def submit_third() -> None:
        background.submit(lambda: None)
        second.set()

    background.submit(wait_for_gate)
    background.submit(lambda: None)
    third = threading.Thread(target=submit_third)
    third.start()
    assert not second.wait(0.2), "one runs, one waits: the third has to be waited for"
    gate.set()
    assert second.wait(10)
    third.join()
    background.close()


def fail() -> None:
    raise OSError("disk full")


def test_an_error_comes_out_at_the_next_call_and_ends_the_work() -> None:
    done: list[str] = []
    background = Background(waiting=2, name="test")
    background.submit(fail)
    with pytest.raises(OSError, match="disk full"):
        background.wait()
    with pytest.raises(OSError, match="disk full"):
        background.submit(lambda: done.append("after"))
    background.close(lambda: done.append("closed"))
    assert done == ["closed"]


def test_an_error_that_nobody_heard_of_comes_out_at_the_end() -> None:
    background = Background(waiting=1, name="test")
    background.submit(fail)
    with pytest.raises(OSError, match="disk full"):
        background.close()


def test_what_was_taken_is_done_though_the_program_just_ends() -> None:
    code = """
import time
from sapwood.train.background import Background
background = Background(waiting=1, name="test")
background.submit(lambda: (time.sleep(0.3), print("done", flush=True)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "done\n"
