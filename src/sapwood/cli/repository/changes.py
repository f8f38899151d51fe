"""What ``diff`` and ``show`` print of files that differ."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sapwood.cli import screen
from sapwood.cli.tensor_table import print_tensors, tensor_json

if TYPE_CHECKING:
    from sapwood.repo.changes import TensorChanges

__all__ = ["print_changes", "print_summary", "summary_json"]

_LETTERS = {"new": "A", "modified": "M", "deleted": "D"}
_COLOURS = {"new": "green", "modified": "yellow", "deleted": "red"}


def print_changes(changes: "Sequence[TensorChanges]") -> None:
    """Each file, and a table of its tensors that differ."""
    for i, one in enumerate(changes):
        if i:
            click.echo()
        click.echo(_head(one))
        rows = [row for row in one.tensors if one.difference.value == "modified"]
        if rows:
            # The file stands above; its name need not be in every line.
            print_tensors([dataclasses.replace(row, file="") for row in rows])
    if changes:
        click.echo()
        click.echo(_sum(changes))


def print_summary(changes: "Sequence[TensorChanges]") -> None:
    """One line a file."""
    for one in changes:
        click.echo(_head(one))
    click.echo(_sum(changes))


def summary_json(changes: "Sequence[TensorChanges]") -> list[dict[str, object]]:
    """The same for scripts."""
    return [
        {
            "path": one.path,
            "state": one.difference.value,
            "tensors": one.count,
            "changed_tensors": len(one.tensors),
            "changed_bytes": one.nbytes,
            "glue_changed": one.glue,
            "changes": tensor_json(one.tensors),
        }
        for one in changes
    ]


def _head(one: "TensorChanges") -> str:
    state = one.difference.value
    mark = click.style(f"{_LETTERS[state]} {screen.printable(one.path)}", fg=_COLOURS[state], bold=True)
    if state != "modified":
        return f"{mark}  {one.count} tensors, {screen.size(one.nbytes)}"
    glue = ", and what is between them" if one.glue else ""
    return f"{mark}  {len(one.tensors)} of {one.count} tensors, {screen.size(one.nbytes)}{glue}"


def _sum(changes: "Sequence[TensorChanges]") -> str:
    tensors = sum(len(one.tensors) for one in changes)
    count = len(changes)
    size = screen.size(sum(one.nbytes for one in changes))
    return f"{count} file{'' if count == 1 else 's'} changed, {tensors} tensors, {size}"
