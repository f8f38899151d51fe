"""Twenty-four runs of 10 MB over lines with random faults, both ends killed now and then, in virtual time."""

import random

import pytest

from sapwood.link.settings import Settings
from tests.link.simulate import Faults, World

SIZE = 10_000_000


def any_faults(rng: random.Random) -> Faults:
    def some(most: float) -> float:
        return rng.choice([0.0, most / 100, most / 10, most])

    return Faults(
        flip=10 ** rng.uniform(-6, -3),
        drop=some(0.01),
        duplicate=some(0.03),
        reorder=some(0.03),
        truncate=some(0.01),
        burst=some(0.01),
        stall=some(0.001),
        cut=some(0.0003),
        lead=rng.choice([0, 1000]),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_ten_megabytes_come_exact(seed: int) -> None:
    rng = random.Random(seed)
    faults = any_faults(rng)
    rate = rng.choice([92_160.0, 300_000.0])
    mine = Settings(line_rate=rate, mtu=rng.choice([256, 1024, 4096]))
    world = World(seed, faults=faults, rate=rate, settings=mine)
    content = rng.randbytes(SIZE)
    world.ends[0].offer("a", content)
    for _ in range(rng.randrange(6)):
        pause = world.now + rng.uniform(0, 60)
        world.run(lambda pause=pause: "a" in world.ends[0].sent or world.now >= pause)  # type: ignore[misc]
        rng.choice(world.ends).restart()
    assert world.run(lambda: "a" in world.ends[0].sent, seconds=24 * 3600), "it hangs"
    assert world.ends[0].sent["a"] == 0
    assert world.ends[1].whole["a"] == content
    print(f"{faults} {rate:.0f} bytes/s: {world.now:.0f} s, {SIZE / world.now / rate:.1%} of the line")  # noqa: T201
