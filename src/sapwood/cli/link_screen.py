"""A picture of a link at work, on a terminal: a bar for each stream, and how the line does."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sapwood.cli.screen import printable, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sapwood.link.station import Station

__all__ = ["speed", "watching"]


@contextlib.contextmanager
def watching() -> "Iterator[Callable[[Station], None]]":
    """A callback that draws on stderr; one that does nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        picture = _Picture(bars)
        yield picture.draw


class _Picture:
    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._line = bars.add_task("waiting for the other end", total=None)
        self._tasks: dict[int, TaskID] = {}

    def draw(self, station: "Station") -> None:
        """Show how far everything is."""
        connection = station.connection
        counts = connection.counts
        damaged = counts.frames_damaged + counts.frames_sent_again
        state = "linked" if connection.stands else "waiting for the other end"
        text = f"{state}; {damaged} of {counts.frames_sent + counts.frames_received} frames damaged"
        self._bars.update(self._line, description=text, completed=counts.bytes_sent + counts.bytes_received)
        for push in station.pushing.pushes:
            length = push.source.length if push.source else None
            self._show(id(push), f"-> {push.name or 'input'}", push.sent, length)
        if station.receiving is not None:
            for arrival in station.receiving.arrivals:
                opening = arrival.opening
                self._show(id(arrival), f"<- {opening.name or 'output'}", arrival.received, opening.length)

    def _show(self, key: int, text: str, done: int, total: int | None) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(printable(text), total=total)
        self._bars.update(self._tasks[key], completed=done)


def speed(count: int, seconds: float) -> str:
    """Bytes and how fast they went."""
    rate = f", {size(count / seconds)}/s" if seconds > 0 else ""
    return f"{size(count)} in {seconds:.1f} s{rate}"
