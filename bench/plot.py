"""The run as one picture: sizes and speeds side by side, a row for each peer, a dot for each pair."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.peers import REFERENCE
from bench.session import Line, Session

PANELS = (
    ("size_ratio", f"patch size / {REFERENCE}\n(less is better)"),
    ("encode_ratio", f"encode speed / {REFERENCE}\n(more is better)"),
    ("decode_ratio", f"decode speed / {REFERENCE}\n(more is better)"),
)


def draw(path: Path, session: Session, lines: Sequence[Line]) -> None:
    """Write a PNG. Peers that could not run keep a row, named with the reason."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib import ticker

    good = [line for line in lines if not line.error]
    keys = list(dict.fromkeys((line.peer, line.threads) for line in good))
    missing = [skip for skip in session.skips if skip.peer and not skip.pair]
    names = [f"{peer}, {threads} thread{'s' * (threads > 1)}" for peer, threads in keys]
    names += [f"{skip.peer}: missing" for skip in missing]
    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(15, 1.5 + 0.32 * len(names)))
    for axis, (name, title) in zip(axes, PANELS, strict=True):
        for at, key in enumerate(keys):
            values = [getattr(line, name) for line in good if (line.peer, line.threads) == key]
            color = "tab:green" if key[0].startswith("sapwood") else "tab:blue"
            _row(axis, at, [value for value in values if value is not None], color)
        axis.axvline(1, color="gray", linewidth=0.8)
        axis.set_xscale("log")
        # On a short axis the labels between the powers of ten would run into each other.
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axis.set_title(title, fontsize=10)
        axis.grid(axis="y", alpha=0.3)
    for at, skip in enumerate(missing, len(keys)):
        place = axes[0].get_yaxis_transform()
        axes[0].text(0.02, at, skip.reason[:90], fontsize=7, color="tab:red", va="center", transform=place)
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].set_ylim(len(names) - 0.5, -0.8)
    figure.suptitle(f"{len(session.pairs)} pairs: each a dot, the median a diamond")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _row(axis: Any, at: int, values: list[float], color: str) -> None:
    if not values:
        return
    middle = statistics.median(values)
    axis.plot(values, [at] * len(values), ".", color=color, alpha=0.35)
    axis.plot(middle, at, "D", color=color)
    axis.annotate(f"{middle:.2f}", (middle, at), xytext=(0, 6), textcoords="offset points", fontsize=7)
