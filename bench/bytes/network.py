"""What a recurrent network would add to the learned byte coder at level max, and what it would cost.

    python -m bench.bytes.network [FOLDER] [--seconds N] [--json FILE]

FOLDER is the corpus of bytes (bench/bytes/corpus.py). Trains a GRU on its training part for N seconds
of one core, then codes each test file's beginning by the coder alone and mixed with the network: bit by
bit, both logits weighed by position in the byte, the weights fitted on the very file they are used on.
That is more than any mixer could reach: what it says a network adds is a bound from above. Costs are
products of 8-bit integers, as many as a byte takes, timed in C: a bound from below. Needs torch and a C
compiler.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

CORE: Final = Path(__file__).parents[2] / "core"
WIDTHS: Final = (32, 64)
LENGTH: Final = 128
BATCH: Final = 64
# Of each test file.
TESTED: Final = 1 << 14
SEED: Final = 1

Numbers = npt.NDArray[np.float64]


def library(folder: str) -> ctypes.CDLL:
    """The C half, built for this machine."""
    out = Path(folder) / "network.so"
    sources = [Path(__file__).with_suffix(".c"), CORE / "src/byte_model.c", CORE / "src/byte_lanes.c"]
    command = ["cc", "-std=c11", "-O3", "-march=native", "-shared", "-fPIC", f"-I{CORE / 'src'}"]
    subprocess.run([*command, f"-I{CORE / 'include'}", *map(str, sources), "-o", str(out)], check=True)
    return ctypes.CDLL(str(out))


class Network(torch.nn.Module):  # type: ignore[misc]  # torch is not always there to be looked at
    """One GRU, over bytes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bytes = torch.nn.Embedding(256, width)
        self.gru = torch.nn.GRU(width, width, batch_first=True)
        self.out = torch.nn.Linear(width, 256)

    def forward(self, content: torch.Tensor, state: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Batches of bytes to logits of the byte after each, and the state to go on with."""
        hidden, state = self.gru(self.bytes(content), state)
        return self.out(hidden), state


def train(width: int, content: bytes, seconds: float) -> tuple[Network, int]:
    """On pieces from anywhere, for so long; also how many bytes it saw."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    data = torch.frombuffer(bytearray(content), dtype=torch.uint8).long()
    network = Network(width)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    started, seen = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 - 0.95 * spent / seconds)
        at = rng.integers(0, len(content) - LENGTH - 1, BATCH)
        batch = torch.stack([data[i : i + LENGTH + 1] for i in at])
        logits, _ = network(batch[:, :-1], None)
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 256), batch[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        seen += LENGTH * BATCH
    return network, seen


def network_logits(network: Network, content: bytes) -> Numbers:
    """Of each of a byte's eight bits, given those before it: the logit of a 1, in the order of bits."""
    data = torch.frombuffer(bytearray(b"\0" + content), dtype=torch.uint8).long()
    chances, state = [], None
    with torch.no_grad():
        for at in range(0, len(content), 4096):
            logits, state = network(data[None, at : min(at + 4096, len(content))], state)
            chances.append(torch.softmax(logits[0].double(), 1).numpy())
    table = np.concatenate(chances)
    values = np.frombuffer(content, np.uint8)
    out = np.empty((len(content), 8))
    rows = np.arange(len(content))
    for bit in range(8):
        # The bytes that begin as this one did: a block of them, half with a 1 next.
        sums = table.reshape(len(content), 1 << bit + 1, -1).sum(2)
        prefix = values.astype(np.int64) >> (8 - bit)
        ones, zeros = sums[rows, 2 * prefix + 1], sums[rows, 2 * prefix]
        out[:, bit] = np.log(ones + 1e-9) - np.log(zeros + 1e-9)
    return out


def coder_logits(lib: ctypes.CDLL, content: bytes) -> tuple[Numbers, Numbers]:
    """Logits of level max, and the bits."""
    told = np.zeros((len(content), 8, 2), np.uint16)
    lib.decisions(content, ctypes.c_size_t(len(content)), told.ctypes.data_as(ctypes.c_void_p))
    chance = np.clip(told[..., 0].astype(np.float64), 16, 65520) / 65536
    return np.log(chance / (1 - chance)), told[..., 1].astype(np.float64)


def bits_a_byte(logits: Numbers, bits: Numbers) -> float:
    return float(np.logaddexp(0, np.where(bits > 0, -logits, logits)).sum() / np.log(2) / len(bits))


def mixed(inputs: Sequence[Numbers], bits: Numbers) -> Numbers:
    """The best logistic mixture of the inputs for each position in the byte, by Newton's method."""
    out = np.empty_like(bits)
    for bit in range(8):
        x = np.stack([each[:, bit] for each in inputs], 1)
        weights = np.full(len(inputs), 1 / len(inputs))
        for _ in range(12):
            p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
            slope = x.T @ (bits[:, bit] - p)
            curvature = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(len(inputs))
            weights += np.linalg.solve(curvature, slope)
        out[:, bit] = x @ weights
    return out


def cost(lib: ctypes.CDLL, width: int, layers: int) -> dict[str, float]:
    """Products a byte, and MB/s if they were all there is to do."""
    products = layers * 3 * width * 2 * width + 256 * width
    weights = np.random.default_rng(SEED).integers(-20, 20, products).astype(np.int8)
    state = np.ones(2 * width, np.int8)
    steps = max(200, 200_000_000 // products)
    started = time.process_time()
    lib.gru_steps(
        weights.ctypes.data_as(ctypes.c_void_p),
        state.ctypes.data_as(ctypes.c_void_p),
        *map(ctypes.c_size_t, (width, layers, steps)),
    )
    return {"products": products, "mb_a_second": steps / (time.process_time() - started) / 1e6}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/bytes"))
    parser.add_argument("--seconds", type=float, default=150, help="of training on one core, each width")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # more wait for each other at such widths
    training = b"".join(path.read_bytes() for path in sorted((options.folder / "train").iterdir()))
    tests = {path.name: path.read_bytes()[:TESTED] for path in sorted((options.folder / "test").iterdir())}
    result: dict[str, Any] = {"costs": {}, "networks": {}}
    with tempfile.TemporaryDirectory() as folder:
        lib = library(folder)
        print("| network | products a byte | MB/s at most |\n|---|---|---|")
        for width, layers in ((32, 1), (64, 1), (128, 1), (256, 2)):
            found = result["costs"][f"{layers} x GRU {width}"] = cost(lib, width, layers)
            print(f"| {layers} x GRU {width} | {found['products']} | {found['mb_a_second']:.4f} |")
        coded = {name: coder_logits(lib, content) for name, content in tests.items()}
    for width in WIDTHS:
        network, seen = train(width, training, options.seconds)
        print(f"\nGRU {width}, trained on {seen / 1e6:.1f} MB in {options.seconds:.0f} s: bits a byte\n")
        print("| file | network alone | max | max, fitted | max and network, fitted | added |")
        print("|---|---|---|---|---|---|")
        rows = {}
        for name, content in tests.items():
            ours, bits = coded[name]
            theirs = network_logits(network, content)
            both = bits_a_byte(mixed([ours, theirs], bits), bits)
            fitted = bits_a_byte(mixed([ours], bits), bits)
            rows[name] = (bits_a_byte(theirs, bits), bits_a_byte(ours, bits), fitted, both, both / fitted - 1)
        rows["mean"] = tuple(np.mean(list(rows.values()), 0))
        for name, row in rows.items():
            print(f"| {name} | {' | '.join(f'{value:.3f}' for value in row[:4])} | {row[4]:+.2%} |")
        result["networks"][width] = {"bytes_seen": seen, "rows": rows}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, default=float))


if __name__ == "__main__":
    main()
