"""The process that measures one peer: it imports the peer once, then forks for every request.

    python -m bench.worker PEER < requests > answers        one JSON object a line, both ways

A fork per request keeps memory, caches and allocators of one measurement from the next, as a new process
would, without paying for the imports (seconds, for those that need torch). A request names action
("encode" or "decode"), base, source, sink (paths), threads, flush and limit_s; an answer has seconds and peak
(bytes), or error.

The clock runs from file to file: reading the inputs, the work, writing the output; and, if a request says
"flush", an fsync of it by whoever does none by itself. Both inputs are read once before the clock starts, so
the page cache is warm, and there is no output yet. Short runs are repeated and their median taken.

peak is the fork's largest resident set (VmHWM; ru_maxrss where there is no /proc, which can also hold what
its parent had), with the interpreter and the imports in it as far as the fork touches them, and nothing
subtracted; for a peer that is a program, the larger of that and the largest resident set of any program it
started (ru_maxrss).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.peers import by_name
from bench.peers.peer import Peer

# A run shorter than this is repeated up to REPEATS times, for at most BUDGET seconds in all.
SHORT, REPEATS, BUDGET = 0.1, 9, 0.2


def main(name: str) -> int:
    # A peer that prints must not garble the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = by_name(name)
    if reason := peer.available():
        print(reason, file=sys.stderr)
        return 1
    for line in sys.stdin:
        answers.write(json.dumps(_forked(peer, json.loads(line))) + "\n")
        answers.flush()
    return 0


def _forked(peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.setsid()  # so that a program the peer starts can be stopped with it
        os.write(writer, json.dumps(_answer(peer, request)).encode())
        os._exit(0)
    os.close(writer)
    text = b""
    if select.select([reader], [], [], request["limit_s"])[0]:
        text = os.read(reader, 1 << 16)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if text:
        answer: dict[str, Any] = json.loads(text)
        return answer
    if status == -signal.SIGKILL:
        return {"error": f"stopped after {request['limit_s']:.0f} s, or out of memory"}
    return {"error": f"crashed: exit status {status}"}


def _answer(peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    base, source, sink = (Path(request[key]) for key in ("base", "source", "sink"))
    call = peer.encode_file if request["action"] == "encode" else peer.decode_file
    try:
        for path in (base, source):
            with path.open("rb") as stream:
                while stream.read(1 << 20):
                    pass
        flush = request["flush"] and not peer.flushes

        def run() -> None:
            call(base, source, sink, request["threads"])
            if flush:
                _flush(sink)

        # What deleting an output costs depends on whether it was flushed: it is no part of making one.
        seconds = _timed(run, before=lambda: sink.unlink(missing_ok=True))
    except Exception as error:  # noqa: BLE001  whatever a peer raises is its result
        return {"error": f"{error!r:.300}"}
    return {"seconds": seconds, "peak": _peak()}


def _flush(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _timed(run: Callable[[], None], before: Callable[[], None]) -> float:
    times: list[float] = []
    while not times or (times[0] < SHORT and len(times) < REPEATS and sum(times) < BUDGET):
        before()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _peak() -> int:
    scale = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        own = int(found[1]) * 1024
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
