"""The parts of a model that a fingerprint is made of: its tensors, or its files where it has none."""

from typing import NamedTuple

from sapwood.formats.dtype import BYTES, DType
from sapwood.formats.model import Model

__all__ = ["Part", "parts_of"]


class Part(NamedTuple):
    """The name in its file, the type, and the bytes: at least one."""

    name: str
    dtype: DType
    data: memoryview


def parts_of(model: Model) -> list[Part]:
    """In the order of the files."""
    tensors = [
        Part(tensor.name, tensor.dtype, file.data[span.offset : span.offset + span.length])
        for file in model.files
        for span, tensor in file.layout.tensors()
    ]
    return tensors or [Part(file.path, BYTES, file.data) for file in model.files if len(file.data)]
