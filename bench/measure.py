"""One measurement: a peer, a pair, a thread count, in processes of its own (bench.worker says how)."""

from __future__ import annotations

import filecmp
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.pairs import Pair
from bench.peers.peer import Peer


@dataclass(frozen=True, slots=True)
class Result:
    """Sizes and memory in bytes, times in seconds; error is empty when the target came back bit for bit."""

    pair: str
    peer: str
    threads: int
    patch_size: int = 0
    target_size: int = 0
    encode_s: float = 0.0
    decode_s: float = 0.0
    encode_peak: int = 0
    decode_peak: int = 0
    error: str = ""


@dataclass(slots=True)
class Workers:
    """One worker process a peer, started when first needed, stopped on leaving the context."""

    limit_s: float
    flush: bool = False
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.running.values():
            worker.terminate()
            worker.communicate()

    def ask(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        """The worker's answer; one with an error if it died."""
        worker = self.running.get(peer.name)
        if worker is None or worker.poll() is not None:
            command = [sys.executable, "-W", "ignore", "-m", "bench.worker", peer.name]
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self.running[peer.name] = worker
        if worker.stdin is None or worker.stdout is None:
            raise RuntimeError("a worker has no pipes")
        try:
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the worker ended without an answer"}
        return answer


def measure(workers: Workers, peer: Peer, pair: Pair, threads: int) -> Result:
    """Encode, decode, compare. Whatever goes wrong, a crash of the peer included, is told in error."""
    who = pair.name, peer.name, threads
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        patch, output = Path(folder, "patch"), Path(folder, "output")
        limits = {"flush": workers.flush, "limit_s": workers.limit_s}
        common = {"base": str(pair.base), "threads": threads, **limits}
        encode = {"action": "encode", "source": str(pair.target), "sink": str(patch), **common}
        encoded = workers.ask(peer, encode)
        if "error" in encoded:
            return Result(*who, error=f"encode: {encoded['error']}")
        decode = {"action": "decode", "source": str(patch), "sink": str(output), **common}
        decoded = workers.ask(peer, decode)
        if "error" in decoded:
            return Result(*who, error=f"decode: {decoded['error']}")
        same = filecmp.cmp(output, pair.target, shallow=False)
        return Result(
            *who,
            patch_size=patch.stat().st_size,
            target_size=pair.target.stat().st_size,
            encode_s=encoded["seconds"],
            decode_s=decoded["seconds"],
            encode_peak=encoded["peak"],
            decode_peak=decoded["peak"],
            error="" if same else "decoded to something else than the target",
        )
