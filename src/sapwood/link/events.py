"""What a connection tells its user."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sapwood.link.incoming import IncomingStream
    from sapwood.link.outgoing import OutgoingStream

__all__ = [
    "Event",
    "Failed",
    "Finished",
    "Offered",
    "OtherVersionHeard",
    "PeerBack",
    "PeerLost",
    "Received",
    "SessionBegan",
    "SessionEnded",
    "WantedFrom",
    "Whole",
]


class SessionBegan(NamedTuple):
    """Both ends know each other. Unfinished outgoing streams are opened anew by themselves."""


class SessionEnded(NamedTuple):
    """The peer was started anew, or the line was too bad: incoming streams are void, not what came."""

    gave_up: bool
    """Whether this end began anew because a frame could not be brought across."""


class PeerLost(NamedTuple):
    """The peer has been silent for too long; it is called until it answers."""


class PeerBack(NamedTuple):
    """The peer answered, and the session goes on."""


class OtherVersionHeard(NamedTuple):
    """The peer speaks another version of the link."""

    version: int


class Offered(NamedTuple):
    """The peer opened a stream: accept or refuse it."""

    stream: "IncomingStream"


class Received(NamedTuple):
    """The next bytes of a stream came."""

    stream: "IncomingStream"
    offset: int
    content: bytes


class Whole(NamedTuple):
    """All of a stream came, and its digest is right: call ``done`` once the bytes are safe."""

    stream: "IncomingStream"


class Failed(NamedTuple):
    """A stream that came ended otherwise; the peer was told."""

    stream: "IncomingStream"
    result: int
    """See ``frames.Result``."""
    text: str


class WantedFrom(NamedTuple):
    """The peer wants a stream's bytes from ``offset`` on: write from there."""

    stream: "OutgoingStream"
    offset: int


class Finished(NamedTuple):
    """The peer is done with a stream: 0 if it has it whole, or why not."""

    stream: "OutgoingStream"
    result: int
    """See ``frames.Result``."""
    text: str


Event = (
    SessionBegan
    | SessionEnded
    | PeerLost
    | PeerBack
    | OtherVersionHeard
    | Offered
    | Received
    | Whole
    | Failed
    | WantedFrom
    | Finished
)
