"""The .pdiparams of a PaddlePaddle model, named by the graph beside it, which has the same name."""

import dataclasses
import posixpath
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import paddle, paddle_graph
from sapwood.formats.described import Described, Find
from sapwood.formats.dtype import BYTES
from sapwood.formats.layout import Tensor

__all__ = ["DESCRIBING", "FORMAT", "REPLACES", "describe"]

FORMAT: Final = "paddle-weights"
DESCRIBING: Final = paddle_graph.FORMAT
REPLACES: Final[frozenset[str]] = frozenset({paddle.FORMAT})


def describe(data: memoryview, path: str, find: Find, /) -> Iterator[Described]:
    """The parameters of one graph.

    Raises:
        MalformedModel: The graph or the weights are malformed, or one has more tensors than the other.
    """
    location = posixpath.splitext(posixpath.basename(path))[0] + ".pdiparams"
    names = paddle_graph.names(data)
    content = find(location)
    if content is None:
        for name in names:
            yield Described(location, 0, 0, Tensor(name, BYTES, (0,)))
        return
    found = tuple(paddle.tensors(content))
    if len(found) != len(names):
        raise MalformedModel(
            f"the graph has not as many parameters as {location!r}",
            offset=0,
            expected=len(found),
            found=len(names),
        )
    for name, (offset, length, tensor) in zip(names, found, strict=True):
        yield Described(location, offset, length, dataclasses.replace(tensor, name=name))
