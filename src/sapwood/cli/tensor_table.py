"""The table of tensors that differ, which several commands print."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sapwood.cli import screen

if TYPE_CHECKING:
    from sapwood.patch.model_stats import TensorStats

__all__ = ["print_tensors", "tensor_json"]


def print_tensors(rows: "Iterable[TensorStats]") -> None:
    """One line a tensor: what it is, how it stands to the base, and how far it is from it."""
    screen.print_table(
        ("tensor", "dtype", "shape", "state", "changed", "rms", "largest"),
        [
            (
                (f"{row.file}:{row.name}" if row.file else row.name)
                + (f" (was {row.source})" if row.source else ""),
                row.dtype,
                "x".join(map(str, row.shape)) or "scalar",
                row.change.value,
                screen.share(row.changed_share),
                _number(row.rms),
                _number(row.max),
            )
            for row in rows
        ],
        left=4,
    )


def tensor_json(rows: "Iterable[TensorStats]") -> list[dict[str, object]]:
    """The same for scripts."""
    return [
        {**dataclasses.asdict(row), "change": row.change.value, "changed_share": row.changed_share}
        for row in rows
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
