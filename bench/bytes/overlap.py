"""How much of the test corpus stands in what the general model is trained on, word for word.

    python -m bench.bytes.overlap

Of each test file the share of strings of 32 bytes that are in any training file too. No package is on both
sides; what is shared are idioms, licences, and what packages took from a third one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bench.bytes import corpus, general

LENGTH: Final = 32
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def _strings(content: bytes) -> npt.NDArray[np.uint64]:
    """A hash of each string of ``LENGTH`` bytes."""
    data = np.frombuffer(content, np.uint8).astype(np.uint64)
    count = max(0, len(data) - LENGTH + 1)
    hashes = np.zeros(count, np.uint64)
    for i in range(LENGTH):
        hashes = hashes * _MULTIPLIER + data[i : i + count] + np.uint64(1)
    return hashes


def main() -> None:
    files = [path for path in sorted(general.make().rglob("*")) if path.is_file()]
    known = np.unique(np.concatenate([np.unique(_strings(path.read_bytes())) for path in files]))
    for path in corpus.make()["test"]:
        hashes = _strings(path.read_bytes())
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        print(f"{path.name:18} {np.mean(known[at] == hashes):7.2%}")


if __name__ == "__main__":
    main()
