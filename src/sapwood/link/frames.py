"""What the frames of the link say (docs/LINK.md, "Frames"); frame_bytes.py has their bytes."""

from enum import IntEnum
from typing import Final, NamedTuple

__all__ = [
    "VERSION",
    "Ack",
    "Coding",
    "Data",
    "Done",
    "End",
    "Frame",
    "Hello",
    "Kind",
    "MalformedFrame",
    "Message",
    "Numbered",
    "Open",
    "OtherVersion",
    "Ping",
    "Result",
    "StreamType",
    "Unreadable",
    "Want",
]

VERSION: Final = 1


class Kind(IntEnum):
    """The low three bits of a body's first byte."""

    HELLO = 0
    OPEN = 1
    WANT = 2
    DATA = 3
    END = 4
    DONE = 5
    ACK = 6
    PING = 7


class StreamType(IntEnum):
    """What a stream brings."""

    BYTES = 0
    FILE = 1
    PATCH = 2
    BYTE_MODEL = 3
    TELEMETRY = 4
    DEVICE_MODEL = 5


class Coding(IntEnum):
    """How a stream's bytes are coded."""

    NONE = 0
    LEARNED = 1


class Result(IntEnum):
    """Why a stream is done; 64 and more are those of a device's update."""

    WHOLE = 0
    REFUSED = 1
    WRONG_DIGEST = 2
    BROKE_OFF = 3
    FAILED = 4
    NO_MODEL = 5


class Hello(NamedTuple):
    """An end presents itself."""

    nonce: int
    peer_nonce: int
    """0: not known."""
    mtu: int
    """Most bytes of a body and its CRC."""
    window: int
    """Frames it takes ahead."""
    streams: int
    """How many it takes at once."""
    keep_alive: int
    """In units of 10 ms; 0: none."""
    answer_wanted: bool = True
    models: tuple[bytes, ...] = ()


class Open(NamedTuple):
    """A stream begins. Type and coding are plain numbers: a receiver refuses what it does not know."""

    stream: int
    type: int
    coding: int
    priority: int
    """0 goes first."""
    identity: bytes
    """16 bytes that stand for this content."""
    length: int | None
    name: str


class Want(NamedTuple):
    """The receiver asks for the bytes from ``start`` up to before ``stop``."""

    stream: int
    start: int
    stop: int


class Data(NamedTuple):
    """Bytes of a stream, at ``offset``."""

    stream: int
    offset: int
    content: bytes


class End(NamedTuple):
    """The stream has no more; without a digest it broke off."""

    stream: int
    length: int = 0
    digest: bytes | None = None


class Done(NamedTuple):
    """The receiver ends the stream: 0 if it took it whole, or why not."""

    stream: int
    result: int
    text: str = ""


class Unreadable(NamedTuple):
    """A reliable frame that came whole and says nothing sensible."""

    stream: int
    kind: Kind


Message = Open | Want | Data | End | Done
"""What goes in order and surely."""


class Numbered(NamedTuple):
    """A reliable frame."""

    sequence: int
    message: Message | Unreadable


class Ack(NamedTuple):
    """What came of the reliable frames."""

    next: int
    """The sequence that is missing first."""
    cause: int
    """That of the frame that led to this one."""
    bits: int
    """Bit i: ``next + 1 + i`` is here."""


class Ping(NamedTuple):
    """Nothing but a sign of life."""


Frame = Hello | Numbered | Ack | Ping


class MalformedFrame(ValueError):
    """A body without a sequence to acknowledge, that says nothing sensible."""


class OtherVersion(MalformedFrame):
    """A HELLO of another version of the link."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} of the link")
        self.version = version
