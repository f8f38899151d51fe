"""Write HDF5 as Keras does, a group for each layer: ``python -m bench.formats.make_hdf5 FOLDER``.

Needs h5py.
"""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import h5py
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        with h5py.File(folder / f"{version}.h5", "w") as file:
            for name, array in arrays.items():
                file["model_weights/" + name.replace(".", "/")] = array
