"""Where a line comes from, by name: a serial device, a TCP address, a TCP port to listen on."""

import contextlib
import select
import socket
import stat
from abc import ABC, abstractmethod
from enum import Enum
from pathlib import Path
from typing import Final

from sapwood.errors import LinkFailed, MissingDependency, WrongCall
from sapwood.link.line import Line

__all__ = ["Flow", "ListeningPort", "Port", "SerialPort", "TcpPort", "port_named"]

_BITS: Final = 10
"""Bits on a serial line for a byte: a start, eight, a stop."""
_CONNECT_SECONDS: Final = 5.0


class Flow(Enum):
    """How the ends of a serial line hold each other back."""

    NONE = "none"
    RTSCTS = "rtscts"
    XONXOFF = "xonxoff"


class Port(ABC):
    """Opens a line, again whenever it was lost."""

    name: str
    """As the user gave it."""
    rate: float | None = None
    """Bytes a second that the line carries, if that is known."""

    @abstractmethod
    def open(self, wait: float) -> Line | None:
        """A new line; None if nobody is there after ``wait`` seconds.

        Raises:
            LinkFailed: It cannot be opened, and trying again would not help.
            MissingDependency: pyserial is not installed.
        """

    def close(self) -> None:  # noqa: B027  most have nothing to give back
        """Give back what was held between lines."""


class SerialPort(Port):
    """A serial device: a UART, a USB adapter, a pseudo-terminal."""

    def __init__(self, name: str, baud: int, flow: Flow) -> None:
        self.name = name
        self.rate = baud / _BITS
        self._baud = baud
        self._flow = flow
        self._was_open = False

    def open(self, wait: float) -> Line | None:  # noqa: ARG002  a device is there or not
        """The device, set to raw bytes, and held for this process alone."""
        try:
            import serial  # noqa: PLC0415
        except ImportError as error:
            raise MissingDependency(
                "serial ports need the package pyserial", advice="pip install 'sapwood[link]'"
            ) from error
        try:
            if not stat.S_ISCHR(Path(self.name).stat().st_mode):
                raise WrongCall("is not a serial device", path=self.name)
            device = serial.Serial(
                self.name,
                self._baud,
                rtscts=self._flow is Flow.RTSCTS,
                xonxoff=self._flow is Flow.XONXOFF,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
        except (OSError, ValueError) as error:
            if self._was_open:
                return None  # Unplugged: it may come back.
            raise LinkFailed(
                f"cannot be opened as a serial port: {error}",
                path=self.name,
                advice="Check its name and who uses it.",
            ) from error
        self._was_open = True
        number = device.fileno()
        return Line(number, number, device.close, escaped=self._flow is Flow.XONXOFF)


class TcpPort(Port):
    """The other end listens at this address."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self._address = (host, port)

    def open(self, wait: float) -> Line | None:
        """A new connection."""
        try:
            made = socket.create_connection(self._address, max(0.1, min(wait, _CONNECT_SECONDS)))
        except OSError:
            return None
        return _line_of(made)


class ListeningPort(Port):
    """The other end connects to this port; one at a time."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self._address = (host, port)
        self._listener: socket.socket | None = None

    def open(self, wait: float) -> Line | None:
        """The next connection that comes."""
        if self._listener is None:
            try:
                self._listener = socket.create_server(self._address, backlog=1)
            except OSError as error:
                raise LinkFailed(f"cannot listen: {error}", path=self.name) from error
        ready, _, _ = select.select([self._listener], [], [], wait)
        if not ready:
            return None
        made, _ = self._listener.accept()
        return _line_of(made)

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


def port_named(name: str, *, baud: int = 115_200, flow: Flow = Flow.NONE) -> Port:
    """The port that a user means: ``tcp:HOST:PORT``, ``tcp-listen:[HOST:]PORT``, or the path of a device.

    Raises:
        WrongCall: The name makes no sense.
    """
    kind, colon, rest = name.partition(":")
    if colon and kind in {"tcp", "tcp-listen"}:
        host, _, number = rest.rpartition(":")
        if not (number.isascii() and number.isdigit() and int(number) < 1 << 16) or (
            kind == "tcp" and not host
        ):
            raise WrongCall("is no address", path=name, expected=f"{kind}:HOST:PORT")
        host = host.removeprefix("[").removesuffix("]")
        return TcpPort(name, host, int(number)) if kind == "tcp" else ListeningPort(name, host, int(number))
    return SerialPort(name, baud, flow)


def _line_of(made: socket.socket) -> Line:
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close() -> None:
        with contextlib.suppress(OSError):
            made.close()

    return Line(made.fileno(), made.fileno(), close)
