"""The threads of one call: work in order with little of it under way at once, and work beside it."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from sapwood.errors import WrongCall

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Workers", "thread_count"]

# Threads of coding that take as long as one that hashes what they code.
_CODING: Final = 16

T = TypeVar("T")
R = TypeVar("R")


def thread_count(threads: int | None) -> int:
    """``threads``, or as many as this process may use."""
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise WrongCall("threads are counted from 1", found=threads)
    return threads


class Workers:
    """Some threads, or none: with a count of one, all is done by whoever asks, in the same order.

    What depends on other work must not be given to the threads that do that work: they would wait for ever.
    """

    def __init__(self, threads: int) -> None:
        """Threads start with the first work."""
        self.threads = threads
        # A digest beside coding keeps pace with more than this many threads of it.
        self.hashing = 1 + threads // _CODING
        self._begun: ThreadPoolExecutor | None = None
        self._ended = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What has begun is waited for; what has not is dropped."""
        with self._lock:
            self._ended = True
        if self._begun is not None:
            self._begun.shutdown(cancel_futures=True)

    def _pool(self) -> "ThreadPoolExecutor | None":
        if self.threads <= 1:
            return None
        with self._lock:
            if self._begun is None:
                # Who gives no work waits for neither threads nor their module.
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

                self._begun = ThreadPoolExecutor(self.threads, thread_name_prefix="sapwood")
                if self._ended:
                    self._begun.shutdown()
            return self._begun

    def begin(self, work: Callable[[], R]) -> "Future[R]":
        """``work``, beside whatever else is done; without threads it is finished at once."""
        pool = self._pool()
        if pool is not None:
            return pool.submit(work)
        from concurrent.futures import Future  # noqa: PLC0415

        done: Future[R] = Future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  whoever asks for the result gets it
            done.set_exception(error)
        return done

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``map(work, items)``, in order. At most four results a thread wait, which bounds memory."""
        pool = self._pool()
        if pool is None:
            yield from map(work, items)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 4 * self.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
