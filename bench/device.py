"""Patches for devices, side by side: sizes, the memory a decoder keeps, and whether the target came back.

python -m bench.device                         the TFLite pairs of this repository
python -m bench.device --corpus build/bench    and those in the corpus folder's tflite/

Every peer runs at all its settings and shows its best one. "2 KB" is the best of those whose decoder keeps no
more than 2048 bytes of window, dictionary or model. Sizes are of whole patches: Sapwood's carry two 32-byte
digests, a CRC and a digest of the blocks, which no peer's do. "blocks" is what is left without them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import facts, pairs
from bench.peers.detools_peer import Detools
from bench.peers.device_peer import DevicePeer
from bench.peers.hdiff import HDiff
from bench.peers.hpatch_lite import HPatchLite
from bench.peers.peer import Bytes, Peer, read
from bench.peers.sapwood_peer import SapwoodDevice

OURS = (SapwoodDevice(512), SapwoodDevice(2048))
SMALL = (Detools("crle"), Detools("heatshrink"), HPatchLite("tinyuz"), HPatchLite("tamp"))
# Not for a device with little memory: how far below them a small decoder can come.
LARGE: tuple[Peer, ...] = (Detools("lzma"), HDiff())
LITTLE = 2048
HEADER = 192


@dataclass(frozen=True, slots=True)
class Row:
    """One patch. Sizes and memory in bytes; memory is None where a peer does not say.

    blocks: what the blocks take, without the manifest. error: empty when the target came back.
    """

    pair: str
    target_size: int
    peer: str
    settings: str
    memory: int | None
    size: int
    blocks: int | None = None
    error: str = ""


def measure(pair: pairs.Pair, peer: Peer, most_memory: int | None = None) -> Row | None:
    """A peer's best patch, decoded and compared; None if it has none for so little memory."""
    base, target = read(pair.base), read(pair.target)
    name = peer.name if most_memory is None else f"{peer.name}, {most_memory >> 10} KB"
    if not isinstance(peer, DevicePeer):
        patch = peer.encode(base, target, 1)
        return Row(
            pair.name, len(target), name, "", None, len(patch), error=_check(peer, base, target, patch)
        )
    best = peer.best(base, target, most_memory)
    if best is None:
        return None
    error = _check(peer, base, target, best.patch)
    blocks = _blocks(best.patch) if isinstance(peer, SapwoodDevice) else None
    return Row(pair.name, len(target), name, best.settings, best.memory, len(best.patch), blocks, error)


def _check(peer: Peer, base: Bytes, target: Bytes, patch: bytes) -> str:
    try:
        same = bytes(peer.decode(base, patch, 1)) == target.tobytes()
    except Exception as error:  # noqa: BLE001  whatever a foreign decoder raises is its result
        return repr(error)
    return "" if same else "another target"


def _blocks(patch: bytes) -> int:
    import sapwood

    return sum(chunk.coded for chunk in sapwood.open_patch(patch).manifest.chunks)


@dataclass(frozen=True, slots=True)
class Goal:
    text: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        return self.value <= self.limit


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What this profile promised itself, by whole patches."""
    sizes = {(row.pair, row.peer): row.size for row in rows if not row.error}
    names = list(dict.fromkeys(row.pair for row in rows))
    ours = {name: sizes[name, OURS[1].name] for name in names}
    small = {name: min(sizes[name, peer.name] for peer in SMALL[:3]) for name in names}
    ratios = [ours[name] / small[name] for name in names]
    geomean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    found = [Goal("geomean of size / best of detools crle, heatshrink and HPatchLite+tinyuz", geomean, 0.75)]
    for name in names:
        if any(word in name for word in ("_ft_", "lastlayer", "f32_mlp")):
            found.append(Goal(f"{name}: size / detools lzma", ours[name] / sizes[name, "detools lzma"], 1))
        elif "mlt_resnet" in name:
            found.append(Goal(f"{name}: size / HDiffPatch", ours[name] / sizes[name, "hdiffpatch"], 1.1))
        else:
            target = next(row.target_size for row in rows if row.pair == name)
            found.append(Goal(f"{name}: size / (target + {HEADER})", ours[name] / (target + HEADER), 1))
    return found


def show(console: Console, rows: Sequence[Row], found: Sequence[Goal]) -> None:
    for name in dict.fromkeys(row.pair for row in rows):
        part = [row for row in rows if row.pair == name]
        table = Table(title=f"{name}: {part[0].target_size:,} bytes", title_justify="left")
        for column in ("peer", "settings"):
            table.add_column(column)
        for column in ("memory", "bytes", "blocks", "of target", f"/ {OURS[1].name}"):
            table.add_column(column, justify="right")
        table.add_column("target")
        ours = next(row.size for row in part if row.peer == OURS[1].name)
        for row in part:
            table.add_row(
                row.peer,
                row.settings,
                "" if row.memory is None else f"{row.memory:,}",
                f"{row.size:,}",
                "" if row.blocks is None else f"{row.blocks:,}",
                f"{row.size / row.target_size:.4f}",
                f"{row.size / ours:.3f}",
                row.error or "came back",
            )
        console.print(table)
    table = Table(title="goals", title_justify="left")
    for column in ("goal", "value", "limit", "met"):
        table.add_column(column)
    for goal in found:
        table.add_row(
            goal.text, f"{goal.value:.3f}", f"{goal.limit:g}", "yes" if goal.met else "[bold]no[/bold]"
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.device", description=__doc__, formatter_class=raw)
    parser.add_argument(
        "--corpus", type=Path, default=Path("build/bench"), help="where other pairs lie, in tflite/"
    )
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    options = parser.parse_args(arguments)
    every: tuple[Peer, ...] = (*OURS, *SMALL, *LARGE)
    absent = {peer.name: why for peer in every if (why := peer.available()) is not None}
    for name, why in absent.items():
        print(f"not run: {name}: {why}", file=sys.stderr)
    rows = []
    with Console(stderr=True).status("starting") as status:
        for pair in pairs.tflite(options.corpus):
            for peer in every:
                if peer.name in absent:
                    continue
                status.update(f"{pair.name}: {peer.name}")
                for most_memory in (None, LITTLE) if peer in SMALL else (None,):
                    row = measure(pair, peer, most_memory)
                    if row is not None:
                        rows.append(row)
    found = [] if absent else goals(rows)
    show(Console(width=None if sys.stdout.isatty() else 150), rows, found)
    if options.json:
        content = {
            "machine": facts.machine(),
            "versions": facts.versions(),
            "rows": [asdict(row) for row in rows],
            "goals": [{**asdict(goal), "met": goal.met} for goal in found],
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 1 if any(row.error for row in rows) or not all(goal.met for goal in found) else 0


if __name__ == "__main__":
    sys.exit(main())
