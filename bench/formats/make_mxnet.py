"""Write MXNet's .params: ``python -m bench.formats.make_mxnet FOLDER``.

Needs mxnet 1.9.1, and with it a numpy older than 1.24.
"""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import mxnet
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        given = {name: mxnet.nd.array(array, dtype=array.dtype) for name, array in arrays.items()}
        mxnet.nd.save(str(folder / f"{version}.params"), given)
