"""Some versions of a small model, and chains of them."""

import functools
import zlib

import numpy as np
from blake3 import blake3

import sapwood
from tests.oracle.container import read_patch
from tests.patch import models


@functools.cache
def versions(count: int = 4, kind: str = "safetensors") -> tuple[bytes, ...]:
    """Training steps of one model, each a file's bytes."""
    arrays = models.first_version(20)
    random = np.random.default_rng(5)
    found = []
    for _ in range(count):
        found.append(models.MAKERS[kind](arrays))
        arrays = {
            name: array
            if array.dtype.kind != "f"
            else np.asarray(array * (1 + 1e-3 * random.standard_normal(array.shape)), array.dtype)
            for name, array in arrays.items()
        }
    return tuple(found)


@functools.cache
def patches(count: int = 4) -> tuple[bytes, ...]:
    """The patches between them, in order."""
    made = versions(count)
    return tuple(
        sapwood.diff(made[i], made[i + 1], threads=1, version_counter=i + 1).to_bytes()
        for i in range(count - 1)
    )


@functools.cache
def chain(count: int = 4) -> bytes:
    """All of them as a chain."""
    return joined(patches(count))


def joined(links: tuple[bytes, ...]) -> bytes:
    """A chain with any links, whether they lead on or not: made here from the specification alone."""
    out = bytearray(b"\x89SWC\x01\x00")
    for patch in links:
        manifest = read_patch(patch).manifest
        base, target = manifest.base, manifest.target
        counter = sapwood.open_patch(patch).manifest.version_counter
        record = b"LINK" + len(patch).to_bytes(8, "little") + counter.to_bytes(8, "little")
        for model in (base, target):
            shape, size, digest = (model.shape, model.size, model.digest) if model else (0, 0, bytes(32))
            shape |= manifest.hash << 4 if model else 0
            record += bytes([shape]) + size.to_bytes(8, "little") + digest
        record += zlib.crc32(record).to_bytes(4, "little")
        out += record + patch + blake3(record + patch).digest()
    return bytes(out)
