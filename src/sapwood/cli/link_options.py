"""Options that tx, rx and link share, and what they print."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sapwood.cli.byte_files import model_in
from sapwood.errors import WrongCall

if TYPE_CHECKING:
    from sapwood.bytecoder import Prior
    from sapwood.link.ports import Port
    from sapwood.link.station import Station

__all__ = ["coding_of", "compress", "counts_of", "line_options", "max_size", "model", "port_of", "silence_of"]


def line_options(timeout: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What tells the line: ``port``, ``baud``, ``flow``, and ``timeout`` with this default."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            (
                click.option(
                    "--port",
                    required=True,
                    metavar="PORT",
                    help="A serial device, tcp:HOST:PORT, or tcp-listen:PORT.",
                ),
                click.option(
                    "--baud",
                    type=click.IntRange(min=50),
                    default=115_200,
                    show_default=True,
                    metavar="BITS",
                    help="Speed of a serial device.",
                ),
                click.option(
                    "--flow",
                    type=click.Choice(["none", "rtscts", "xonxoff"]),
                    default="none",
                    show_default=True,
                    help="Flow control of a serial device, the same on both ends.",
                ),
                click.option(
                    "--timeout",
                    type=click.FloatRange(min=0),
                    default=timeout,
                    show_default=True,
                    metavar="SECONDS",
                    help="Give up when the other end was not heard for so long; 0: never.",
                ),
            )
        ):
            command = option(command)
        return command

    return add


compress = click.option(
    "--compress",
    type=click.Choice(["none", "live", "default", "max"]),
    show_default="none; with --model, default",
    help="Send it smaller, by the learned coder; the other end decodes it.",
)

model = click.option(
    "--model",
    metavar="FILE",
    help="Compress with this trained model, a file that train made. It is sent first, once, if the other end "
    "lacks it.",
)

max_size = click.option(
    "--max-size", type=click.IntRange(0), metavar="BYTES", help="Refuse a stream of more bytes."
)


def coding_of(compress: str | None, model: str | None) -> "tuple[str, Prior | None]":
    """The level, or ``none``, and the trained model that these options mean."""
    if model is None:
        return compress or "none", None
    if compress == "none":
        raise WrongCall("a trained model is of no use without compression", path=model)
    return compress or "default", model_in(model)


def port_of(port: str, baud: int, flow: str) -> "Port":
    """The port that these options mean."""
    from sapwood.link.ports import Flow, port_named

    return port_named(port, baud=baud, flow=Flow(flow))


def silence_of(timeout: float) -> float | None:
    """Seconds, or None for ever."""
    return timeout or None


def counts_of(station: "Station") -> dict[str, Any]:
    """What went over the line, for --json."""
    counts = station.connection.counts
    return {
        "seconds": round(station.seconds, 3),
        "line_bytes_sent": counts.bytes_sent,
        "line_bytes_received": counts.bytes_received,
        "frames_sent": counts.frames_sent,
        "frames_received": counts.frames_received,
        "frames_sent_again": counts.frames_sent_again,
        "frames_damaged": counts.frames_damaged,
        "errors_per_byte": station.connection.error_rate,
        "sessions": counts.sessions,
    }
