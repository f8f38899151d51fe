"""Write Flax's .msgpack: ``python -m bench.formats.make_flax FOLDER``."""

import sys
from pathlib import Path
from typing import Any

from bench.formats import weights

try:
    import flax.serialization
except ImportError as error:
    weights.missing(error)


def tree(arrays: weights.Arrays) -> dict[str, Any]:
    """Names with dots as dictionaries in dictionaries, as Flax has them."""
    root: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, leaf = name.split(".")
        place = root
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = array
    return root


if __name__ == "__main__":
    made = Path(sys.argv[1])
    for version, arrays in weights.versions(made):
        (made / f"{version}.msgpack").write_bytes(flax.serialization.to_bytes(tree(arrays)))
