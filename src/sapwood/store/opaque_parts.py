"""Bytes of no known type -> parts: arrays found by content, runs that the base holds, and what is new."""

from collections.abc import Iterator
from typing import Final

from sapwood.codec.block import MAX_BLOCK
from sapwood.formats.model import Model, model_of_views
from sapwood.patch.jobs import jobs
from sapwood.patch.plan import plan
from sapwood.store.part import Part, Run

__all__ = ["opaque_parts"]

# Runs and literals of one splice.
_MOST_RUNS: Final = 1 << 14


def opaque_parts(target: memoryview, base: memoryview | None) -> list[Part]:
    """The parts that ``target`` is coded in against ``base``, or alone."""
    old = Model("", False, ()) if base is None else model_of_views({"": base}, is_folder=False, layouts=False)
    new = model_of_views({"": target}, is_folder=False, layouts=False)
    found: list[Part] = []
    splice = _Gathered()
    for job in jobs(plan(old, new), [0], lambda _at: 0 if base is None else len(base)):
        if job.element is not None:
            found += splice.close()
            found.append(Part(job.start, job.length, job.base, job.element))
        else:
            found += splice.add(job.start, job.length, job.base)
    return found + list(splice.close())


class _Gathered:
    """Runs in a row, which become splices of at most MAX_BLOCK bytes."""

    def __init__(self) -> None:
        self._start = self._length = 0
        self._runs: list[Run] = []

    def add(self, start: int, length: int, base: int | None) -> Iterator[Part]:
        """One more run, behind the last; what is full by then is given out."""
        done = 0
        while done < length:
            take = min(length - done, MAX_BLOCK - self._length)
            if take == 0 or len(self._runs) >= _MOST_RUNS:
                yield from self.close()
                continue
            if not self._runs:
                self._start = start + done
            self._runs.append(Run(take, None if base is None else base + done))
            self._length += take
            done += take

    def close(self) -> Iterator[Part]:
        """What is gathered, as a part."""
        if self._runs:
            yield Part(self._start, self._length, None, None, runs=tuple(self._runs))
        self._length = 0
        self._runs = []
