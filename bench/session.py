"""A whole run: every pair with every peer, repeated in turns (A B C, A B C), and its summary.

Turns, because a machine's speed drifts: each repetition's ratio compares runs made close together, and the
median of those ratios is reported.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.goals import OF_BITX
from bench.measure import Result, Workers, measure
from bench.pairs import Pair
from bench.peers import REFERENCE
from bench.peers.peer import Peer


@dataclass(frozen=True, slots=True)
class Skip:
    """A peer, a pair, or a peer on one pair (the other name is then empty) that was not run, and why."""

    pair: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure: limit_s bounds one encoding or decoding.

    slow runs slow peers on every large pair. Without it they run there once only, and only where a goal
    compares with the best of all peers. flush counts an fsync of every peer's output, as ours always has one.
    """

    threads: tuple[int, ...] = (1, 2)
    repetitions: int = 3
    limit_s: float = 900.0
    slow: bool = False
    flush: bool = False


@dataclass(slots=True)
class Session:
    """rounds[i] holds the results of repetition i."""

    pairs: list[Pair]
    rounds: list[list[Result]] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """One pair, peer and thread count over all repetitions.

    Sizes and peaks in bytes, speeds in bytes of the target per second; the ratios are to the reference peer
    with as many threads (size: less is better; speeds: more is better), None where that was not run.
    """

    pair: str
    peer: str
    threads: int
    patch_size: int = 0
    target_size: int = 0
    encode_speed: float = 0.0
    decode_speed: float = 0.0
    encode_peak: int = 0
    decode_peak: int = 0
    size_ratio: float | None = None
    encode_ratio: float | None = None
    decode_ratio: float | None = None
    error: str = ""


def run(
    pairs: Sequence[Pair], peers: Sequence[Peer], settings: Settings, tell: Callable[[str], None]
) -> Session:
    """Measure all that can be measured; what cannot is in the session's skips. tell hears of each step."""
    session = Session([pair for pair in pairs if not pair.missing()])
    session.skips += [Skip(pair.name, "", reason) for pair in pairs if (reason := pair.missing())]
    reasons = {peer.name: peer.available() for peer in peers}
    session.skips += [Skip("", name, reason) for name, reason in reasons.items() if reason]
    usable = [peer for peer in peers if not reasons[peer.name]]
    once: set[tuple[str, str]] = set()
    for pair, peer in _too_slow(session.pairs, usable, settings):
        if pair.kind in OF_BITX:
            reason = f"skipped above {peer.slow_above / 1e6:.0f} MB without --slow"
            session.skips.append(Skip(pair.name, peer.name, reason))
        else:
            once.add((pair.name, peer.name))
    left_out = {(skip.pair, skip.peer) for skip in session.skips}
    with Workers(settings.limit_s, settings.flush) as workers:
        for number in range(settings.repetitions):
            results: list[Result] = []
            for pair, peer, threads in _turn(session.pairs, usable, settings.threads):
                if (pair.name, peer.name) in left_out:
                    continue
                tell(f"turn {number + 1} of {settings.repetitions}: {pair.name}, {peer.name} x{threads}")
                result = measure(workers, peer, pair, threads)
                results.append(result)
                if result.error:
                    left_out.add((pair.name, peer.name))
            session.rounds.append(results)
            left_out |= once
    return session


def summary(session: Session) -> list[Line]:
    """One line for each pair, peer and thread count, in the order in which they first ran."""
    rounds = [{(r.pair, r.peer, r.threads): r for r in results} for results in session.rounds]
    return [_line(key, rounds) for key in dict.fromkeys(key for results in rounds for key in results)]


def _line(key: tuple[str, str, int], rounds: list[dict[tuple[str, str, int], Result]]) -> Line:
    results = [results[key] for results in rounds if key in results]
    for result in results:
        if result.error:
            return Line(*key, error=result.error)
    reference = key[0], REFERENCE, key[2]
    twins = [(r[key], r[reference]) for r in rounds if key in r and reference in r and not r[reference].error]
    size = results[0].target_size
    return Line(
        *key,
        patch_size=max(r.patch_size for r in results),
        target_size=size,
        encode_speed=size / statistics.median(r.encode_s for r in results),
        decode_speed=size / statistics.median(r.decode_s for r in results),
        encode_peak=max(r.encode_peak for r in results),
        decode_peak=max(r.decode_peak for r in results),
        size_ratio=_median([mine.patch_size / theirs.patch_size for mine, theirs in twins]),
        encode_ratio=_median([theirs.encode_s / mine.encode_s for mine, theirs in twins]),
        decode_ratio=_median([theirs.decode_s / mine.decode_s for mine, theirs in twins]),
    )


def _turn(
    pairs: Sequence[Pair], peers: Sequence[Peer], threads: Sequence[int]
) -> Iterator[tuple[Pair, Peer, int]]:
    """A peer that cannot use a second thread, or would be slow, runs with the first count only."""
    for pair in pairs:
        for peer in peers:
            slow = 0 < peer.slow_above < pair.target.stat().st_size
            for count in threads if peer.uses_threads and not slow else threads[:1]:
                yield pair, peer, count


def _too_slow(
    pairs: Sequence[Pair], peers: Sequence[Peer], settings: Settings
) -> Iterator[tuple[Pair, Peer]]:
    for pair in pairs if not settings.slow else ():
        size = pair.target.stat().st_size
        yield from ((pair, peer) for peer in peers if 0 < peer.slow_above < size)


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
