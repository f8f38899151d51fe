"""Goodput of a link, clean and at each error rate: ``python -m bench.link``.

``sapwood tx`` and ``sapwood rx`` run as processes of their own, over two pseudo-terminals that are joined at
the speed of a serial line, and over TCP by way of a relay that flips bits too. The share is that of bytes of
the file against bytes that the line can carry, from the first word between the ends until the receiver has
the file on its disk. A serial line carries ten bits for a byte.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.serial_line import SerialLine, spoilt

BAUDS = (115_200, 3_000_000)
FLIPS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3)
SECONDS = 10
TCP_SIZE = 20_000_000


@dataclass(frozen=True)
class Row:
    line: str
    flip: float
    size: int
    seconds: float
    share: float | None
    frames: int
    again: int
    damaged: int


def transfer(folder: Path, size: int, sender: list[str], receiver: list[str]) -> dict[str, float]:
    """What the sender counted."""
    content = random.Random(size).randbytes(size)
    (folder / "in").write_bytes(content)
    (folder / "out").unlink(missing_ok=True)
    command = [sys.executable, "-m", "sapwood"]
    rx = subprocess.Popen(
        [*command, "rx", *receiver, "-o", str(folder / "out"), "--json"], stdout=subprocess.DEVNULL
    )
    tx = subprocess.run(
        [*command, "tx", *sender, str(folder / "in"), "--json"], stdout=subprocess.PIPE, check=True
    )
    if rx.wait(60) or (folder / "out").read_bytes() != content:
        raise SystemExit("the file did not come whole")
    facts: dict[str, float] = json.loads(tx.stdout)
    return facts


def serial(folder: Path, baud: int, flip: float) -> Row:
    size = baud // 10 * SECONDS
    with SerialLine(baud / 10, flip, seed=1) as line:
        ports = [["--port", device, "--baud", str(baud)] for device in line.devices]
        return _row(f"{baud:,} baud", flip, size, transfer(folder, size, *ports), baud / 10)


def tcp(folder: Path, flip: float) -> Row:
    # Where frames are short, the processors are the limit: less tells as much.
    size = TCP_SIZE if flip < 1e-4 else TCP_SIZE // 10
    with relay(flip) as (near, far):
        return _row("TCP", flip, size, transfer(folder, size, ["--port", near], ["--port", far]))


def _row(line: str, flip: float, size: int, facts: dict[str, float], rate: float | None = None) -> Row:
    seconds = facts["seconds"]
    share = size / seconds / rate if rate else None
    counts = [int(facts[name]) for name in ("frames_sent", "frames_sent_again", "frames_damaged")]
    return Row(line, flip, size, seconds, share, *counts)


def connected(target: tuple[str, int]) -> socket.socket:
    """Once it listens."""
    while True:
        try:
            return socket.create_connection(target)
        except ConnectionRefusedError:
            time.sleep(0.1)


@contextlib.contextmanager
def relay(flip: float) -> Iterator[tuple[str, str]]:
    """Names of two ports; what goes from one to the other has wrong bits."""
    with socket.create_server(("127.0.0.1", 0)) as entry, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = free.getsockname()
        free.close()

        def copy(source: socket.socket, to: socket.socket, rng: random.Random) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(1 << 16):
                    to.sendall(spoilt(rng, data, flip))
            for end in (source, to):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def carry() -> None:
            with entry.accept()[0] as near, connected(target) as far:
                back = threading.Thread(target=copy, args=(far, near, random.Random(2)))
                back.start()
                copy(near, far, random.Random(1))
                back.join()

        threading.Thread(target=carry, daemon=True).start()
        yield f"tcp:127.0.0.1:{entry.getsockname()[1]}", f"tcp-listen:127.0.0.1:{target[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.link", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--flip", type=float, action="append", help="only these error rates")
    parser.add_argument(
        "--line", choices=["115200", "3000000", "tcp"], action="append", help="only these lines"
    )
    chosen = parser.parse_args()
    lines = chosen.line or [*map(str, BAUDS), "tcp"]
    with tempfile.TemporaryDirectory() as folder:
        if not chosen.json:
            print(f"{os.cpu_count()} processors")
            print(
                "| line | bits wrong | bytes | seconds | bytes/s | share of the line | frames | sent again |"
            )
            print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for line in lines:
            for flip in chosen.flip or FLIPS:
                row = tcp(Path(folder), flip) if line == "tcp" else serial(Path(folder), int(line), flip)
                if chosen.json:
                    print(json.dumps(asdict(row)), flush=True)
                    continue
                share = "-" if row.share is None else f"{row.share:.1%}"
                print(
                    f"| {row.line} | {row.flip:g} | {row.size:,} | {row.seconds:.1f} | "
                    f"{row.size / row.seconds:,.0f} | {share} | {row.frames:,} | {row.again:,} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
