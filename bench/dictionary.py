"""What a dictionary shared by many small patches could save, before one is built: python -m bench.dictionary

A dictionary can hold no more than what patches of the same family hold. So patches of a family are coded one
behind the other as one DEVICE block, which carries the coder's state on and may repeat what stands before.
What the last one adds there, against what it takes alone, is the most that priming with others could save.
A dictionary must also be named in the patch: a record with its digest takes 34 bytes.

Families: the TFLite pairs beside the benchmark, each primed with the others of its architecture; and int8
convolutional networks that are trained and fine-tuned again and again here (needs torch).
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import sapwood
from bench import pairs
from bench.kinship.files import safetensors_file
from sapwood.formats.model import open_model
from sapwood.patch.byte_stream import ByteStream
from sapwood.patch.device_plan import DeviceLimits, device_blocks
from sapwood.patch.plan import Piece, plan

RECORD = 34
STATE = 2048
Pair = tuple[bytes, bytes]


def coded(family: Sequence[Pair]) -> int:
    """Bytes that the pairs take as one block after the other, with one coder's state."""
    if not family:
        return 0
    pieces: list[Piece] = []
    old = new = 0
    for base, target in family:
        with open_model(base) as a, open_model(target) as b:
            for piece in plan(a, b):
                place = None if piece.base is None else piece.base + old
                pieces.append(replace(piece, start=piece.start + new, base=place))
        old, new = old + len(base), new + len(target)
    joined = [ByteStream([memoryview(b"".join(side))]) for side in zip(*family, strict=True)]
    blocks = device_blocks(pieces, joined[0], joined[1], DeviceLimits(STATE))
    return sum(len(found.block.payload) for found in blocks)


def tflite() -> Iterator[tuple[str, list[Pair], Pair]]:
    found = {p.base.name.removesuffix(".old.tflite"): p for p in pairs.tflite(Path("nowhere"))}
    read = {name: (p.base.read_bytes(), p.target.read_bytes()) for name, p in found.items()}
    kinds = {name: "cnn" if "cnn" in name else "mlp" for name in read}
    for name, pair in read.items():
        others = [read[o] for o in read if o != name and kinds[o] == kinds[name]]
        yield f"tflite {name}", others, pair


def trained(seed: int, versions: int) -> list[bytes]:
    """Versions of a small network, each fine-tuned from the last on data that drift, quantised by channel."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    shapes = torch.randn(10, 1, 12, 12)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(),
        nn.Conv2d(32, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 36, 24), nn.ReLU(), nn.Linear(24, 10),
    )  # fmt: skip
    found = []
    for version in range(versions):
        best = torch.optim.Adam(net.parameters(), 1e-3 if version == 0 else 1e-4)
        for _ in range(400 if version == 0 else 40):
            labels = torch.randint(0, 10, (64,))
            images = shapes[labels] + 0.8 * torch.randn(64, 1, 12, 12)
            best.zero_grad()
            nn.functional.cross_entropy(net(images), labels).backward()
            best.step()
        shapes = shapes + 0.1 * torch.randn(shapes.shape)
        arrays: dict[str, np.ndarray] = {}
        for name, value in net.state_dict().items():
            array = value.numpy()
            if array.ndim == 1:
                arrays[name] = array.copy()
                continue
            scale = np.abs(array).reshape(len(array), -1).max(axis=1) / np.float32(127)
            arrays[f"{name}.scale"] = scale
            arrays[name] = np.rint(array / scale.reshape(-1, *[1] * (array.ndim - 1))).astype(np.int8)
        found.append(safetensors_file(arrays))
    return found


def retrained() -> Iterator[tuple[str, list[Pair], Pair]]:
    for seed in range(3):
        versions = trained(seed, 10)
        # Pairs without a version in common: what one makes must not be another's base.
        found = list(zip(versions[::2], versions[1::2], strict=True))
        yield f"family {seed}, version 9 to 10", found[:-1], found[-1]
    other = trained(7, 8)
    versions = trained(8, 2)
    yield (
        "another family's, version 1 to 2",
        list(zip(other[::2], other[1::2], strict=True)),
        (versions[0], versions[1]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(
        prog="python -m bench.dictionary", description=__doc__, formatter_class=raw
    ).parse_args(arguments)
    table = Table(
        "pair", "patch", "its blocks", "primed by", "primed", "gain less the record", "of the patch"
    )
    gains = []
    for name, others, pair in itertools.chain(tflite(), retrained()):
        whole = sapwood.diff(*pair).size
        alone = coded([pair])
        primed = coded([*others, pair]) - coded(others)
        gain = alone - primed - RECORD
        gains.append(gain / whole)
        row = (
            f"{whole:,}",
            f"{alone:,}",
            f"{len(others)}",
            f"{primed:,}",
            f"{gain:,}",
            f"{gain / whole:.4f}",
        )
        table.add_row(name, *row)
        print(name, *row, sep="; ", file=sys.stderr, flush=True)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    print(f"mean {np.mean(gains):.4f}, largest {max(gains):.4f} of the patch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
