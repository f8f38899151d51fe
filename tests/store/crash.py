"""Writers that are killed at any moment, and what is left of what they acknowledged.

    python -m tests.store.crash FOLDER --kills 300 --seed 1

Prints as JSON: kills, objects acknowledged, how many of them were lost, and what fsck found.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from sapwood.errors import StorageFailure
from sapwood.store.kinds import DIGEST_SIZE, Digest, Kind
from sapwood.store.store import Store

STEP = np.float32(1e-5)


def acknowledged(ledger: Path) -> list[Digest]:
    """Whole names only: an entry that was cut was never told."""
    data = ledger.read_bytes() if ledger.exists() else b""
    return [data[i : i + DIGEST_SIZE] for i in range(0, len(data) - DIGEST_SIZE + 1, DIGEST_SIZE)]


def all_acknowledged(folder: Path) -> list[Digest]:
    return [digest for ledger in sorted(folder.glob("ledger-*")) for digest in acknowledged(ledger)]


def write_for_ever(root: Path, ledger: Path, seed: int) -> None:
    """Put versions of a tensor, tell of each; now and then collect and repack."""
    source = random.Random(seed)
    noise = np.random.default_rng(seed)
    array = noise.standard_normal((50, 64)).astype(np.float32)
    before: Digest | None = None
    with Store.open(root, threads=2) as store, ledger.open("ab", buffering=0) as told:
        while True:
            names = []
            with store.lease() as lease:
                with store.writer(lease) as writer:
                    for _ in range(source.randrange(1, 4)):
                        array = array + noise.standard_normal(array.shape).astype(np.float32) * np.float32(
                            1e-5
                        )
                        before = writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape, base=before)
                        names.append(before)
                    if source.random() < 0.2:
                        # Of its own file.
                        names.append(writer.put(Kind.GLUE, noise.bytes(1_300_000)))
                told.write(b"".join(names))
            if source.random() < 0.15:
                store.gc(lambda: all_acknowledged(ledger.parent), lambda _kind, _data: (), grace=0)
            if source.random() < 0.15:
                store.repack(dead=0.0)


def wait_for_more(folder: Path, writers: int) -> None:
    """Until one of them has acknowledged something, or long enough for a slow machine."""

    def size() -> int:
        ledgers = [folder / f"ledger-{number}" for number in range(writers)]
        return sum(ledger.stat().st_size for ledger in ledgers if ledger.exists())

    before, end = size(), time.monotonic() + 60
    while size() == before and time.monotonic() < end:
        time.sleep(0.01)


def run(folder: Path, kills: int, seed: int, writers: int) -> dict[str, int]:
    """Kill ``writers`` processes at once, ``kills`` times in all; check all that is left after each time."""
    source = random.Random(seed)
    root = folder / "store"
    Store.create(root).configure("own_file", str(1 << 20))
    killed = lost = damaged = 0
    checked: set[Digest] = set()
    while killed < kills:
        children = []
        for number in range(writers):
            child = os.fork()
            if child == 0:
                try:
                    write_for_ever(root, folder / f"ledger-{number}", source.randrange(1 << 30) + number)
                finally:
                    traceback.print_exc()
                    os._exit(1)
            children.append(child)
        if source.random() < 0.7:
            wait_for_more(folder, writers)
        time.sleep(source.uniform(0, 0.3))
        for child in children:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                raise StorageFailure("a writer ended by itself")
            killed += 1
        with Store.open(root, threads=1) as store:
            names = set(all_acknowledged(folder))
            for digest in sorted(names - checked):
                try:
                    store.read(digest)
                except Exception as error:  # noqa: BLE001  whatever it is, the object is lost
                    sys.stderr.write(f"{digest.hex()} {error}\n")
                    lost += 1
            lost += len(store.missing(checked))
            checked = names
    with Store.open(root) as store:
        for damage in store.fsck():
            sys.stderr.write(f"{damage}\n")
            damaged += 1
        lost += sum(digest not in store for digest in checked)
        for digest in checked:
            store.read(digest)
    return {"kills": killed, "acknowledged": len(checked), "lost": lost, "damaged": damaged}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writers", type=int, default=2)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(json.dumps(run(given.folder, given.kills, given.seed, given.writers)) + "\n")


if __name__ == "__main__":
    main()
