"""A tree: the files of one commit, by path. It is flat, for a repository of weights has tens of files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sapwood.codec.varint import ByteReader, put_unsigned
from sapwood.errors import LimitExceeded
from sapwood.repo import encoding, limits
from sapwood.repo.paths import check_paths

__all__ = ["Entry", "Tree"]


class Entry(NamedTuple):
    """A file: its path with ``/``, the digest of its recipe, and its bytes."""

    path: str
    recipe: bytes
    size: int


@dataclass(frozen=True)
class Tree:
    """Entries in the order of the bytes of their paths.

    >>> tree = Tree.of([Entry("b", bytes(32), 5), Entry("a/c", bytes(32), 7)])
    >>> [entry.path for entry in tree]
    ['a/c', 'b']
    >>> Tree.decode(tree.encode()) == tree
    True
    """

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if len(self.entries) > limits.MAX_TREE_ENTRIES:
            raise LimitExceeded(
                "a tree has too many files", expected=limits.MAX_TREE_ENTRIES, found=len(self.entries)
            )
        check_paths(entry.path for entry in self.entries)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Tree":
        """The tree of entries in any order.

        Raises:
            BadData: A path may not be in a tree. LimitExceeded: There are too many.
        """
        return cls(tuple(sorted(entries, key=lambda entry: entry.path.encode(errors="surrogatepass"))))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def by_path(self) -> Mapping[str, Entry]:
        """The entries by their paths."""
        return {entry.path: entry for entry in self.entries}

    def encode(self) -> bytes:
        """The bytes of the object."""
        out = bytearray([encoding.VERSION])
        put_unsigned(out, len(self.entries))
        for entry in self.entries:
            encoding.put_text(out, entry.path)
            out += entry.recipe
            put_unsigned(out, entry.size)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes | memoryview) -> "Tree":
        """The tree of these bytes, which may come from anyone.

        Raises:
            BadData: They are none, or a path in it may not be. LimitExceeded: It is too large.
        """
        return encoding.read(data, "tree", _parse, cls.encode)


def _parse(reader: ByteReader) -> Tree:
    count = reader.unsigned("number of files")
    if count > limits.MAX_TREE_ENTRIES:
        raise LimitExceeded("a tree has too many files", expected=limits.MAX_TREE_ENTRIES, found=count)
    return Tree(
        tuple(
            Entry(
                encoding.get_text(reader, "path", limits.MAX_PATH_BYTES),
                encoding.get_digest(reader, "recipe"),
                reader.unsigned("size of a file"),
            )
            for _ in range(count)
        )
    )
