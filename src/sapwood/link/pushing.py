"""Sends sources as streams of a connection, and remembers how each ended."""

import select
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sapwood.bytecoder import Prior
from sapwood.errors import SapwoodError
from sapwood.link.connection import Connection
from sapwood.link.events import Event, Finished, SessionBegan, SessionEnded, WantedFrom
from sapwood.link.frames import Coding, Open, Result, StreamType
from sapwood.link.outgoing import OutgoingStream
from sapwood.link.source import ModelSource, Source

__all__ = ["Push", "Pushing", "push_of_model"]

_PIECE: Final = 1 << 16


@dataclass
class Push:
    """One source on its way.

    Args:
        make: Opens the source, once the other end is known: it is told the trained models that are there.
    """

    make: Callable[[Sequence[bytes]], Source]
    name: str
    type: StreamType = StreamType.FILE
    coding: Coding = Coding.NONE
    priority: int = 1
    model: Prior | None = None
    """The trained model that it is coded with, or that it is: sent first if the other end lacks it."""
    source: Source | None = None
    """None until the other end is known."""
    result: int | None = None
    """See ``Result``; None while it is under way."""
    text: str = ""
    """What the receiver said about the result."""
    failure: SapwoodError | None = None
    """Why it could not be read to its end."""
    sent: int = 0
    """Up to which byte it was handed to the connection; never more than 128 KiB before the line."""
    was_wrong: bool = False

    def opening(self, source: Source) -> Open:
        """How it is offered."""
        return Open(0, self.type, self.coding, self.priority, source.identity, source.length, self.name)


def push_of_model(prior: Prior, name: str = "") -> Push:
    """A trained model of the byte coder, to be kept by the other end; before all that is less urgent."""
    called = name or f"model {prior.identity[:4].hex()}"
    return Push(lambda _: ModelSource(prior), called, StreamType.BYTE_MODEL, priority=0, model=prior)


class Pushing:
    """A user of a connection that sends."""

    def __init__(self, connection: Connection) -> None:
        self.pushes: list[Push] = []
        self._connection = connection
        self._streams: dict[OutgoingStream, tuple[Push, Source]] = {}
        self._feeding: set[OutgoingStream] = set()
        self._models: dict[bytes, Push] = {}

    @property
    def is_finished(self) -> bool:
        """Whether the other end has answered to all."""
        return all(push.result is not None for push in self.pushes)

    def push(self, push: Push) -> None:
        """Send this too."""
        self.pushes.append(push)
        if push.model is not None and push.type == StreamType.BYTE_MODEL:
            self._models.setdefault(push.model.identity, push)
        if self._connection.stands:
            self._offer(push)

    def handle(self, event: Event) -> None:
        """Take an event."""
        match event:
            case WantedFrom(stream, offset) if stream in self._streams:
                push, source = self._streams[stream]
                if source.seek(offset):
                    push.sent = offset
                    self._feeding.add(stream)
                else:
                    self._feeding.discard(stream)
                    stream.break_off()
            case Finished(stream, result, text) if stream in self._streams:
                self._feeding.discard(stream)
                self._finish(self._streams.pop(stream)[0], result, text)
            case SessionBegan():
                self._offer_models_again()
                for push in tuple(self.pushes):
                    if push.source is None and push.result is None:
                        self._offer(push)
            case SessionEnded():
                self._feeding.clear()
            case _:
                pass

    def descriptors(self) -> Iterator[tuple[int, int]]:
        """Pipes that are to be read."""
        for stream in self._feeding:
            _, source = self._streams[stream]
            if source.descriptor is not None and source.must_wait and stream.room:
                yield source.descriptor, select.POLLIN

    def move(self, ready: frozenset[int]) -> None:
        """Read what the streams have room for."""
        for stream in tuple(self._feeding):
            push, source = self._streams[stream]
            try:
                self._feed(stream, push, source, ready)
            except SapwoodError as failure:
                push.failure = failure
                self._feeding.discard(stream)
                stream.break_off()

    def close(self) -> None:
        """Give back what is held."""
        for push in self.pushes:
            if push.source is not None:
                push.source.close()

    def _feed(self, stream: OutgoingStream, push: Push, source: Source, ready: frozenset[int]) -> None:
        while stream.room:
            if source.must_wait:
                if source.descriptor not in ready:
                    return
                ready -= {source.descriptor}
            data = source.read(min(stream.room, _PIECE))
            if not data:
                self._end(stream, source.digest())
                return
            stream.write(data)
            push.sent += len(data)

    def _end(self, stream: OutgoingStream, digest: bytes | None) -> None:
        self._feeding.discard(stream)
        if digest is None:
            stream.break_off()
        else:
            stream.end(digest)

    def _offer(self, push: Push) -> None:
        peer = self._connection.peer
        there = peer.models if peer else ()
        if not self._has_model(push, there):
            return
        source = push.source or push.make(there)
        push.source = source
        self._streams[self._connection.send(push.opening(source))] = push, source

    def _offer_models_again(self) -> None:
        """What an earlier session brought may be gone, or the other end another one: a frame tells."""
        needed = {push.model.identity for push in self.pushes if push.model and push.result is None}
        for identity, sent in self._models.items():
            if sent.result == Result.WHOLE and identity in needed:
                sent.result = None
                self._offer(sent)

    def _has_model(self, push: Push, there: Sequence[bytes]) -> bool:
        """Whether the other end has what the push is coded with; if not, it is on its way, or was refused."""
        model = push.model
        if model is None or push.type == StreamType.BYTE_MODEL or model.identity in there:
            return True
        if model.identity not in self._models:
            self.push(push_of_model(model))
        sent = self._models[model.identity]
        if sent.result not in {None, Result.WHOLE}:
            push.result, push.text = Result.NO_MODEL, f"it did not take the trained model: {_reason(sent)}"
        return sent.result == Result.WHOLE

    def _finish(self, push: Push, result: int, text: str) -> None:
        if result == Result.WRONG_DIGEST and not push.was_wrong:
            # What the receiver had kept was damaged, or a CRC was fooled: it threw all away. Once more.
            push.was_wrong = True
            self._offer(push)
        else:
            push.result, push.text = result, text
            if push in self._models.values():
                for waiting in tuple(self.pushes):
                    if waiting.source is None and waiting.result is None:
                        self._offer(waiting)


def _reason(push: Push) -> str:
    return push.text or next((result.name.lower() for result in Result if result == push.result), "")
