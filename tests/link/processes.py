"""``tx``, ``rx`` and ``link`` as processes of their own."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable

__all__ = ["FAST", "Commands", "content", "finish", "wait_until"]

FAST = ("--baud", "3000000")


class Commands:
    """Starts commands, and leaves none behind.

    Attributes:
        environment: What they get beside this process's own.
    """

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, data: bytes | None = None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "sapwood", *arguments]
        stdin = subprocess.PIPE if data is not None else subprocess.DEVNULL
        ran = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
        )
        self.running.append(ran)
        if data is not None:
            assert ran.stdin is not None
            ran.stdin.write(data)
            ran.stdin.close()
            ran.stdin = None
        return ran


def finish(ran: "subprocess.Popen[bytes]", code: int = 0) -> tuple[bytes, bytes]:
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == code, err
    return out, err


def wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)
