"""One end of a link, without any input or output of its own: bytes and time in, bytes and events out.

A driver gives what it read to ``receive_bytes``, writes what ``data_to_send`` returns, and calls ``tick``
when ``deadline`` has come. Times are in seconds of any clock that never goes back.
"""

import secrets
from collections.abc import Callable
from typing import Final, assert_never

from sapwood.link.counts import Counts
from sapwood.link.events import Event, OtherVersionHeard, PeerBack, PeerLost, SessionBegan, SessionEnded
from sapwood.link.frame_bytes import decode, encode
from sapwood.link.frame_length import FrameLength
from sapwood.link.frames import (
    Ack,
    Data,
    Done,
    End,
    Frame,
    Hello,
    Kind,
    MalformedFrame,
    Message,
    Numbered,
    Open,
    OtherVersion,
    Ping,
    Unreadable,
    Want,
)
from sapwood.link.framing import CRC_SIZE, Deframer, check, seal
from sapwood.link.inbox import Inbox
from sapwood.link.outbox import Outbox
from sapwood.link.outgoing import OutgoingStream
from sapwood.link.reliable_receiver import ReliableReceiver
from sapwood.link.reliable_sender import ReliableSender
from sapwood.link.round_trip import RoundTrip
from sapwood.link.session import Session, Turn
from sapwood.link.settings import Settings

__all__ = ["Connection"]

_DONE_HEAD: Final = 3 + 8 + CRC_SIZE
_LONGEST_FRAME: Final = 0.1
"""Seconds that one frame may keep the line from what is more urgent."""
_LEAST_LENGTH: Final = 64


class Connection:
    """One end of a link.

    Args:
        settings: What this end chooses.
        new_nonce: Draws 32 random bits; tests give their own.

    Attributes:
        counts: What went over the link until now.
    """

    def __init__(
        self, settings: Settings | None = None, *, new_nonce: Callable[[], int] = lambda: secrets.randbits(32)
    ) -> None:
        self.counts = Counts()
        self._settings = settings or Settings()
        self._session = Session(self._settings, new_nonce)
        self._deframer = Deframer(self._settings.mtu)
        self._length = FrameLength()
        self._outbox = Outbox()
        self._inbox = Inbox(self._settings.streams)
        self._sender: ReliableSender | None = None
        self._receiver: ReliableReceiver | None = None
        self._wrong = 0

    @property
    def stands(self) -> bool:
        """Whether both ends know each other and the peer is heard."""
        return self._session.can_send

    @property
    def peer(self) -> Hello | None:
        """What the other end said of itself last."""
        return self._session.peer

    @property
    def echoes(self) -> int:
        """How often this end heard itself: the line is a loop, or echoes."""
        return self._session.echoes

    @property
    def error_rate(self) -> float:
        """Errors a byte on the way to the peer, estimated from lost frames."""
        return self._length.error_rate

    @property
    def is_settled(self) -> bool:
        """Whether everything said was acknowledged, and no stream is open or waiting."""
        nothing_to_say = self._outbox.is_empty and self._inbox.is_silent
        return nothing_to_say and (self._sender is None or self._sender.is_idle)

    def send(self, opening: Open) -> OutgoingStream:
        """Offer a stream; its number is chosen here. Write to it when ``WantedFrom`` says from where."""
        stream = OutgoingStream(opening)
        self._outbox.add(stream)
        return stream

    def receive_bytes(self, now: float, data: bytes) -> list[Event]:
        """Take bytes from the line."""
        self.counts.bytes_received += len(data)
        events: list[Event] = []
        for frame in self._deframer.feed(data):
            self._take(frame, now, events)
        self.counts.frames_damaged = self._deframer.damaged + self._wrong
        return events

    def tick(self, now: float) -> list[Event]:
        """Do what time alone brings."""
        events: list[Event] = []
        if self._session.lose_peer(now):
            events.append(PeerLost())
        if self._session.can_send and self._sender is not None:
            self._sender.expire(now)
            if self._sender.gave_up:
                self._session.give_up(now)
                self._end_session(events, gave_up=True)
        return events + self._outbox.refuse_unfit()

    def deadline(self, *, can_write: bool = True) -> float | None:
        """When ``tick`` and ``data_to_send`` are to be called, if nothing comes before.

        Args:
            can_write: Whether the line takes bytes now. If not, what waits to be sent is no reason to wake.
        """
        due = [self._session.loss_deadline]
        if can_write:
            due.append(self._session.sending_deadline)
        if self._session.can_send and self._sender is not None and self._receiver is not None:
            due.append(self._sender.deadline)
            if can_write:
                due.append(self._receiver.deadline)
        return min((when for when in due if when is not None), default=None)

    def data_to_send(self, now: float, limit: int = 1 << 16) -> bytes:
        """The next bytes for the line: whole frames, until there are ``limit`` bytes or no more."""
        out = bytearray()
        while len(out) < limit:
            frame = self._next_frame(now)
            if frame is None:
                break
            out += frame
            self._session.note_sent(now)
            self.counts.frames_sent += 1
        self.counts.bytes_sent += len(out)
        return bytes(out)

    def _next_frame(self, now: float) -> bytes | None:
        hello = self._session.hello(now)
        if hello is not None:
            # The zero ends what noise has begun.
            return b"\0" + seal(encode(hello), 0)
        if not self._session.can_send or self._sender is None or self._receiver is None:
            return None
        due = self._receiver.deadline
        if due is not None and due <= now:
            return seal(encode(self._receiver.ack()), self._session.sending_seed)
        again = self._sender.again(now)
        if again is not None:
            self.counts.frames_sent_again += 1
            return again
        message = self._next_message() if self._sender.has_room(now) else None
        if message is not None:
            return self._sender.send(message, now)
        if self._session.ping_due(now):
            return seal(encode(Ping()), self._session.sending_seed)
        return None

    def _next_message(self) -> Message | None:
        mtu = self._session.mtu
        return (
            self._inbox.next(mtu - _DONE_HEAD)
            or self._outbox.next_opening()
            or self._outbox.next(self._best(mtu))
        )

    def _best(self, mtu: int) -> int:
        rate = self._settings.line_rate
        longest = mtu if rate is None else max(_LEAST_LENGTH, int(rate * _LONGEST_FRAME))
        return min(mtu, longest, self._length.best)

    def _take(self, frame: bytes, now: float, events: list[Event]) -> None:
        greets = frame[0] & 7 == Kind.HELLO
        body = check(frame, 0 if greets else self._session.receiving_seed)
        if body is None or not (greets or self._session.peer):
            self._wrong += 1
            return
        self.counts.frames_received += 1
        try:
            said = decode(body)
        except OtherVersion as other:
            events.append(OtherVersionHeard(other.version))
        except MalformedFrame:
            self.counts.frames_malformed += 1
        else:
            self._hear(said, now, events)

    def _hear(self, frame: Frame, now: float, events: list[Event]) -> None:
        was_lost, trip = self._session.is_lost, None
        if isinstance(frame, Hello):
            turn, trip = self._session.hear_hello(frame, now)
        else:
            turn = self._session.hear_frame(now)
        if turn is Turn.ENDED:
            self._end_session(events, gave_up=False)
        elif turn is Turn.BEGAN:
            self._begin_session(trip, events)
        elif was_lost and self._session.can_send and self._sender is not None:
            self._sender.lose_all()
            events.append(PeerBack())
        if self._sender is None or self._receiver is None:
            return
        match frame:
            case Ack():
                self._sender.acknowledged(frame, now)
            case Ping():
                self._receiver.answer_ping(now)
            case Numbered():
                for message in self._receiver.take(frame, now):
                    events += self._deliver(message)
            case Hello():
                pass
            case _:
                assert_never(frame)

    def _deliver(self, message: Message | Unreadable) -> list[Event]:
        if isinstance(message, Unreadable):
            self.counts.frames_malformed += 1
            ours = message.kind in {Kind.WANT, Kind.DONE}
            return self._outbox.hear(message) if ours else self._inbox.hear(message)
        match message:
            case Want() | Done():
                return self._outbox.hear(message)
            case Open() | Data() | End():
                return self._inbox.hear(message)

    def _begin_session(self, trip: float | None, events: list[Event]) -> None:
        peer = self._session.peer
        if peer is None:
            return  # A session stands only with a peer.
        round_trip = RoundTrip()
        if trip is not None:
            round_trip.measured(trip)
        self._sender = ReliableSender(
            peer.window, self._session.sending_seed, round_trip, self._length, self._settings.line_rate
        )
        self._receiver = ReliableReceiver(self._settings.window)
        self.counts.sessions += 1
        events.append(SessionBegan())
        self._outbox.begin(peer.streams, self._session.mtu)

    def _end_session(self, events: list[Event], *, gave_up: bool) -> None:
        self._sender = self._receiver = None
        self._outbox.suspend()
        self._inbox.clear()
        events.append(SessionEnded(gave_up))
