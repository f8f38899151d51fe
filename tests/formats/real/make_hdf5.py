"""Make hdf5-{1,2}/ and keras-{1,2}/: ``python -m tests.formats.real.make_hdf5``.

Needs h5py 3.16.0, PyTables 3.11 and Keras 3.

``old.h5`` and ``latest.h5`` are h5py's at both ends of the library's versions, with storage of every kind;
``tables.h5`` is PyTables'; ``keras.weights.h5`` and ``model.keras`` are Keras's (its torch backend).
"""

import os
from pathlib import Path

import h5py
import numpy as np
import tables

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras  # the backend is chosen first

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


def write_h5py(path: Path, version: int, libver: str) -> None:
    found = arrays(version)
    weight = found["fc1.weight"]
    with h5py.File(path, "w", libver=libver, track_order=False) as file:
        for name, array in found.items():
            file[name.replace(".", "/")] = array
        file.attrs["keras_version"] = "2.4.0"
        kinds = file.create_group("kinds")
        kinds["half"] = weight.astype(np.float16)
        kinds["wide"] = weight.astype(np.float64)
        kinds["codes"] = np.rint(weight * 100).astype(np.int8)
        kinds["big"] = weight.astype(">f4")
        kinds["flags"] = weight > 0
        kinds["step"] = np.int64(1000 + version)
        odd = file.create_group("odd")
        odd["text"] = np.bytes_("fixed")
        odd["free text"] = "of variable length"
        odd.create_dataset("empty", data=h5py.Empty("f4"))
        odd.create_dataset("never", shape=(4,), dtype="f4")
        odd["again"] = kinds["half"]
        odd["soft"] = h5py.SoftLink("/kinds/half")
        odd["up"] = file["/"]
        chunks = file.create_group("chunks")
        chunks.create_dataset("grid", data=weight, chunks=(12, 12))
        chunks.create_dataset("single", data=weight, chunks=weight.shape)
        chunks.create_dataset("gzip", data=weight, chunks=(12, 8), compression="gzip")
        many = file.create_group("many")
        for index in range(10):
            many[str(index)] = weight[:, index]


def write_tables(path: Path, version: int) -> None:
    with tables.open_file(str(path), "w") as file:
        group = file.create_group("/", "model")
        for name, array in arrays(version).items():
            file.create_array(group, name.replace(".", "_"), array)


def write_keras(weights: Path, whole: Path, version: int) -> None:
    found = arrays(version)
    inner, outer = (keras.layers.Dense(size, name=name) for size, name in ((24, "fc1"), (8, "fc2")))
    model = keras.Sequential([keras.Input((16,)), inner, outer])
    for layer, name in ((inner, "fc1"), (outer, "fc2")):
        layer.set_weights([found[f"{name}.weight"].T, found[f"{name}.bias"]])
    model.save_weights(weights)
    model.save(whole)


if __name__ == "__main__":
    for version in (1, 2):
        folder = HERE / f"hdf5-{version}"
        folder.mkdir(exist_ok=True)
        write_h5py(folder / "old.h5", version, "earliest")
        write_h5py(folder / "latest.h5", version, "latest")
        write_tables(folder / "tables.h5", version)
        second = HERE / f"keras-{version}"
        second.mkdir(exist_ok=True)
        write_keras(folder / "keras.weights.h5", second / "model.keras", version)
