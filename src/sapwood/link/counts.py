"""What went over a link, in numbers."""

from dataclasses import dataclass

__all__ = ["Counts"]


@dataclass
class Counts:
    """Sums since the start of one end."""

    bytes_sent: int = 0
    """On the line, with all that frames need."""
    bytes_received: int = 0
    frames_sent: int = 0
    frames_received: int = 0
    """With a right CRC."""
    frames_sent_again: int = 0
    frames_damaged: int = 0
    """That came, and were not whole."""
    frames_malformed: int = 0
    """That came whole, and said nothing sensible."""
    sessions: int = 0
