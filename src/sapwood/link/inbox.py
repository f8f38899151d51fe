"""All streams that come in (docs/LINK.md, "Streams")."""

from sapwood.link.events import Event, Failed, Offered, Received, Whole
from sapwood.link.frames import Data, Done, End, Kind, Open, Result, Unreadable, Want
from sapwood.link.incoming import IncomingStream

__all__ = ["Inbox"]


class Inbox:
    """Streams by number, until they are done.

    Args:
        most: How many may be open at once; the peer was told.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: dict[int, IncomingStream] = {}
        self._refusals: dict[int, Done] = {}

    @property
    def is_silent(self) -> bool:
        """Whether no stream has anything left to say to the peer."""
        return not self._streams and not self._refusals

    def clear(self) -> None:
        """The session ended."""
        for stream in self._streams.values():
            stream.is_open = False
        self._streams.clear()
        self._refusals.clear()

    def hear(self, message: Open | Data | End | Unreadable) -> list[Event]:
        """What the peer sends of a stream; one that is not open is left out."""
        if isinstance(message, Open):
            return self._open(message)
        if isinstance(message, Unreadable) and message.kind == Kind.OPEN:
            self._refusals[message.stream] = Done(message.stream, Result.REFUSED, "not understood")
            return []
        stream = self._streams.get(message.stream)
        if stream is None or not stream.is_open:
            return []
        if isinstance(message, Data):
            if stream.exceeds_credit(message):
                return [_fail(stream, "more came than was wanted")]
            offset, content = stream.offset, stream.receive(message)
            return [] if content is None else [Received(stream, offset, content)]
        if isinstance(message, Unreadable):
            return [_fail(stream, "the peer said something that nobody understands")]
        result = stream.ended(message)
        return [Whole(stream)] if result is Result.WHOLE else [Failed(stream, result, "")]

    def next(self, text_size: int) -> Want | Done | None:
        """The next word to the peer; a text has at most ``text_size`` bytes."""
        for number, refusal in self._refusals.items():
            del self._refusals[number]
            return refusal
        for number, stream in self._streams.items():
            message = stream.next(text_size)
            if isinstance(message, Done):
                del self._streams[number]
            if message is not None:
                return message
        return None

    def _open(self, opening: Open) -> list[Event]:
        before = self._streams.pop(opening.stream, None)
        events: list[Event] = []
        if before is not None and before.is_open:
            before.is_open = False
            events.append(Failed(before, Result.BROKE_OFF, "the peer opened another one in its place"))
        if len(self._streams) >= self._most:
            self._refusals[opening.stream] = Done(opening.stream, Result.REFUSED, "too many streams")
            return events
        stream = IncomingStream(opening)
        self._streams[opening.stream] = stream
        return [*events, Offered(stream)]


def _fail(stream: IncomingStream, text: str) -> Failed:
    stream.refuse(text, Result.FAILED)
    return Failed(stream, Result.FAILED, text)
