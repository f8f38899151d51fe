"""Takes the streams that the other end offers, each into a sink, and remembers how each ended."""

import os
import select
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sapwood.bytecoder.known import Priors
from sapwood.errors import BadData, SapwoodError, WrongByteModel
from sapwood.link.events import Event, Failed, Offered, Received, SessionEnded, Whole
from sapwood.link.frames import Coding, Open, Result, StreamType
from sapwood.link.incoming import IncomingStream
from sapwood.link.model_folder import ModelFolder
from sapwood.link.sink import Sink

__all__ = ["Arrival", "Place", "Receiving", "Refusal"]

_MOST_IDLE: Final = 32


class Refusal(Exception):
    """Why a stream is not taken, for the other end to read."""


Place = Callable[[Open, Priors], Sink | None]
"""Finds the sink of a stream; None if all of it is here already. Raises ``Refusal`` or ``SapwoodError``.

It is given the trained models that a coded stream may need.
"""


@dataclass
class Arrival:
    """One stream that came, or comes."""

    opening: Open
    received: int = 0
    """Bytes of the stream that are here."""
    result: int | None = None
    """See ``Result``; None while it comes."""
    text: str = ""
    failure: SapwoodError | None = None
    """Why this end could not take it."""


class Receiving:
    """A user of a connection that receives.

    Args:
        place: Decides where each stream goes that is no trained model of the byte coder.
        models: Where those go; None: they are refused.
    """

    def __init__(self, place: Place, models: ModelFolder | None) -> None:
        self.arrivals: list[Arrival] = []
        self._place = place
        self._models = models
        self._open: dict[IncomingStream, tuple[Sink, Arrival]] = {}
        self._ended: set[IncomingStream] = set()
        self._idle: dict[tuple[bytes, str], tuple[Sink, Arrival]] = {}
        self._worker = ThreadPoolExecutor(1)
        self._finishing: dict[Future[None], IncomingStream] = {}
        self._woken, self._wake = os.pipe()

    @property
    def is_busy(self) -> bool:
        """Whether a stream is coming."""
        return bool(self._open)

    def handle(self, event: Event) -> None:
        """Take an event."""
        match event:
            case Offered(stream):
                self._offered(stream)
            case Received(stream, _, content) if stream in self._open:
                self._write(stream, content)
            case Whole(stream) if stream in self._open:
                self._ended.add(stream)
            case Failed(stream, result, text) if stream in self._open:
                sink, arrival = self._open.pop(stream)
                arrival.result, arrival.text = result, text
                _give_up(sink, stream.opening, result)
            case SessionEnded():
                self._suspend()
            case _:
                pass

    def descriptors(self) -> Iterator[tuple[int, int]]:
        """Sinks that have something to write, and the sign that one has finished."""
        yield self._woken, select.POLLIN
        for sink, _ in self._open.values():
            yield from sink.descriptors()

    def move(self, ready: frozenset[int]) -> None:
        """Drain the sinks, finish what has ended."""
        for stream, (sink, arrival) in list(self._open.items()):
            before = sink.waiting
            try:
                sink.drain(ready)
            except SapwoodError as failure:
                self._fail(stream, failure)
                continue
            stream.taken(before - sink.waiting)
            if stream in self._ended and not sink.waiting:
                self._ended.discard(stream)
                future = self._worker.submit(sink.finish)
                self._finishing[future] = stream
                future.add_done_callback(lambda _: os.write(self._wake, b"x"))
            arrival.received = sink.kept
        if self._woken in ready:
            os.read(self._woken, 1)
        for future in [future for future in self._finishing if future.done()]:
            self._finished(self._finishing.pop(future), future.exception())

    def close(self) -> None:
        """Save how far everything is."""
        self._worker.shutdown(wait=True)
        for sink, _ in [*self._open.values(), *self._idle.values()]:
            sink.pause()
        self._open.clear()
        self._idle.clear()
        os.close(self._woken)
        os.close(self._wake)

    def _offered(self, stream: IncomingStream) -> None:
        opening = stream.opening
        if any(other.opening.identity == opening.identity for other in self._open):
            stream.refuse("the same content is coming already")
            return
        try:
            known = self._idle.pop((opening.identity, opening.name), None)
            sink, arrival = known or (self._find(opening), Arrival(opening))
        except Refusal as refusal:
            stream.refuse(str(refusal))
            return
        except SapwoodError as failure:
            stream.refuse(failure.message, Result.FAILED)
            self.arrivals.append(Arrival(opening, result=Result.FAILED, failure=failure))
            return
        if known is None:
            self.arrivals.append(arrival)
        if sink is None:
            arrival.received, arrival.result = opening.length or 0, Result.WHOLE
            stream.done()
        else:
            self._open[stream] = sink, arrival
            arrival.received = sink.kept
            stream.accept(sink.kept, sink.hasher)

    def _find(self, opening: Open) -> Sink | None:
        if opening.type not in set(StreamType) or opening.coding not in set(Coding):
            raise Refusal("this kind of stream is not known here")
        if opening.type == StreamType.DEVICE_MODEL:
            raise Refusal("this end is no device")
        if opening.type == StreamType.BYTE_MODEL:
            if opening.coding != Coding.NONE:
                raise Refusal("a trained model comes as it is, and not coded")
            if self._models is None:
                raise Refusal("trained models are not kept here")
            return self._models.sink(opening)
        # An empty folder of them is false, too.
        return self._place(opening, () if self._models is None else self._models)

    def _write(self, stream: IncomingStream, content: bytes) -> None:
        sink, _ = self._open[stream]
        before = sink.waiting
        try:
            sink.write(content)
        except SapwoodError as failure:
            self._fail(stream, failure)
        else:
            stream.taken(len(content) - (sink.waiting - before))

    def _fail(self, stream: IncomingStream, failure: SapwoodError) -> None:
        sink, arrival = self._open.pop(stream)
        self._ended.discard(stream)
        result = Result.NO_MODEL if isinstance(failure, WrongByteModel) else Result.FAILED
        arrival.result, arrival.failure = result, failure
        stream.refuse(failure.message, result)
        # A full disk may have room later; what cannot be decoded will not get better.
        if isinstance(failure, BadData):
            sink.discard()
        else:
            sink.pause()

    def _finished(self, stream: IncomingStream, failure: BaseException | None) -> None:
        if isinstance(failure, SapwoodError):
            self._fail(stream, failure)
        elif failure is not None:
            raise failure
        else:
            _, arrival = self._open.pop(stream)
            arrival.result = Result.WHOLE
            # If the session ended meanwhile, this says nothing, and the next offer finds the file.
            stream.done()

    def _suspend(self) -> None:
        finishing = set(self._finishing.values())
        for stream in [stream for stream in self._open if stream not in finishing]:
            self._idle[stream.opening.identity, stream.opening.name] = self._open.pop(stream)
        self._ended.clear()
        while len(self._idle) > _MOST_IDLE:
            sink, _ = self._idle.pop(next(iter(self._idle)))
            sink.pause()


def _give_up(sink: Sink, opening: Open, result: int) -> None:
    """Keep what came only where it can be gone on with."""
    may_resume = result == Result.BROKE_OFF and opening.length is not None
    if may_resume:
        sink.pause()
    else:
        sink.discard()
