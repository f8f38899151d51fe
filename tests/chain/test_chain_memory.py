"""Chains of models larger than memory: applying links of 4 GB takes less than 1 GB of its own."""

import subprocess
from pathlib import Path

import pytest

from tests.patch.test_memory import GIGABYTE, large_folder, peak, write_pair

__all__ = ["large_folder"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which only Linux has")
def test_versions_in_between_are_not_held_in_memory(large_folder: Path) -> None:
    base, target = write_pair(large_folder)
    third = large_folder / "v3.safetensors"
    subprocess.run(["cp", str(target), str(third)], check=True)
    with third.open("r+b") as file:
        file.seek(-4096, 2)
        file.write(bytes(4096))
    chain, out = large_folder / "all.swchain", large_folder / "out"
    code = "import sapwood, sys; sapwood.chain_create(sys.argv[2:], sys.argv[1], level='fast', threads=1)"
    created = peak(code, chain, base, target, third)
    code = "import sapwood, sys; sapwood.open_chain(sys.argv[2]).apply(sys.argv[1], sys.argv[3], threads=1)"
    applied = peak(code, base, chain, out)
    for name, (most, seconds) in (("create", created), ("apply", applied)):
        print(f"{name}: {most / 1e6:.0f} MB, {seconds:.0f} s")  # noqa: T201  shown by -s
    assert subprocess.run(["cmp", str(third), str(out)], check=False).returncode == 0
    assert created[0] < GIGABYTE
    assert applied[0] < GIGABYTE
    assert sorted(place.name for place in large_folder.iterdir()) == [
        "all.swchain",
        "out",
        "v1.safetensors",
        "v2.safetensors",
        "v3.safetensors",
    ]
