"""Seeds for the C fuzzers, in the form of core/fuzz/input.h: ``python -m tests.fuzz.corpus FOLDER``."""

import sys
from pathlib import Path

import numpy as np

from sapwood.codec.element import Element
from tests.fuzz.targets import coded, device_blocks, quantised_blocks, splice_blocks
from tests.patch import models

__all__ = ["write_seeds"]


def write_seeds(folder: Path) -> None:
    """Write one file a seed into a folder of ``folder`` for each program."""
    for codec in ("numeric", "adaptive"):
        place = folder / codec
        place.mkdir(parents=True, exist_ok=True)
        for i, (payload, base, size) in enumerate(coded(codec)):
            head = size.to_bytes(3, "little") + bytes([base is not None])
            (place / f"{i:03}").write_bytes(head + payload)
    place = folder / "device"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(device_blocks()):
        # Byte 3: a base as long as the target.
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload)
    place = folder / "quantised"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(quantised_blocks()):
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload)
    place = folder / "splice"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(splice_blocks()):
        # Behind the head, what stands behind the kind.
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload[1:])
    place = folder / "encode"
    place.mkdir(parents=True, exist_ok=True)
    bell = np.random.default_rng(0).normal(128, 30, 3000).clip(0, 255).astype(np.uint8)
    # Every value of a byte, some often: the largest alphabet.
    samples = [bell.tobytes() + bytes(range(256)), *(a.tobytes() for a in models.every_element().values())]
    for i, sample in enumerate(samples):
        element, data = 1 + i % len(Element), sample[:4000]
        for options in range(6):
            (place / f"{i:02}{options}").write_bytes(bytes([element, options]) + data + data[8:] + data[:8])


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
