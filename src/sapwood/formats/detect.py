"""From bytes to a layout, by content alone: names and suffixes of files are not trusted.

A file that breaks the rules of its own format is still a file to be carried: it becomes one opaque span, with
a warning that says why. Readers turn all they can meet into MalformedModel, so nothing else is caught here.
Plug-ins are asked last, about what nothing here knows.
"""

import dataclasses
from typing import Final

from sapwood.errors import MalformedModel, WrongCall
from sapwood.formats import (
    coreml,
    coreml_blob,
    executorch,
    executorch_data,
    flax,
    gguf,
    hdf5,
    keras,
    mxnet,
    numpy_format,
    onnx,
    opaque,
    openvino,
    paddle,
    paddle_graph,
    plugins,
    safetensors,
    tensorflow_checkpoint,
    tensorrt_rtx,
    tflite,
    torch_legacy,
    torch_zip,
)
from sapwood.formats.layout import FormatWarning, Layout
from sapwood.formats.reader import Reader

__all__ = ["READERS", "read_layout"]

_HEAD_BYTES: Final = 64


# Formats with a magic number first; Paddle, Flax, Core ML and ONNX have none and come last.
READERS: Final[tuple[Reader, ...]] = (
    gguf,
    tflite,
    executorch,
    executorch_data,
    tensorrt_rtx,
    mxnet,
    hdf5,
    torch_legacy,
    torch_zip,
    keras,
    numpy_format,
    openvino,
    safetensors,
    coreml_blob,
    tensorflow_checkpoint,
    paddle,
    paddle_graph,
    flax,
    coreml,
    onnx,
)
_NAMES: Final = frozenset(reader.FORMAT for reader in READERS) | {opaque.FORMAT}


def read_layout(data: memoryview, path: str = "") -> Layout:
    """The layout of a file's bytes; ``path`` is only for the warnings.

    Raises:
        WrongCall: ``data`` is not a plain row of bytes.
    """
    if data.ndim != 1 or data.itemsize != 1 or not data.contiguous:
        raise WrongCall("a layout is read from a contiguous memoryview of bytes", path=path)
    data = data.cast("B")
    head = data[:_HEAD_BYTES]
    for reader in READERS:
        if not reader.matches(head, len(data), data):
            continue
        try:
            layout = reader.read(data)
        except MalformedModel as error:
            warning = FormatWarning(reader.FORMAT, path, str(error), error.offset)
            return dataclasses.replace(opaque.read(data), warnings=(warning,))
        warnings = tuple(dataclasses.replace(warning, path=path) for warning in layout.warnings)
        return dataclasses.replace(layout, warnings=warnings) if warnings else layout
    return _by_plugin(head, data, path)


def _by_plugin(head: memoryview, data: memoryview, path: str) -> Layout:
    found = plugins.find(_NAMES)
    layout, warnings = plugins.read(found, head, data, path)
    if layout is None:
        layout = opaque.read(data)
    told = (*layout.warnings, *warnings, *found.faults)
    return dataclasses.replace(layout, warnings=told) if told else layout
