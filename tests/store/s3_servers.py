"""S3 servers on this machine, from a Python environment of their own, and a proxy that fails on purpose."""

import contextlib
import http.client
import http.server
import os
import random
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

SERVERS = Path(__file__).parents[2] / "build" / "s3-servers" / "bin"
BUCKET = "bucket"


def options(port: int) -> dict[str, str]:
    return {
        "endpoint": f"http://127.0.0.1:{port}",
        "access_key_id": "key",
        "secret_access_key": "secret",
        "region": "us-east-1",
        "allow_http": "true",
    }


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def server(name: str, folder: Path) -> Iterator[int]:
    """A server with an empty bucket; its port."""
    program = SERVERS / name
    if not program.exists():
        pytest.skip(f"{name} is not installed: make build/s3-servers")
    port = free_port()
    command = [str(program)] if name == "ministack" else [str(program), "-p", str(port)]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"GATEWAY_PORT": str(port)}, stdout=log, stderr=log, cwd=folder
        )
    try:
        _make_bucket(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _make_bucket(port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


class FailingProxy:
    """Forwards requests to a server; of some it answers 500 or 429, resets, loses or cuts the answer."""

    WAYS = ("500", "429", "reset", "lost", "cut")

    def __init__(self, port: int, share: float, seed: int) -> None:
        self.failures: Counter[str] = Counter()
        self._target = port
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def handle_any(self) -> None:
                proxy._handle(self)

        for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _way(self) -> str:
        with self._lock:
            if self._random.random() >= self._share:
                return ""
            way = self._random.choice(self.WAYS)
            self.failures[way] += 1
            return way

    def _handle(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        way = self._way()
        request.close_connection = True
        if way in ("500", "429"):
            request.send_response(int(way))
            request.send_header("Content-Length", "0")
            request.send_header("Connection", "close")
            request.end_headers()
            return
        if way == "reset":
            _reset(request.connection)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._target, timeout=60)
        connection.request(request.command, request.path, body, dict(request.headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if way == "lost":
            _reset(request.connection)
            return
        request.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                request.send_header(name, value)
        length = answer.getheader("Content-Length") if request.command == "HEAD" else str(len(data))
        request.send_header("Content-Length", length or "0")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(data[: len(data) // 2] if way == "cut" else data)


def _reset(connection: socket.socket) -> None:
    # Closing with time 0 to linger sends RST.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
