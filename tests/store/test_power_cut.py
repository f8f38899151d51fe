"""Power cuts: the disk's image is copied while a writer is at work, and mounted as after a cut.

What the writer's kernel had not yet sent to the image is lost, as it would be.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sapwood.store.store import Store
from tests.images import mounted, new_image
from tests.store.crash import all_acknowledged, write_for_ever


def cut(path: Path, cuts: int, seed: int) -> int:
    """Cut the power so often; returns how many objects had been acknowledged by the last time."""
    source = random.Random(seed)
    image, copy = path / "image", path / "copy"
    ledgers = path / "ledgers"
    ledgers.mkdir()
    new_image(image)
    with mounted(image, path / "disk") as disk:
        Store.create(disk / "store").configure("own_file", str(1 << 20))
        context = multiprocessing.get_context("spawn")
        writer = context.Process(target=write_for_ever, args=(disk / "store", ledgers / "ledger-0", seed))
        writer.start()
        told = 0
        try:
            for _ in range(cuts):
                end = time.monotonic() + 60
                while len(all_acknowledged(ledgers)) <= told and time.monotonic() < end:
                    time.sleep(0.02)
                time.sleep(source.uniform(0, 0.3))
                assert writer.pid is not None
                os.kill(writer.pid, signal.SIGSTOP)
                names = all_acknowledged(ledgers)
                assert len(names) > told
                told = len(names)
                subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
                os.kill(writer.pid, signal.SIGCONT)
                with mounted(copy, path / "after") as after, Store.open(after / "store", threads=1) as store:
                    assert store.missing(names) == set()
                    assert list(store.fsck()) == []
        finally:
            writer.kill()
            writer.join()
    return told


def test_nothing_acknowledged_is_lost_when_the_power_is_cut(tmp_path: Path) -> None:
    assert cut(tmp_path, 3, 1) > 0


@pytest.mark.slow
def test_nor_by_many_cuts(tmp_path: Path) -> None:
    assert cut(tmp_path, 12, 2) > 12
