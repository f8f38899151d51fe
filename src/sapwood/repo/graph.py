"""The lines that ``log --graph`` draws beside commits.

Each column waits for one commit. Behind a commit its column waits for the first parent, new columns for the
others; columns that wait for the same commit run together. Between two commits every column moves to its new
place by one step a line.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Graph", "Row"]

_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Row:
    """What stands beside one commit.

    Attributes:
        node: Beside its first line.
        links: Beside its next lines, all of which are drawn before the next commit.
        beside: Beside all lines after those.
    """

    node: str
    links: tuple[str, ...]
    beside: str


class Graph(Generic[_Name]):
    r"""Draws commits one by one, children before parents.

    >>> graph = Graph()
    >>> for name, parents in (("M", ["A", "B"]), ("B", ["R"]), ("A", ["R"]), ("R", [])):
    ...     row = graph.add(name, parents)
    ...     print(row.node, name, *(f"/ {link}" for link in row.links))
    * M / |\
    | * B
    * | A / |/
    * R
    """

    def __init__(self) -> None:
        self._columns: list[_Name] = []

    def add(self, name: _Name, parents: Sequence[_Name]) -> Row:
        """The next commit."""
        if name not in self._columns:
            self._columns.append(name)
        at = self._columns.index(name)
        node = " ".join("*" if i == at else "|" for i in range(len(self._columns)))

        wide = [*self._columns[:at], *parents, *self._columns[at + 1 :]]
        shift = len(parents) - 1
        spread = [(i, i if i < at else i + shift) for i in range(len(self._columns)) if i != at]
        spread += [(at, at + i) for i in range(len(parents))]
        self._columns = list(dict.fromkeys(wide))
        joined = [(i, self._columns.index(waited)) for i, waited in enumerate(wide)]
        links = [*_moves(spread), *_moves(joined)]
        return Row(node, tuple(links), " ".join("|" * len(self._columns)))


def _moves(edges: list[tuple[int, int]]) -> list[str]:
    """Lines in which every edge goes from its first column to its second, by one column a line."""
    lines = []
    while any(at != end for at, end in edges):
        marks: dict[int, str] = {}
        moved = []
        for at, end in edges:
            step = (end > at) - (end < at)
            marks[2 * at + step] = {0: "|", 1: "\\", -1: "/"}[step]
            moved.append((at + step, end))
        lines.append("".join(marks.get(i, " ") for i in range(max(marks) + 1)))
        edges = moved
    return lines
