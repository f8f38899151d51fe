"""A model file as text for ``git diff``: one line a tensor, so that a changed tensor is a changed line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sapwood.formats.layout import Span
from sapwood.formats.model import open_model
from sapwood.git.pointer import MAX_BYTES, parse_pointer
from sapwood.patch.element_sums import BLOCK, ElementSums, elements_of, units
from sapwood.store.kinds import Description, Kind, object_digest

__all__ = ["model_lines"]

_DIGITS: Final = 12


def model_lines(path: Path) -> Iterator[str]:
    """The lines of a model file, or those of a pointer, which stands where the store lacks the file.

    A tensor's: name, type, shape, root mean square of its finite elements, first digits of its object's name.

    Raises:
        MissingInput, StorageFailure: The file cannot be read.
    """
    with open_model(path) as model:
        data, layout = model.files[0].data, model.files[0].layout
        head = bytes(data[: MAX_BYTES + 1])
        if parse_pointer(head) is not None:
            yield from head.decode().splitlines()
            return
        yield f"{layout.format}, {layout.size} bytes"
        for span in layout.spans:
            yield _line(span, data[span.offset : span.offset + span.length])


def _line(span: Span, data: memoryview) -> str:
    tensor = span.tensor
    if tensor is None:
        digest = object_digest(Description(Kind.GLUE), data)
        return f"(no tensor)  {span.length} bytes  {digest.hex()[:_DIGITS]}"
    digest = object_digest(Description(Kind.TENSOR, tensor.dtype.name, tensor.shape), data)
    sums = ElementSums()
    count = units(tensor.dtype, len(data))
    for start in range(0, count, BLOCK):
        elements = elements_of(data, tensor.dtype, start, min(BLOCK, count - start))
        sums.add(elements, elements)
    rms = sums.relative()[0]
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    size = "" if rms is None else f"  rms {rms:.6g}"
    return f"{tensor.name}  {tensor.dtype.name}  {shape}{size}  {digest.hex()[:_DIGITS]}"
