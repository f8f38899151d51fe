"""One measurement: a peer, a pair, a thread count. Encoding and decoding each run in a fresh process.

A fresh process makes the peak of memory the peer's own and keeps one peer's caches and allocator from helping the
next. The time is taken inside it, from file to file, after the imports; the page cache is warm, because the child
reads both inputs once before the clock starts. Short runs are repeated within the process and their median taken.

Peak memory is the child's largest resident set (VmHWM; ru_maxrss where there is no /proc, which can also hold
what the parent had when it forked), with the interpreter and the imports in it and nothing subtracted; for a peer
that is a program, the larger of that and the largest resident set of any program it started (ru_maxrss).
"""

from __future__ import annotations

import filecmp
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Peer, by_name

# A run shorter than this is repeated up to REPEATS times, for at most BUDGET seconds in all.
SHORT, REPEATS, BUDGET = 0.1, 9, 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """Sizes in bytes, times in seconds, memory in bytes; error is empty when the target came back bit for bit."""

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


def measure(peer: Peer, name: str, base: Path, target: Path, threads: int, limit_s: float) -> Result:
    """Encode, decode, compare. Whatever goes wrong, a crash of the peer included, is told in error."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        patch, output = Path(folder, "patch"), Path(folder, "output")
        try:
            encode_s, encode_peak = _child("encode", peer, base, target, patch, threads, limit_s)
            decode_s, decode_peak = _child("decode", peer, base, patch, output, threads, limit_s)
        except subprocess.TimeoutExpired:
            return Result(name, peer.name, threads, error=f"took more than {limit_s:.0f} s")
        except ValueError as error:
            return Result(name, peer.name, threads, error=str(error))
        same = filecmp.cmp(output, target, shallow=False)
        return Result(
            name,
            peer.name,
            threads,
            patch.stat().st_size,
            target.stat().st_size,
            encode_s,
            decode_s,
            encode_peak,
            decode_peak,
            "" if same else "decoded to something else than the target",
        )


def _child(
    action: str, peer: Peer, base: Path, source: Path, sink: Path, threads: int, limit_s: float
) -> tuple[float, int]:
    arguments = [action, peer.name, str(base), str(source), str(sink), str(threads)]
    command = [sys.executable, "-W", "ignore", "-m", "bench.measure", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit_s)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ValueError(f"{action} ended with {done.returncode}: {lines[-1][:200]}")
    row = json.loads(done.stdout.splitlines()[-1])
    return row["seconds"], row["peak"]


def _timed(run: Callable[[], None]) -> float:
    times: list[float] = []
    while not times or (times[0] < SHORT and len(times) < REPEATS and sum(times) < BUDGET):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _peak() -> int:
    """The largest resident set of this process or of a program it ran, in bytes."""
    scale = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        own = int(found[1]) * 1024
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale)


def _main(arguments: list[str]) -> None:
    action, name = arguments[:2]
    base, source, sink = map(Path, arguments[2:5])
    threads = int(arguments[5])
    peer = by_name(name)
    if reason := peer.available():
        raise SystemExit(reason)
    for path in (base, source):
        with path.open("rb") as stream:
            while stream.read(1 << 20):
                pass
    call = peer.encode_file if action == "encode" else peer.decode_file
    seconds = _timed(lambda: call(base, source, sink, threads))
    print(json.dumps({"seconds": seconds, "peak": _peak()}))


if __name__ == "__main__":
    _main(sys.argv[1:])
