"""A connection as a protocol of asyncio, over a socket or any pair of file descriptors."""

import asyncio
import os
from collections.abc import Callable
from typing import Final

from sapwood.link.connection import Connection
from sapwood.link.escape import Unescaper, escape
from sapwood.link.events import Event

__all__ = ["AsyncioLink", "over_descriptors"]

_AHEAD: Final = 1 << 14
"""Bytes handed to a transport at once: it tells when it has too many, so that no more need be taken ahead."""


class AsyncioLink(asyncio.Protocol):
    """For ``loop.create_connection``, ``loop.create_server`` or ``over_descriptors``.

    Args:
        connection: Is driven; it may outlive this protocol, on the next line.
        handle: Gets each event.
        feed: Writes to streams that have room; called whenever something may be sent. After writing to a
            stream elsewhere, call ``wake``.
        escaped: Whether the line takes 0x11 and 0x13 for its flow control.

    Attributes:
        closed: Done when the line is gone; never an error.
    """

    def __init__(
        self,
        connection: Connection,
        handle: Callable[[Event], None],
        feed: Callable[[], None] = lambda: None,
        *,
        escaped: bool = False,
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._unescaper = Unescaper() if escaped else None
        self._transport: asyncio.WriteTransport | None = None
        self._transports: list[asyncio.BaseTransport] = []
        self._timer: asyncio.TimerHandle | None = None
        self._can_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak, once there is where to write."""
        self._transports.append(transport)
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport
            self.wake()

    def data_received(self, data: bytes) -> None:
        """Hear the other end."""
        if self._unescaper is not None:
            data = self._unescaper.feed(data)
        self._take(self._connection.receive_bytes(self._loop.time(), data))
        self.wake()

    def pause_writing(self) -> None:
        """The transport holds enough."""
        self._can_write = False

    def resume_writing(self) -> None:
        """The transport takes more."""
        self._can_write = True
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  a line may end in any way
        """The line is gone; the session may go on over another."""
        if self._timer is not None:
            self._timer.cancel()
        self.close()
        if not self.closed.done():
            self.closed.set_result(None)

    def wake(self) -> None:
        """Send what there is to be sent, and look at the clock."""
        if self._transport is None:
            return
        now = self._loop.time()
        self._take(self._connection.tick(now))
        while self._can_write:
            self._feed()
            data = self._connection.data_to_send(now, _AHEAD)
            if not data:
                break
            self._transport.write(escape(data) if self._unescaper else data)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._connection.deadline(can_write=self._can_write)
        self._timer = None if deadline is None else self._loop.call_at(deadline, self.wake)

    def close(self) -> None:
        """Give up the line."""
        self._transport = None
        while self._transports:
            self._transports.pop().close()

    def _take(self, events: list[Event]) -> None:
        for event in events:
            self._handle(event)


async def over_descriptors(link: AsyncioLink, reading: int, writing: int) -> AsyncioLink:
    """Run it over a terminal, a serial device or two pipes; the descriptors are then its own.

    They may be the same: then each transport gets a copy.
    """
    loop = asyncio.get_running_loop()
    if writing == reading:
        writing = os.dup(reading)
    await loop.connect_read_pipe(lambda: link, os.fdopen(reading, "rb", buffering=0))
    await loop.connect_write_pipe(lambda: link, os.fdopen(writing, "wb", buffering=0))
    return link
