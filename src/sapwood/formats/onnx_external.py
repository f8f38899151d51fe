"""Tensors that an .onnx file keeps in other files of the same folder.

Source: onnx/docs/ExternalData.md. ``location`` is a path relative to the folder of the .onnx file and stays
inside the model. Nothing is opened here: only files already found in the folder are looked at.
"""

import dataclasses
import posixpath
from collections.abc import Iterator, Mapping
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import onnx, opaque
from sapwood.formats.layout import FormatWarning, Layout, Tensor, cover

__all__ = ["FORMAT", "link_external"]

FORMAT: Final = "onnx-external"


def link_external(files: Mapping[str, tuple[memoryview, Layout]], root: str) -> Iterator[Layout]:
    """The layouts of a model's files, in their order, with external tensors named where they are.

    An .onnx file gets a warning for each file it names that is not there or lies outside the folder.
    A file whose named tensors do not fit it stays opaque, with a warning.
    """
    places: dict[str, list[tuple[int, int, Tensor]]] = {}
    warnings: dict[str, list[FormatWarning]] = {}
    for path, (data, layout) in files.items():
        if layout.format != onnx.FORMAT:
            continue
        missing: set[str] = set()
        try:
            external_tensors = onnx.external_tensors(data)
        except MalformedModel as error:
            warnings.setdefault(path, []).append(_warning(onnx.FORMAT, path or root, error))
            continue
        for external in external_tensors:
            target = _resolve(path, external.location)
            if target in files and target != path:
                places.setdefault(target, []).append((external.offset, external.length, external.tensor))
            else:
                missing.add(external.location)
        for location in sorted(missing):
            reason = f"the file {location!r} with its tensors is not part of the model"
            warnings.setdefault(path, []).append(FormatWarning(onnx.FORMAT, path or root, reason, None))
    for path, (data, layout) in files.items():
        result = layout
        # A file that is a model by itself (safetensors may serve as external data) keeps its own layout.
        if path in places and layout.format == opaque.FORMAT:
            try:
                result = cover(FORMAT, len(data), places[path])
            except MalformedModel as error:
                warnings.setdefault(path, []).append(_warning(FORMAT, path, error))
        extra = warnings.get(path, [])
        yield dataclasses.replace(result, warnings=(*result.warnings, *extra)) if extra else result


def _warning(form: str, path: str, error: MalformedModel) -> FormatWarning:
    return FormatWarning(form, path, str(error), error.offset)


def _resolve(path: str, location: str) -> str:
    """The path in the model of the file that ``location`` means; no file has it if it leads out."""
    if not location or location.startswith("/") or "\\" in location or "\0" in location:
        return ".."
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), location))
