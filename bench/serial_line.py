"""A serial line between two pseudo-terminals: so many bytes a second each way, with errors."""

import contextlib
import os
import pty
import random
import select
import threading
import time
import tty
from typing import Final, Self

__all__ = ["SerialLine", "spoilt"]

_SLICE: Final = 0.002
"""Seconds' worth of bytes that arrive together, as from a UART's FIFO."""
_LATE: Final = 0.01
_WAIT: Final = 0.05


class SerialLine:
    """Two devices, joined by a thread that carries bytes.

    Args:
        rate: Bytes a second each way; None: as fast as it goes.
        flip: Share of the bits that arrive wrong.
        seed: Of the errors.

    Attributes:
        devices: Paths to be opened as serial ports.
        carried: Bytes that went each way.
    """

    def __init__(self, rate: float | None = None, flip: float = 0.0, seed: int = 0) -> None:
        self._ends = [pty.openpty() for _ in range(2)]
        for master, slave in self._ends:
            # Held open and raw, so that nothing is echoed while no process has the device.
            tty.setraw(slave)
            os.set_blocking(master, False)
        self.devices = [os.ttyname(slave) for _, slave in self._ends]
        self.carried = [0, 0]
        self._rate = rate
        self._flip = flip
        self._rng = random.Random(seed)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        for end in self._ends:
            for descriptor in end:
                os.close(descriptor)

    def _carry(self) -> None:
        masters = [master for master, _ in self._ends]
        held = [b"", b""]
        free_at = [0.0, 0.0]
        while not self._ending.is_set():
            now = time.monotonic()
            for i, source in enumerate(masters):
                if not held[i] and free_at[i] <= now:
                    held[i] = self._take(source)
                    self.carried[i] += len(held[i])
                    if self._rate and held[i]:
                        # A thread that was woken late makes up for it: the bytes were there before.
                        free_at[i] = max(free_at[i], now - _LATE) + len(held[i]) / self._rate
                if held[i] and free_at[i] <= now:
                    held[i] = self._give(masters[1 - i], held[i])
            self._wait(masters, held, free_at)

    def _wait(self, masters: list[int], held: list[bytes], free_at: list[float]) -> None:
        now = time.monotonic()
        poll = select.poll()
        timeout = _WAIT
        masks = dict.fromkeys(masters, 0)
        for i, master in enumerate(masters):
            if free_at[i] > now:
                timeout = min(timeout, free_at[i] - now)
            elif held[i]:
                masks[masters[1 - i]] |= select.POLLOUT
            else:
                masks[master] |= select.POLLIN
        for master, mask in masks.items():
            if mask:
                poll.register(master, mask)
        # Whole milliseconds would be half of a slice.
        if timeout < _SLICE:
            time.sleep(timeout)
        else:
            poll.poll(timeout * 1000)

    def _take(self, source: int) -> bytes:
        most = 4096 if self._rate is None else max(1, int(self._rate * _SLICE))
        with contextlib.suppress(BlockingIOError):
            return spoilt(self._rng, os.read(source, most), self._flip)
        return b""

    def _give(self, to: int, data: bytes) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return data[os.write(to, data) :]
        return data


def spoilt(rng: random.Random, data: bytes, flip: float) -> bytes:
    """The bytes with this share of their bits wrong."""
    if not flip:
        return data
    out = bytearray(data)
    at = -1
    while (at := at + 1 + int(rng.expovariate(flip))) < 8 * len(out):
        out[at // 8] ^= 1 << at % 8
    return bytes(out)
