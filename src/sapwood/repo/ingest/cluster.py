"""Tasks on a Ray cluster. Ray runs a task again whose machine died; the tasks are made for that."""

import socket
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from sapwood.errors import MissingDependency, SapwoodError, Unavailable
from sapwood.repo.ingest.bases import Earlier
from sapwood.repo.ingest.task import Destination, Job, Sketched, TakenIn, sketch, take_in
from sapwood.store.kinds import Digest

__all__ = ["Cluster", "Running", "run_sketch", "run_take_in"]

# Ray starts on this machine, for as long as the cluster is used.
_LOCAL: Final = "local"
_CONNECT_SECONDS: Final = 10.0
# After so many deaths of its process a model is told as failed: it may be what kills it.
_RETRIES: Final = 3

Running = Any
"""A task that was begun: one of Ray's object references, which it can wait for and pass on."""


class Cluster:
    """A cluster in use; a context manager."""

    def __init__(self, address: str) -> None:
        """Connect: ``local``, ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.

        Raises:
            MissingDependency: Ray is not installed. Unavailable: There is no cluster at the address.
        """
        try:
            import ray  # noqa: PLC0415  an optional package
        except ImportError as error:
            raise MissingDependency(
                "Ray is not installed", advice="Install it with: pip install 'sapwood[ray]'"
            ) from error
        self._ray = ray
        self._owns = not ray.is_initialized()
        try:
            _look_for(address)
            if self._owns:
                ray.init(
                    address=address,
                    log_to_driver=False,
                    include_dashboard=False if address == _LOCAL else None,
                    configure_logging=False,
                )
        except (OSError, ValueError, OverflowError, RuntimeError) as error:
            raise Unavailable(
                f"no Ray cluster: {error}", path=address, advice="Start one with ray start."
            ) from error
        self._sketch = ray.remote(num_cpus=1, max_retries=_RETRIES)(run_sketch)
        self._take_in = ray.remote(max_retries=_RETRIES)(run_take_in)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owns:
            self._ray.shutdown()

    def sketch(self, job: Job) -> Running:
        """Begin ``task.sketch``."""
        return self._sketch.remote(job)

    def take_in(
        self,
        job: Job,
        to: Destination,
        known: Mapping[str, Digest],
        kin: Mapping[str, Digest | Earlier],
        before: Mapping[int, Running],
    ) -> Running:
        """Begin ``task.take_in`` once the models in ``before``, by their numbers, have been taken in."""
        numbers = sorted(before)
        return self._take_in.options(num_cpus=to.threads).remote(
            job, to, dict(known), dict(kin), numbers, *(before[number] for number in numbers)
        )

    def wait(self, running: Sequence[Running]) -> list[Running]:
        """Those that have ended, at least one."""
        ready, _ = self._ray.wait(list(running), num_returns=1)
        return list(ready)

    def result(self, ended: Running) -> Any:
        """What a task returned; an error if its process, or that of one it waited for, died each time.

        Raises:
            Unavailable: The cluster failed.
        """
        known = self._ray.exceptions
        try:
            return self._ray.get(ended)
        except (known.WorkerCrashedError, known.NodeDiedError, known.OutOfMemoryError) as error:
            return Unavailable(f"a task died on the cluster: {_first_line(error)}")
        except known.RayError as error:
            raise Unavailable(f"the cluster failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _look_for(address: str) -> None:
    """Ray itself waits for minutes where nobody listens."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()


def run_sketch(job: Job) -> Sketched | SapwoodError:
    """``task.sketch`` on a machine; errors are told and not raised, so that Ray does not try again."""
    try:
        return sketch(job)
    except SapwoodError as error:
        return error


def run_take_in(
    job: Job,
    to: Destination,
    known: dict[str, Digest],
    kin: dict[str, Digest | Earlier],
    numbers: list[int],
    *before: TakenIn | SapwoodError,
) -> TakenIn | SapwoodError:
    """``task.take_in`` on a machine; a model whose base failed is coded without one."""
    there = {
        Earlier(number, file.entry.path): file.entry.recipe
        for number, one in zip(numbers, before, strict=True)
        if isinstance(one, TakenIn)
        for file in one.files
    }
    found = {path: there.get(base) if isinstance(base, Earlier) else base for path, base in kin.items()}
    try:
        return take_in(job, to, known, {path: base for path, base in found.items() if base is not None})
    except SapwoodError as error:
        return error
