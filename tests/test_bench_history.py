"""The comparison of stores believes nobody: what a store brings back is compared with what it was given."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench.history.__main__ import measure
from bench.history.keeper import Keeper
from bench.history.libraries import Hdf5, Hdf5Differences
from bench.history.programs import Copies
from bench.history.sapwood_keeper import Sapwood, Uncompressed, Whole


class Forgetful(Copies):
    """Brings back the first version whatever is asked for."""

    def checkout(self, version: str) -> None:
        super().checkout("1")


@pytest.fixture
def versions(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    half = random.standard_normal(5000).astype(np.float16)
    full = random.standard_normal((10, 100)).astype(np.float32)
    files = []
    for number in range(3):
        step = np.asarray(7 + number, np.int64)
        files.append(tmp_path / f"{number}.safetensors")
        save_file(
            {"half": half, "full": full * np.float32(1 + number / 8), "step": step, "none": full[:0]},
            files[-1],
        )
    return files


def begun(kind: type[Keeper], room: Path) -> Keeper:
    keeper = kind(room)
    if reason := keeper.missing():
        pytest.skip(reason)
    keeper.work.mkdir(parents=True)
    keeper.store.mkdir(exist_ok=True)
    keeper.begin()
    return keeper


@pytest.mark.parametrize("kind", [Copies, Hdf5, Hdf5Differences, Sapwood, Uncompressed, Whole])
def test_each_version_comes_back(kind: type[Keeper], versions: list[Path], tmp_path: Path) -> None:
    (row,) = measure(versions, [begun(kind, tmp_path / "room")])
    assert len(row.stored) == len(row.commit) == len(row.checkout) == len(versions)
    assert 0 < row.stored[0] < row.stored[1] < row.stored[2]


def test_copies_take_the_files_own_size(versions: list[Path], tmp_path: Path) -> None:
    (row,) = measure(versions, [begun(Copies, tmp_path / "room")])
    assert row.stored[-1] == sum(file.stat().st_size for file in versions)


def test_a_store_that_brings_back_something_else_ends_the_run(versions: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"did not bring .*1\.safetensors back"):
        measure(versions, [begun(Forgetful, tmp_path / "room")])
