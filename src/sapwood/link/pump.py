"""Drives a connection over a port: waits, reads, writes, and opens the line again when it was lost."""

import select
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, Self

from sapwood.errors import LinkFailed
from sapwood.link.connection import Connection
from sapwood.link.events import Event, OtherVersionHeard
from sapwood.link.line import Line
from sapwood.link.ports import Port

__all__ = ["Pump", "User"]

_OPEN_AGAIN: Final = 0.5
_LONGEST_WAIT: Final = 0.5
_AHEAD_SECONDS: Final = 0.02
"""What is handed to a line at once: little, so that the urgent need not wait behind it."""
_MOST_AHEAD: Final = 1 << 16
_LEAST_AHEAD: Final = 256
_QUIET: Final = 0.15
_LONGEST_LINGER: Final = 2.0
_ECHOES: Final = 5


class User(Protocol):
    """Who uses the connection: reacts to events, writes to streams."""

    def handle(self, event: Event) -> None:
        """Take an event."""

    def descriptors(self) -> Iterable[tuple[int, int]]:
        """What to wait for: file descriptors, each with ``select.POLLIN`` or ``POLLOUT``."""

    def move(self, ready: frozenset[int]) -> None:
        """Go on with what can be done without waiting; these descriptors are ready."""


class Pump:
    """One loop for the line and all users.

    Args:
        port: Opens the line.
        connection: What is driven.
        users: Get all events, in this order.
        silence: Seconds without a word from the other end after which to give up; None: never.
        watch: Called a few times a second.
    """

    def __init__(
        self,
        port: Port,
        connection: Connection,
        users: Sequence[User],
        *,
        silence: float | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self._port = port
        self._connection = connection
        self._users = users
        self._silence = silence
        self._watch = watch
        self._line: Line | None = None
        self._heard_at = time.monotonic()
        self._opened_at = -_OPEN_AGAIN
        self._watched_at = 0.0

    def __enter__(self) -> Self:
        """For a block of code."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the line and the port."""
        if self._line is not None:
            self._line.close()
        self._port.close()

    def run(self, is_finished: Callable[[], bool]) -> None:
        """Go on until it is so.

        Raises:
            LinkFailed: The port cannot be opened, or the other end is silent, an echo, or of another version.
        """
        self._heard_at = time.monotonic()
        while not is_finished():
            self._step(_LONGEST_WAIT)
            self._check_silence()

    def linger(self) -> None:
        """Let the last words arrive: until all is acknowledged and it is quiet, two seconds at most."""
        stop = time.monotonic() + _LONGEST_LINGER
        heard, quiet_since = -1, 0.0
        while (now := time.monotonic()) < stop and self._line is not None:
            counts = self._connection.counts
            if counts.frames_received != heard:
                heard, quiet_since = counts.frames_received, now
            if self._connection.is_settled and now - quiet_since >= _QUIET:
                break
            self._step(_QUIET / 3, reopen=False)

    def _step(self, longest: float, *, reopen: bool = True) -> None:
        if self._line is None and reopen:
            self._open()
        now = time.monotonic()
        if self._line is not None:
            self._send(self._line, now)
        ready = self._wait(self._line, longest)
        now = time.monotonic()
        events: list[Event] = []
        if self._line is not None and self._line.reading in ready:
            data = self._line.read()
            if data is None:
                self._lose_line()
            elif data:
                before = self._connection.counts.frames_received
                events = self._connection.receive_bytes(now, data)
                if self._connection.counts.frames_received != before:
                    self._heard_at = now
        events += self._connection.tick(now)
        for event in events:
            if isinstance(event, OtherVersionHeard):
                raise LinkFailed(
                    "the other end speaks another version of the link",
                    path=self._port.name,
                    found=event.version,
                    advice="Bring both ends to the same version of Sapwood.",
                )
            for user in self._users:
                user.handle(event)
        for user in self._users:
            user.move(ready)
        if now - self._watched_at >= 0.1:
            self._watched_at = now
            self._watch()

    def _open(self) -> None:
        pause = self._opened_at + _OPEN_AGAIN - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        self._opened_at = time.monotonic()
        self._line = self._port.open(_OPEN_AGAIN)

    def _send(self, line: Line, now: float) -> None:
        rate = self._port.rate
        ahead = _MOST_AHEAD if rate is None else max(_LEAST_AHEAD, int(rate * _AHEAD_SECONDS))
        data = b""
        if line.waiting < ahead:
            data = self._connection.data_to_send(now, ahead)
        if not line.write(data):
            self._lose_line()

    def _wait(self, line: Line | None, longest: float) -> frozenset[int]:
        poll = select.poll()
        if line is not None:
            poll.register(line.reading, select.POLLIN)
            if line.waiting:
                poll.register(
                    line.writing, select.POLLOUT | (select.POLLIN if line.writing == line.reading else 0)
                )
        for user in self._users:
            for descriptor, mask in user.descriptors():
                poll.register(descriptor, mask)
        timeout = longest
        deadline = self._connection.deadline(can_write=line is not None and not line.waiting)
        if deadline is not None:
            timeout = min(longest, max(0.0, deadline - time.monotonic()))
        return frozenset(descriptor for descriptor, _ in poll.poll(timeout * 1000))

    def _lose_line(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _check_silence(self) -> None:
        if self._connection.echoes >= _ECHOES and self._connection.peer is None:
            raise LinkFailed(
                "the line gives back what is sent, and nobody else is heard",
                path=self._port.name,
                advice="Switch off the echo, or connect the other end.",
            )
        silent = time.monotonic() - self._heard_at
        if self._silence is not None and silent > self._silence:
            raise LinkFailed(
                f"the other end was not heard for {silent:.0f} seconds",
                path=self._port.name,
                advice="Check the cable, the speed of both ends, and that the other end runs.",
            )
