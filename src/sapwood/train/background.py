"""One thread that works through jobs, a bounded number of them waiting."""

import atexit
import queue
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["Background"]

Job = Callable[[], None]
_END: Final[None] = None


class Background:
    """Runs jobs in order, in a thread of its own.

    A job that fails ends all work: its error is raised in the thread that uses this, at the next call of any
    method, and jobs that wait are not run. Whatever is taken is done before the interpreter ends.
    """

    def __init__(self, *, waiting: int, name: str) -> None:
        """``waiting`` jobs may wait while one runs."""
        self._jobs: queue.Queue[Job | None] = queue.Queue(waiting)
        self._error: BaseException | None = None
        self._told = False
        self._last: Job = lambda: None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        # Daemon threads are killed at the end of the interpreter; this comes before.
        atexit.register(self._finish)

    def submit(self, job: Job) -> None:
        """Take a job; waits while as many as may wait do so. Raises what an earlier job raised."""
        self._raise()
        self._jobs.put(job)
        self._raise()

    def wait(self) -> None:
        """Wait until all jobs are done. Raises what one raised."""
        self._jobs.join()
        self._raise()

    def close(self, last: Job = lambda: None) -> None:
        """Do what waits, then ``last`` in any case; raises what a job raised unless that was told."""
        self._last = last
        self._finish()
        atexit.unregister(self._finish)
        if not self._told:
            self._raise()

    def _finish(self) -> None:
        if self._thread.is_alive():
            self._jobs.put(_END)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            self._told = True
            raise self._error

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                if job is _END:
                    self._last()
                    return
                if self._error is None:
                    job()
            except BaseException as error:  # noqa: BLE001  it is raised again where it can be handled
                self._error = self._error or error
            finally:
                self._jobs.task_done()
