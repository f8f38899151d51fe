"""How much of a large model its sketch reads, and how long that takes: python -m bench.kinship.reading

The model is a file of 10 GB with holes, laid out as a transformer in bf16 is. The system's page cache is
asked which of the file's pages have been read. Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import sapwood

_SHAPES = {
    "q": (4096, 4096),
    "k": (1024, 4096),
    "v": (1024, 4096),
    "o": (4096, 4096),
    "gate": (14336, 4096),
    "up": (14336, 4096),
    "down": (4096, 14336),
    "norm": (4096,),
}


def make(path: Path, size: int) -> None:
    header, at, layer = {}, 0, 0
    while at < size:
        for name, shape in _SHAPES.items():
            end = at + 2 * int(np.prod(shape))
            header[f"layers.{layer}.{name}"] = {"dtype": "BF16", "shape": shape, "data_offsets": (at, end)}
            at = end
        layer += 1
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)


def pages_read(path: Path) -> int:
    """Bytes of the file that are in the page cache."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    length = len(mapped)
    told = np.zeros(-(-length // mmap.PAGESIZE), np.uint8)
    held = ctypes.c_char.from_buffer(mapped)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mincore(ctypes.c_void_p(ctypes.addressof(held)), ctypes.c_size_t(length), told.ctypes):
        raise OSError(ctypes.get_errno(), "mincore")
    return int(np.count_nonzero(told & 1)) * mmap.PAGESIZE


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.kinship.reading", description=__doc__)
    parser.add_argument("--size", type=int, default=10**10, help="bytes of the model")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as room:
        path = Path(room, "large.safetensors")
        make(path, options.size)
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        started, used = time.perf_counter(), time.process_time()
        one = sapwood.fingerprint(path, exact=False)
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
        print(f"{one.size:,} bytes, {len(one.sketch.tensors)} tensors, {len(one.sketch.runs)} runs")
        print(f"{pages_read(path):,} bytes read in {seconds:.3f} s ({cpu:.3f} s of CPU)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
