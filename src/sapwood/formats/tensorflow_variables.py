"""The data files of a TensorFlow checkpoint, laid out by the .index beside them.

Source: TensorFlow 2, tensorflow/core/util/tensor_bundle/naming.cc.
"""

import posixpath
from collections.abc import Iterator
from typing import Final

from sapwood.formats import tensorflow_checkpoint
from sapwood.formats.described import Described, Find

__all__ = ["DESCRIBING", "FORMAT", "REPLACES", "describe"]

FORMAT: Final = "tensorflow-variables"
DESCRIBING: Final = tensorflow_checkpoint.FORMAT
REPLACES: Final[frozenset[str]] = frozenset()


def describe(data: memoryview, path: str, _find: Find, /) -> Iterator[Described]:
    """The tensors that one .index file names.

    Raises:
        MalformedModel: As ``tensorflow_checkpoint.read``.
    """
    prefix = posixpath.splitext(posixpath.basename(path))[0]
    for found in tensorflow_checkpoint.stored(data):
        location = f"{prefix}.data-{found.shard:05}-of-{found.shards:05}"
        yield Described(location, found.offset, found.length, found.tensor)
