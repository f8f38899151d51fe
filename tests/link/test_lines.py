"""Lines, ports and loops: what carries a link's bytes."""

import asyncio
import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.serial_line import SerialLine
from sapwood.link.asyncio_link import AsyncioLink, over_descriptors
from sapwood.link.connection import Connection
from sapwood.link.escape import Unescaper, escape
from sapwood.link.events import Event, Finished, Offered, Received, WantedFrom, Whole
from sapwood.link.frames import Open
from sapwood.link.line import Line
from sapwood.link.places import IntoFile
from sapwood.link.ports import ListeningPort, Port, SerialPort, TcpPort, port_named
from sapwood.link.pushing import Push
from sapwood.link.settings import Settings
from sapwood.link.source import FileSource
from sapwood.link.station import Station


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\x11", b"\x13", b"\x7d", b"\0"])))
def test_escaped_bytes_come_back_in_any_pieces(pieces: list[bytes]) -> None:
    unescaper = Unescaper()
    line = [escape(piece) for piece in pieces]
    assert not {0x11, 0x13} & set(b"".join(line))
    assert b"".join(unescaper.feed(piece) for piece in line) == b"".join(pieces)
    assert b"".join(line).count(0) == b"".join(pieces).count(0)


@given(st.binary(), st.integers(0))
def test_an_escape_split_anywhere_is_whole(data: bytes, at: int) -> None:
    line = escape(data)
    at %= len(line) + 1
    unescaper = Unescaper()
    assert unescaper.feed(line[:at]) + unescaper.feed(line[at:]) == data


def test_noise_takes_no_zero_and_flow_control_is_no_data() -> None:
    assert Unescaper().feed(b"a\x11b\x13c\x7d\0d") == b"abc\x7d\0d"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tcp:host:1", TcpPort),
        ("tcp:[::1]:65535", TcpPort),
        ("tcp-listen:0", ListeningPort),
        ("tcp-listen:127.0.0.1:0", ListeningPort),
        ("/dev/ttyUSB0", SerialPort),
        ("./tcp:1", SerialPort),
    ],
)
def test_ports_have_names(name: str, kind: type[Port]) -> None:
    assert type(port_named(name)) is kind


class DescriptorPort(Port):
    """Two pipes that are there already."""

    name = "pipes"

    def __init__(self, reading: int, writing: int) -> None:
        self._pair = (reading, writing)

    def open(self, wait: float) -> Line | None:
        reading, writing = self._pair

        def close() -> None:
            os.close(reading)
            os.close(writing)

        return Line(reading, writing, close)


def test_a_file_over_two_pipes(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(os.urandom(300_000))
    there, back = os.pipe(), os.pipe()

    def receive() -> None:
        port = DescriptorPort(there[0], back[1])
        with Station(port, place=IntoFile(str(tmp_path / "out")), silence=20) as station:
            receiving = station.receiving
            assert receiving is not None
            station.run(lambda: bool(receiving.arrivals) and not receiving.is_busy)

    other = threading.Thread(target=receive)
    other.start()
    push = Push(lambda _: FileSource.open(str(tmp_path / "in")), "in")
    with Station(DescriptorPort(back[0], there[1]), silence=20) as station:
        station.pushing.push(push)
        station.run(lambda: station.pushing.is_finished)
    other.join()
    assert push.result == 0
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def test_a_dropped_connection_is_made_again(tmp_path: Path) -> None:
    """A relay that closes each connection after 100 kB: the session goes on over the next one."""
    (tmp_path / "in").write_bytes(os.urandom(400_000))
    behind = socket.create_server(("127.0.0.1", 0))
    target = behind.getsockname()[1]
    behind.close()
    relay = socket.create_server(("127.0.0.1", 0))
    relay.settimeout(10)
    connections = 0
    ending = threading.Event()

    def copy(source: socket.socket, to: socket.socket, most: int) -> None:
        with contextlib.suppress(OSError):
            while most > 0 and (data := source.recv(min(most, 4096))):
                to.sendall(data)
                most -= len(data)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def carry() -> None:
        nonlocal connections
        with contextlib.suppress(OSError):
            while not ending.is_set():
                near, _ = relay.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", target), 5)
                except ConnectionRefusedError:
                    near.close()  # The receiver does not listen yet.
                    continue
                connections += 1
                back = threading.Thread(target=copy, args=(far, near, 1 << 40))
                back.start()
                copy(near, far, 100_000)
                back.join()
                near.close()
                far.close()

    def receive() -> None:
        port = ListeningPort("tcp-listen", "127.0.0.1", target)
        with Station(port, place=IntoFile(str(tmp_path / "out")), silence=20) as station:
            receiving = station.receiving
            assert receiving is not None
            station.run(lambda: bool(receiving.arrivals) and not receiving.is_busy)

    threads = [threading.Thread(target=work) for work in (carry, receive)]
    for thread in threads:
        thread.start()
    push = Push(lambda _: FileSource.open(str(tmp_path / "in")), "in")
    with Station(TcpPort("tcp", "127.0.0.1", relay.getsockname()[1]), silence=20) as station:
        station.pushing.push(push)
        station.run(lambda: station.pushing.is_finished)
        assert station.connection.counts.sessions == 1
    ending.set()
    relay.close()
    threads[1].join()
    assert push.result == 0
    assert connections >= 4
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


class Talker:
    """Sends one content and keeps what comes."""

    def __init__(self, content: bytes) -> None:
        self.connection = Connection(Settings(mtu=4096))
        self.content = content
        self.came = bytearray()
        self.finished = asyncio.Event()
        self.whole = asyncio.Event()
        self.stream = self.connection.send(Open(0, 0, 0, 0, bytes(16), len(content), ""))
        self.at: int | None = None

    def handle(self, event: Event) -> None:
        match event:
            case Offered(stream):
                stream.accept()
            case Received(stream, _, content):
                self.came += content
                stream.taken(len(content))
            case Whole(stream):
                stream.done()
                self.whole.set()
            case WantedFrom(_, offset):
                self.at = offset
            case Finished(_, result):
                assert result == 0
                self.finished.set()
            case _:
                pass

    def feed(self) -> None:
        while self.at is not None and self.stream.room:
            piece = self.content[self.at : self.at + self.stream.room]
            self.at += len(piece)
            self.stream.write(piece)
            if self.at == len(self.content):
                self.stream.end(hashlib.sha256(self.content).digest())
                self.at = None


async def both_talked(first: Talker, second: Talker) -> None:
    async with asyncio.timeout(30):
        for talker in (first, second):
            await talker.finished.wait()
            await talker.whole.wait()
    assert first.came == second.content
    assert second.came == first.content


def test_asyncio_over_tcp() -> None:
    async def talk() -> None:
        first, second = Talker(os.urandom(300_000)), Talker(os.urandom(200_000))
        loop = asyncio.get_running_loop()
        links: list[AsyncioLink] = []

        def linked(talker: Talker) -> AsyncioLink:
            links.append(AsyncioLink(talker.connection, talker.handle, talker.feed))
            return links[-1]

        server = await loop.create_server(lambda: linked(first), "127.0.0.1", 0)
        await loop.create_connection(lambda: linked(second), *server.sockets[0].getsockname())
        await both_talked(first, second)
        for link in links:
            link.close()
            await link.closed
        server.close()

    asyncio.run(talk())


def test_asyncio_over_a_terminal_with_xonxoff() -> None:
    async def talk() -> None:
        first, second = Talker(bytes([0x11, 0x13, 0x7D, 0]) * 5000), Talker(os.urandom(20_000))
        links = []
        for device, talker in zip(line.devices, (first, second), strict=True):
            link = AsyncioLink(talker.connection, talker.handle, talker.feed, escaped=True)
            links.append(await over_descriptors(link, *[os.open(device, os.O_RDWR | os.O_NOCTTY)] * 2))
        await both_talked(first, second)
        for link in links:
            link.close()
            await link.closed

    with SerialLine() as line:
        asyncio.run(talk())
