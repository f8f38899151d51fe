"""Seeds for the C fuzzers, in the form of core/fuzz/input.h: ``python -m tests.fuzz.corpus FOLDER``."""

import sys
from pathlib import Path

from tests.fuzz.targets import coded

__all__ = ["write_seeds"]


def write_seeds(folder: Path) -> None:
    """Write one file a seed into ``folder``/numeric and ``folder``/adaptive."""
    for codec in ("numeric", "adaptive"):
        place = folder / codec
        place.mkdir(parents=True, exist_ok=True)
        for i, (payload, base, size) in enumerate(coded(codec)):
            head = size.to_bytes(3, "little") + bytes([base is not None])
            (place / f"{i:03}").write_bytes(head + payload)


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
