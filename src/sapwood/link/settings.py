"""What one end of a link may choose for itself."""

from dataclasses import dataclass, field

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The limits of one end; what counts in a session is the stricter of both ends'.

    Args:
        mtu: Most bytes of a frame's body and CRC, 64 to 4096.
        window: Frames that may be on the way to this end at once, 1 to 32.
        streams: Streams that this end takes at once, 0 to 32.
        keep_alive: Seconds of silence after which an end gives a sign of life; 0 for never. In 10 ms.
        line_rate: Bytes a second that the line carries, if that is known: no answer is expected sooner.
        models: Digests of trained models of the byte coder that are here, two at most.
    """

    mtu: int = 1024
    window: int = 32
    streams: int = 8
    keep_alive: float = 1.0
    line_rate: float | None = None
    models: tuple[bytes, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse what no HELLO can say."""
        fine = (
            64 <= self.mtu <= 4096
            and 1 <= self.window <= 32
            and 0 <= self.streams <= 32
            and 0 <= self.keep_alive <= 655
            and len(self.models) <= 2
        )
        if not fine:
            raise ValueError("a setting of the link is out of bounds")
