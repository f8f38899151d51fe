"""Keepers that are Python packages: hf_xet, and compressed HDF5."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from bench.history.keeper import Keeper


class Xet(Keeper):
    """hf_xet's chunks, with a folder in place of its servers."""

    name = "hf_xet"
    package = "hf_xet"

    def begin(self) -> None:
        import hf_xet

        self._session = hf_xet.XetSession()
        self._infos: list[Any] = []

    def commit(self) -> str:
        upload = self._session.new_upload_commit(endpoint=self._endpoint)
        upload.start_upload_file(str(self.file))
        (done,) = upload.wait_to_finish().uploads.values()
        self._infos.append(done.xet_info)
        return str(len(self._infos) - 1)

    def checkout(self, version: str) -> None:
        with self._session.new_file_download_group(endpoint=self._endpoint) as group:
            group.start_download_file(self._infos[int(version)], str(self.file))

    def stored(self) -> int:
        """Chunks and lists, without the database by which the folder acts as a server, and without caches."""
        kept = (self.store / "xet" / "xorbs").rglob("*")
        return sum(path.stat().st_size for path in kept if path.is_file() and path.suffix != ".redb")

    @property
    def _endpoint(self) -> str:
        return f"local://{self.store}"


class Hdf5(Keeper):
    """Coral's method: a version is an HDF5 file, its tensors shuffled by bytes and deflated."""

    name = "HDF5 (Coral)"
    package = "h5py"
    _differences = False

    def begin(self) -> None:
        self._count = 0
        self._before: dict[str, np.ndarray[Any, Any]] = {}

    def commit(self) -> str:
        import h5py

        header, tensors = _read(self.file.read_bytes())
        with h5py.File(self.store / f"{self._count}.h5", "w") as file:
            file.attrs["header"] = np.frombuffer(header, np.uint8)
            for name, tensor in tensors.items():
                kept = tensor - self._before[name] if self._before else tensor
                packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
                chunk = (min(len(kept), _CHUNK),)
                file.create_dataset(name, data=kept, **(packed | {"chunks": chunk} if len(kept) else {}))
        if self._differences:
            self._before = tensors
        self._count += 1
        return str(self._count - 1)

    def checkout(self, version: str) -> None:
        import h5py

        last = int(version)
        tensors: dict[str, np.ndarray[Any, Any]] = {}
        for number in range(0 if self._differences else last, last + 1):
            with h5py.File(self.store / f"{number}.h5") as file:
                header = file.attrs["header"].tobytes()
                for name in _names(header):
                    kept = file[name][()]
                    tensors[name] = tensors[name] + kept if name in tensors else kept
        with self.file.open("wb") as out:
            out.write(header)
            for name in _names(header):
                out.write(tensors[name].tobytes())


class Hdf5Differences(Hdf5):
    """The same, of the difference to the version before, between bit patterns as integers: that is exact."""

    name = "HDF5, differences"
    _differences = True


# Elements of a chunk: large ones deflate a little better.
_CHUNK = 1 << 18


def _read(data: bytes) -> tuple[bytes, dict[str, np.ndarray[Any, Any]]]:
    """A safetensors file's header, and its tensors' bit patterns as integers, in the file's order."""
    end = 8 + int.from_bytes(data[:8], "little")
    table = json.loads(data[8:end])
    tensors = {}
    for name in _names(data[:end]):
        first, last = table[name]["data_offsets"]
        count = math.prod(table[name]["shape"])
        width = (last - first) // count if count else 1
        tensors[name] = np.frombuffer(data[end + first : end + last], f"<u{width}")
    return data[:end], tensors


def _names(header: bytes) -> list[str]:
    table = json.loads(header[8:])
    return sorted(table.keys() - {"__metadata__"}, key=lambda name: table[name]["data_offsets"])
