"""The goals a pair is held to, and whether they are met. A goal without a figure is not met, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.pairs import Pair

# Share of BitX's size a patch may have, by kind of pair.
OF_BITX = {"rl-1": 0.40, "rl-8": 0.42, "sft-bf16": 0.66, "sft-f16": 0.77, "sft-f32": 0.78}
# Likewise, where an adapter was merged.
MERGED_OF_BITX = {"lora": 0.20, "lora-1024": 0.12, "lora-2048": 0.09}
# Share of the target's size.
CAST = 0.001
# Share of pcodec's best size on the same pairs.
OF_PCODEC = 0.95
# Share of the best peer's size, whichever that is.
OF_BEST = {"quantised": 0.80, "crossed": 0.80}


@dataclass(frozen=True, slots=True)
class Goal:
    """figure <= limit is wanted; figure is None when something needed for it was not measured."""

    pair: str
    text: str
    limit: float
    figure: float | None
    note: str = ""

    @property
    def met(self) -> bool:
        return self.figure is not None and self.figure <= self.limit


def goals(pair: Pair, sizes: Mapping[str, int], not_run: list[str]) -> list[Goal]:
    """The goals of one pair. sizes: bytes by peer and level of sapwood; not_run: peers without a size."""
    ours = {name: size for name, size in sizes.items() if name.startswith("sapwood ")}
    peers = {name: size for name, size in sizes.items() if name not in ours}
    level = min(ours, key=lambda name: ours[name], default="")
    size = ours.get(level)
    absent = [name for name in not_run if not name.startswith("sapwood ")]
    without = f"not measured: {', '.join(absent)}" if absent else ""

    def against(text: str, limit: float, names: list[str], note: str = "") -> Goal:
        known = {name: peers[name] for name in names if name in peers}
        if size is None or not known:
            lacking = "no size of sapwood" if size is None else "no size to beat"
            return Goal(pair.name, text, limit, None, lacking)
        best = min(known, key=lambda name: known[name])
        told = "; ".join(
            part for part in (level, f"best peer {best}" if len(names) > 1 else "", note) if part
        )
        return Goal(pair.name, text, limit, size / known[best], told)

    if pair.kind in OF_BITX:
        pcodecs = [name for name in peers if name.startswith("pcodec")]
        return [
            against("size / bitx", OF_BITX[pair.kind], ["bitx"]),
            against("size / pcodec", OF_PCODEC, pcodecs),
        ]
    if pair.kind in MERGED_OF_BITX:
        return [against("size / bitx", MERGED_OF_BITX[pair.kind], ["bitx"])]
    if pair.kind == "cast":
        share = None if size is None else size / pair.target.stat().st_size
        return [Goal(pair.name, "size / target", CAST, share, level)]
    return [against("size / best peer", OF_BEST.get(pair.kind, 1.0), list(peers), without)]
