"""One end of a link, ready to run: a connection, what it sends, where it puts what it receives."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Self

from sapwood.bytecoder import general
from sapwood.errors import BrokenStream, SapwoodError, StreamRefused
from sapwood.link.connection import Connection
from sapwood.link.events import Event, SessionBegan
from sapwood.link.frames import Result
from sapwood.link.model_folder import ModelFolder
from sapwood.link.ports import Port
from sapwood.link.pump import Pump, User
from sapwood.link.pushing import Push, Pushing
from sapwood.link.receiving import Arrival, Place, Receiving
from sapwood.link.settings import Settings

__all__ = ["Station", "failure_of_arrival", "failure_of_push"]

_FAST: Final = 100_000
_FAST_MTU: Final = 4096
_SLOW_MTU: Final = 1024


class Station:
    """Sends and receives over a port, in one loop.

    Args:
        port: Opens the line.
        place: Decides where streams go that the other end offers; None: none are taken.
        models: Where trained models of the byte coder go that come; None: they are refused.
        settings: The limits of this end. The line's rate is the port's, if it knows one.
        silence: Seconds without a word from the other end after which to give up; None: never.
        watch: Called a few times a second, with the station.

    Attributes:
        connection: Its counts tell what went over the line.
        pushing: What is sent.
        receiving: What is received, if anything is.
        seconds: How long ``run`` took, from when the other end was there.
    """

    def __init__(
        self,
        port: Port,
        *,
        place: Place | None = None,
        models: ModelFolder | None = None,
        settings: Settings | None = None,
        silence: float | None = None,
        watch: "Callable[[Station], None]" = lambda _: None,
    ) -> None:
        if settings is None:
            slow = port.rate is not None and port.rate < _FAST
            settings = Settings(mtu=_SLOW_MTU if slow else _FAST_MTU)
        settings = replace(settings, line_rate=port.rate)
        if place is None:
            settings = replace(settings, streams=0)
        elif not settings.models:
            settings = replace(settings, models=(general().identity,))
        self.connection = Connection(settings)
        self.pushing = Pushing(self.connection)
        self.receiving = Receiving(place, models) if place else None
        self.seconds = 0.0
        self._linked_at: float | None = None
        users: list[User] = [self, self.pushing]
        if self.receiving is not None:
            users.append(self.receiving)
        self._pump = Pump(port, self.connection, users, silence=silence, watch=lambda: watch(self))

    def __enter__(self) -> Self:
        """For a block of code."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give back the line and all files; what came so far is kept for the next time."""
        self._pump.__exit__()
        self.pushing.close()
        if self.receiving is not None:
            self.receiving.close()

    def run(self, is_finished: Callable[[], bool]) -> None:
        """Go on until it is so, and until the other end knows.

        Raises:
            LinkFailed: The port cannot be opened, or the other end is silent, an echo, or of another version.
        """
        try:
            self._pump.run(is_finished)
        finally:
            if self._linked_at is not None:
                self.seconds = time.monotonic() - self._linked_at
        self._pump.linger()

    def handle(self, event: Event) -> None:
        """Note when the other end came."""
        if isinstance(event, SessionBegan) and self._linked_at is None:
            self._linked_at = time.monotonic()

    def descriptors(self) -> Iterable[tuple[int, int]]:
        """None of its own."""
        return ()

    def move(self, ready: frozenset[int]) -> None:
        """Its parts do."""


def failure_of_push(push: Push) -> SapwoodError | None:
    """Why a stream did not get across, as an error to raise."""
    if push.result == Result.WHOLE:
        return None
    if push.failure is not None:
        return push.failure
    text = f": {push.text}" if push.text else ""
    match push.result:
        case Result.REFUSED:
            return StreamRefused(f"the other end refused it{text}", path=push.name)
        case Result.NO_MODEL:
            return StreamRefused(f"the other end cannot decode it{text}", path=push.name)
        case Result.WRONG_DIGEST:
            return BrokenStream("it arrived with another digest, twice", path=push.name)
        case Result.BROKE_OFF:
            return BrokenStream("the other end asked for bytes that are not here any more", path=push.name)
        case Result.FAILED:
            return StreamRefused(f"the other end failed{text}", path=push.name)
        case code:
            return StreamRefused(f"the device did not take it{text}", path=push.name, found=code)


def failure_of_arrival(arrival: Arrival) -> SapwoodError | None:
    """Why a stream did not come whole, as an error to raise."""
    name = arrival.opening.name or None
    if arrival.result == Result.WHOLE:
        return None
    if arrival.failure is not None:
        return arrival.failure
    if arrival.result == Result.WRONG_DIGEST:
        return BrokenStream("what came has another digest than was sent", path=name)
    return BrokenStream("the sender broke off", path=name)
