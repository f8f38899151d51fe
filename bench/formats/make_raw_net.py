"""Write raw nets of integers, without a format: ``python -m bench.formats.make_raw_net FOLDER``.

Matrices of the embedding are 16-bit integers, the others 8-bit, all behind a text of odd length.
"""

import sys
from pathlib import Path

import numpy as np

from bench.formats import weights

_HEAD = b"a net without a format: "

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        parts = [_HEAD + b"v"]
        for name, array in arrays.items():
            kind, most = (np.int16, 32767) if "embed" in name else (np.int8, 127)
            # A fixed scale: a net's is a constant of its architecture.
            parts.append(
                np.clip(np.rint(array * (4096 if most > 127 else 256)), -most, most).astype(kind).tobytes()
            )
        (folder / f"{version}.nnue").write_bytes(b"".join(parts))
