"""The change between two models as one picture: layers across, roles down, and what stands outside of layers.

The left half shows which share of the elements changed, the right half by how much, on a logarithmic scale.
"""

import dataclasses
import math
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sapwood.errors import MissingDependency, WrongCall
from sapwood.patch.atomic_file import atomic_output
from sapwood.patch.roles import ROLES, position

if TYPE_CHECKING:
    from sapwood.patch.model_stats import ModelStats, TensorStats

__all__ = ["plot"]

_FORMATS: Final = ("png", "svg", "pdf")
# A report's page holds so many rows; what changed least is summed up in the last.
_MOST_ROLES: Final = 24
_MOST_BARS: Final = 16
# Cells are wide enough for numbers up to this many layers.
_MOST_NUMBERED: Final = 14
# Narrower cells would be hidden by the lines between them.
_MOST_EDGED: Final = 40
_EMPTY: Final = "#eeeeee"
_UNCHANGED: Final = "#ffffff"
_COLORS: Final = "YlGnBu"

Column = tuple[str, int]


@dataclasses.dataclass(slots=True)
class _Cell:
    """Tensors summed up. Squares are relative to nothing: they are sums over elements."""

    compared: int = 0
    changed: int = 0
    base_squares: float = 0.0
    squares: float = 0.0
    floats: bool = False

    def add(self, tensor: "TensorStats") -> None:
        self.compared += tensor.compared
        self.changed += tensor.changed
        if tensor.base_rms is not None and tensor.rms is not None:
            self.floats = True
            self.base_squares += tensor.base_rms**2 * tensor.compared
            self.squares += (tensor.rms * tensor.base_rms) ** 2 * tensor.compared

    @property
    def share(self) -> float:
        return self.changed / self.compared if self.compared else math.nan

    @property
    def relative(self) -> float:
        if not self.floats:
            return math.nan
        return math.sqrt(self.squares / self.base_squares) if self.base_squares else 0.0


def plot(stats: "ModelStats", path: str | os.PathLike[str]) -> None:
    """Draw ``stats`` into a file; see ``ModelStats.plot``."""
    kind = os.fspath(path).rpartition(".")[2].lower()
    if kind not in _FORMATS:
        raise WrongCall(
            "no kind of picture by this suffix", path=os.fspath(path), expected=", ".join(_FORMATS)
        )
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  it is optional, and takes long to import
    except ImportError as error:
        raise MissingDependency(
            "matplotlib is not installed", advice="Install it with: pip install 'sapwood[plot]'"
        ) from error
    with atomic_output(path) as out, warnings.catch_warnings():
        # A letter that the font lacks shows as a box, which is enough to tell rows apart.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = _draw(stats, Figure)
        # Without a date, the same numbers give the same file.
        metadata = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        figure.savefig(out, format=kind, dpi=150, metadata=metadata)


def _draw(stats: "ModelStats", new_figure: Any) -> Any:
    cells, bars = _grouped(stats.tensors)
    found = dict.fromkeys(column for row in cells.values() for column in row)
    stacks = list(dict.fromkeys(stack for stack, _ in found))
    columns = sorted(found, key=lambda column: (stacks.index(column[0]), column[1]))
    height = (0.6 + 0.3 * len(cells) if cells else 0, 0.6 + 0.24 * len(bars) if bars else 0)
    width = min(20.0, max(11.0, 4 + 0.62 * len(columns) if len(columns) <= _MOST_NUMBERED else 13.0))
    figure = new_figure(figsize=(width, 1.5 + sum(height)), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, hspace=0.04)
    figure.suptitle(_title(stats), fontsize=11)
    panels = [rows for rows in height if rows]
    axes = figure.subplots(max(1, len(panels)), 2, squeeze=False, height_ratios=panels or [1])
    scale = _scale([cell for row in cells.values() for cell in row.values()] + list(bars.values()))
    if cells:
        _heat(figure, axes[0], cells, columns, scale)
    if bars:
        _bars(axes[-1], bars, scale)
    if not panels:
        for axis in axes[0]:
            axis.set_axis_off()
        axes[0][0].text(0, 0.5, "no tensors to compare")
    return figure


def _title(stats: "ModelStats") -> str:
    counts = Counter(tensor.change.value for tensor in stats.tensors)
    share = stats.changed_share
    told = ", ".join(f"{count} {change}" for change, count in counts.items())
    whole = "no tensors in common" if share is None else f"{share:.1%} of all elements changed"
    return f"{whole} ({len(stats.tensors)} tensors: {told})"


def _grouped(tensors: Iterable["TensorStats"]) -> tuple[dict[str, dict[Column, _Cell]], dict[str, _Cell]]:
    """Cells by role and layer, and bars for what stands outside of layers."""
    cells: dict[str, dict[Column, _Cell]] = defaultdict(lambda: defaultdict(_Cell))
    bars: dict[str, _Cell] = defaultdict(_Cell)
    for tensor in tensors:
        if not tensor.compared:
            continue
        place = position(tensor.name)
        if place.layer is None:
            bars[tensor.name.removesuffix(".weight")].add(tensor)
        else:
            cells[place.role][place.stack, place.layer].add(tensor)
    known = [role for role in ROLES if role in cells]
    others = sorted(set(cells) - set(known), key=lambda role: -sum(c.changed for c in cells[role].values()))
    return _cut_rows(cells, [*known, *others]), _cut_bars(bars)


def _cut_rows(
    cells: Mapping[str, Mapping[Column, _Cell]], order: list[str]
) -> dict[str, dict[Column, _Cell]]:
    if len(order) <= _MOST_ROLES:
        return {role: dict(cells[role]) for role in order}
    rows = {role: dict(cells[role]) for role in order[: _MOST_ROLES - 1]}
    rest: dict[Column, _Cell] = {}
    for role in order[_MOST_ROLES - 1 :]:
        for column, cell in cells[role].items():
            _merge(rest.setdefault(column, _Cell()), cell)
    return {**rows, f"{len(order) - _MOST_ROLES + 1} others": rest}


def _cut_bars(bars: Mapping[str, _Cell]) -> dict[str, _Cell]:
    if len(bars) <= _MOST_BARS:
        return dict(bars)
    largest = sorted(bars, key=lambda name: -bars[name].compared)[: _MOST_BARS - 1]
    rest = _Cell()
    for name in bars.keys() - set(largest):
        _merge(rest, bars[name])
    kept = {name: cell for name, cell in bars.items() if name in largest}
    return {**kept, f"{len(bars) - len(largest)} others": rest}


def _merge(into: _Cell, cell: _Cell) -> None:
    into.compared += cell.compared
    into.changed += cell.changed
    into.base_squares += cell.base_squares
    into.squares += cell.squares
    into.floats |= cell.floats


def _scale(cells: list[_Cell]) -> tuple[float, float]:
    """Powers of ten around the relative changes; at most six of them, so that shades stay apart."""
    changes = [cell.relative for cell in cells if cell.relative > 0]
    if not changes:
        return 1e-4, 1.0
    top = 10.0 ** math.ceil(math.log10(max(changes)))
    low = 10.0 ** math.floor(math.log10(min(changes)))
    return max(min(low, top / 10), top / 1e6), top


def _heat(
    figure: Any, axes: Any, cells: dict[str, dict[Column, _Cell]], columns: list[Column], scale: Any
) -> None:
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.colors import LogNorm, Normalize  # noqa: PLC0415
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    colors = colormaps[_COLORS].with_extremes(bad=_EMPTY, under=_UNCHANGED)
    halves = (
        ("share of elements changed", Normalize(0, 1), "share", PercentFormatter(1.0)),
        ("rms of the change / rms of the weights", LogNorm(*scale), "relative", None),
    )
    edge = 0.5 if len(columns) <= _MOST_EDGED else 0
    for axis, (title, norm, field, ticks) in zip(axes, halves, strict=True):
        values = [[getattr(row.get(c, _Cell()), field) for c in columns] for row in cells.values()]
        image = axis.pcolormesh(
            _masked(values, norm), cmap=colors, norm=norm, edgecolors="white", linewidth=edge
        )
        figure.colorbar(image, ax=axis, format=ticks, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)
        axis.set_title(title, fontsize=9)
        axis.invert_yaxis()
        axis.tick_params(length=0)
        axis.set_yticks(
            [i + 0.5 for i in range(len(cells))],
            [_cut(role) for role in cells] if axis is axes[0] else [],
            fontsize=8,
        )
        _layer_ticks(axis, columns)
        if len(columns) <= _MOST_NUMBERED:
            _numbers(axis, values, norm, field)


def _masked(values: list[list[float]], norm: Any) -> Any:
    """NaN (nothing there) masked; 0 on a logarithmic scale moved below it, so that it shows as unchanged."""
    import numpy as np  # noqa: PLC0415

    return np.ma.masked_invalid(
        [[norm.vmin / 10 if v == 0 and norm.vmin > 0 else v for v in row] for row in values]
    )


def _numbers(axis: Any, values: list[list[float]], norm: Any, field: str) -> None:
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            if math.isnan(value):
                continue
            dark = value > 0 and norm(value) > 0.55
            text = f"{value:.0%}" if field == "share" else _short(value)
            color = "white" if dark else "black"
            axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=6.5, color=color)


def _short(value: float) -> str:
    """Two digits, without an exponent where that is as short: 0.0034, 2e-06."""
    return "0" if value == 0 else f"{value:.1g}" if value < 1e-3 else f"{value:.2g}"


def _layer_ticks(axis: Any, columns: list[Column]) -> None:
    stacks = list(dict.fromkeys(stack for stack, _ in columns))
    step = max(1, -(-len(columns) // 16))
    shown = range(0, len(columns), step)
    axis.set_xticks([i + 0.5 for i in shown], [str(columns[i][1]) for i in shown], fontsize=7)
    if len(stacks) == 1:
        axis.set_xlabel(_cut(stacks[0]), fontsize=8)
        return
    for stack in stacks:
        places = [i for i, column in enumerate(columns) if column[0] == stack]
        if places[0]:
            axis.axvline(places[0], color="black", linewidth=0.8)
    axis.set_xlabel(
        " | ".join(map(_cut, stacks)) if len(stacks) <= 4 else f"{len(stacks)} groups of layers", fontsize=8
    )


def _bars(axes: Any, bars: dict[str, _Cell], scale: tuple[float, float]) -> None:
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    places = range(len(bars))
    color = colormaps[_COLORS](0.6)
    low, high = scale
    for axis, field in zip(axes, ("share", "relative"), strict=True):
        values = [getattr(cell, field) for cell in bars.values()]
        start = 0.0 if field == "share" else low / 2
        end = 1.0 if field == "share" else high
        lengths = [max(0.0, value - start) if value == value else 0.0 for value in values]  # noqa: PLR0124
        if field == "relative":
            axis.set_xscale("log")
        axis.barh(places, lengths, left=start, color=color, height=0.65)
        axis.set_xlim(start, end)
        for y, value in zip(places, values, strict=True):
            text = "-" if math.isnan(value) else f"{value:.1%}" if field == "share" else _short(value)
            axis.annotate(
                text,
                (1, y),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                annotation_clip=False,
            )
        axis.set_yticks(places, [_cut(name) for name in bars] if field == "share" else [], fontsize=8)
        axis.invert_yaxis()
        axis.tick_params(axis="x", labelsize=7)
        axis.tick_params(axis="y", length=0)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].xaxis.set_major_formatter(PercentFormatter(1.0))
    axes[0].set_title("outside of layers: share of elements changed", fontsize=9)
    axes[1].set_title("outside of layers: rms of the change / rms of the weights", fontsize=9)


def _cut(name: str) -> str:
    # A dollar sign would start a formula.
    shown = name if len(name) <= 40 else f"…{name[-39:]}"
    return shown.replace("$", r"\$")
