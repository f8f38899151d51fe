"""Make mxnet-{1,2}/ with MXNet 1.9.1 (and numpy 1.23.5): ``python -m tests.formats.real.make_mxnet``.

``dense.params`` as Gluon saves it, ``sparse.params`` with a CSR array, ``numpy.params`` of MXNet's own numpy.
"""

from pathlib import Path

import mxnet
import numpy as np

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


def make(version: int) -> None:
    folder = HERE / f"mxnet-{version}"
    folder.mkdir(exist_ok=True)
    found = arrays(version)
    dense = {name: mxnet.nd.array(array, dtype=array.dtype) for name, array in found.items()}
    dense["half"] = mxnet.nd.array(found["fc2.weight"], dtype=np.float16)
    dense["codes"] = mxnet.nd.array(np.rint(found["fc2.weight"] * 100), dtype=np.int8)
    mxnet.nd.save(str(folder / "dense.params"), dense)
    sparse = np.where(np.abs(found["fc1.weight"]) > 0.4, found["fc1.weight"], 0)
    csr = mxnet.nd.array(sparse).tostype("csr")
    # MXNet 1.9.1 writes a wrong shape while the conversion still runs.
    csr.wait_to_read()
    mxnet.nd.save(str(folder / "sparse.params"), {"csr": csr})


def make_numpy(version: int) -> None:
    given = {"bias": mxnet.np.array(arrays(version)["fc1.bias"]), "step": mxnet.np.array(3.0)}
    mxnet.npx.save(str(HERE / f"mxnet-{version}" / "numpy.params"), given)


if __name__ == "__main__":
    make(1)
    make(2)
    mxnet.npx.set_np()
    make_numpy(1)
    make_numpy(2)
