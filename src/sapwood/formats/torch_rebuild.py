"""The functions by which torch's pickles rebuild tensors, as descriptions of views.

Source: torch/_utils.py and torch/_tensor.py (``_rebuild_*``), torch/jit/_pickle.py. Nothing here calls torch.
"""

from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.pickle_nodes import Global, Node, Record, Sequence, StorageRef, View

__all__ = ["rebuild"]

# The first four arguments of each are storage, start, shape and strides.
_VIEWS: Final = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"})
_QUANTISED: Final = "_rebuild_qtensor"
# The first argument of each is the value, and the rest describes it.
_WRAPPERS: Final = frozenset(
    {"_rebuild_parameter", "_rebuild_parameter_with_state", "restore_type_tag", "build_tensor_from_id"}
    | {f"build_{kind}list" for kind in ("int", "tensor", "double", "bool")}
)


def rebuild(called: Node, arguments: Sequence, offset: int) -> Node:
    """What calling ``called`` would give, as far as tensors are concerned.

    Raises:
        MalformedModel: A function that rebuilds a tensor has arguments that describe none.
    """
    items = arguments.items
    if isinstance(called, Global) and called.module.split(".")[0] == "torch":
        if called.name == "_rebuild_from_type_v2" and len(items) >= 3 and isinstance(items[2], Sequence):
            # (function, class, its arguments, state): one level, since a class cannot be its own function.
            called, items = items[0], items[2].items
        name = called.name if isinstance(called, Global) else ""
        if name in _VIEWS:
            return _view(name, items, offset)
        if name == _QUANTISED:
            # What follows may hold tensors of scales and zero points.
            return Record(parts=[_view(name, items, offset), *items[4:]])
        if name in _WRAPPERS and items:
            return items[0]
    return Record(parts=list(items))


def _view(name: str, items: list[Node], offset: int) -> View:
    match items:
        case [StorageRef() as storage, int(start), Sequence() as shape, Sequence() as strides, *rest]:
            given = rest[2] if name == "_rebuild_tensor_v3" and len(rest) >= 3 else None
            dtype = given.name if isinstance(given, Global) else None
            return View(storage, start, _sizes(shape, offset), _sizes(strides, offset), dtype)
        case _:
            raise MalformedModel("a tensor is rebuilt from what is no storage", offset=offset)


def _sizes(numbers: Sequence, offset: int) -> tuple[int, ...]:
    sizes = tuple(size for size in numbers.items if type(size) is int and size >= 0)
    if len(sizes) != len(numbers.items) or len(sizes) > limits.MAX_DIMENSIONS:
        raise MalformedModel("a tensor's shape is not made of sizes", offset=offset)
    return sizes
