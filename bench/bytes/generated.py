"""Made-up logs and telemetry: what no package holds. Every file follows from its seed alone.

Each side has its own seed, hosts, paths and ranges, so that nothing but the shape is known from training.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

__all__ = ["access_log", "telemetry_lines", "telemetry_records"]

# fmt: off
_WORDS = (
    "api", "assets", "auth", "basket", "blog", "cart", "catalog", "checkout", "config", "css", "data",
    "device", "events", "export", "feed", "files", "health", "images", "index", "items", "js", "login",
    "metrics", "models", "orders", "pages", "photos", "products", "profile", "query", "reports",
    "search", "sensors", "session", "settings", "static", "status", "store", "tags", "tasks", "teams",
    "update", "upload", "users", "v1", "v2", "views",
)
# fmt: on
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Mobile/15E148"
    ),
    "curl/7.88.1",
    "python-requests/2.32.3",
    "Prometheus/2.53.0",
)


def access_log(seed: int, size: int) -> bytes:
    """Lines of a web server in the combined format: a few busy clients, a skewed choice of paths."""
    return _up_to(size, (line.encode() for line in _access_lines(random.Random(seed))))


def telemetry_lines(seed: int, size: int) -> bytes:
    """Readings of four instruments as ``key=value`` text, one a line: drift, a daily wave, noise."""
    return _up_to(size, (line.encode() for line in _reading_lines(random.Random(seed))))


def telemetry_records(seed: int, size: int) -> bytes:
    """Readings of one drone as packed little-endian records of 28 or 36 bytes, by the seed's parity."""
    return _up_to(size, _packed_readings(random.Random(seed), wide=seed % 2 == 1))


def _up_to(size: int, pieces: Iterator[bytes]) -> bytes:
    out = bytearray()
    while len(out) < size:
        out += next(pieces)
    return bytes(out[:size])


def _access_lines(rng: random.Random) -> Iterator[str]:
    clients = [".".join(str(rng.randrange(1, 255)) for _ in range(4)) for _ in range(60)]
    paths = ["/" + "/".join(rng.sample(_WORDS, rng.randrange(1, 4))) for _ in range(150)]
    at = datetime(2024, 1 + rng.randrange(12), 1 + rng.randrange(28), tzinfo=UTC)
    while True:
        at += timedelta(seconds=rng.expovariate(0.7))
        client = clients[min(int(rng.paretovariate(0.9)) - 1, len(clients) - 1)]
        path = paths[min(int(rng.paretovariate(0.7)) - 1, len(paths) - 1)]
        if rng.random() < 0.35:
            path += f"?id={rng.randrange(20000)}"
        status = rng.choices((200, 304, 404, 302, 500), (86, 6, 4, 3, 1))[0]
        length = 0 if status == 304 else int(rng.lognormvariate(8, 1.4))
        agent = _AGENTS[hash_of(client) % len(_AGENTS)]
        method = "POST" if rng.random() < 0.1 else "GET"
        yield (
            f'{client} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "{method} {path} HTTP/1.1" '
            f'{status} {length} "-" "{agent}"\n'
        )


def hash_of(text: str) -> int:
    """A number that, unlike ``hash``, is the same in every run."""
    return sum(text.encode())


def _reading_lines(rng: random.Random) -> Iterator[str]:
    names = rng.sample(("boiler", "pump", "roof", "intake", "tank", "hall", "well", "dryer"), 4)
    level = {name: rng.uniform(10, 60) for name in names}
    start = 1_700_000_000 + rng.randrange(10_000_000)
    step = 0
    while True:
        for name in names:
            level[name] += rng.gauss(0, 0.05)
            wave = 3 * math.sin(2 * math.pi * step / 1440)
            temperature = level[name] + wave + rng.gauss(0, 0.08)
            battery = 4.1 - step * 2e-6 + rng.gauss(0, 0.003)
            state = "ok" if rng.random() < 0.995 else "fault"
            yield (
                f"ts={start + step * 60} dev={name} temp={temperature:.2f} "
                f"hum={45 - wave + rng.gauss(0, 0.5):.1f} "
                f"bat={battery:.3f} rssi={-60 - rng.randrange(12)} st={state}\n"
            )
        step += 1


def _packed_readings(rng: random.Random, *, wide: bool) -> Iterator[bytes]:
    """Time, latitude, longitude, height, velocity, attitude and a counter; the wide kind adds four motors."""
    latitude, longitude, height, heading = 47.4e7 + rng.random() * 1e6, 8.5e7, 5000.0, rng.random() * 36000
    speed, milliseconds, counter = 1200.0, rng.randrange(1_000_000), 0
    while True:
        milliseconds += 20 + (rng.random() < 0.05)
        heading = (heading + rng.gauss(2, 30)) % 36000
        speed = max(0.0, speed + rng.gauss(0, 8))
        height += rng.gauss(0, 4)
        latitude += speed * math.cos(math.radians(heading / 100)) / 55
        longitude += speed * math.sin(math.radians(heading / 100)) / 37
        attitude = [int(rng.gauss(0, 60)) for _ in range(2)]
        counter = (counter + 1) % 65536
        record = struct.pack(
            "<IiiiHHhhH",
            milliseconds,
            int(latitude),
            int(longitude),
            int(height),
            int(speed),
            int(heading),
            *attitude,
            counter,
        )
        if wide:
            motors = (int(1500 + speed / 20 + rng.gauss(0, 6)) for _ in range(4))
            record += struct.pack("<4H", *motors)
        yield record + bytes(2)
