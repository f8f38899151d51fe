"""Files of one model that describe each other's tensors: an .onnx its external data, an .xml its .bin.

Nothing is opened here: only files that are part of the model are looked at, and a place that leads out of it
is nowhere. A describer reads one file and says which bytes of which other file are which tensor.
"""

import dataclasses
import itertools
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from sapwood.errors import MalformedModel
from sapwood.formats import (
    coreml_weights,
    onnx_external,
    opaque,
    openvino_weights,
    paddle_weights,
    tensorflow_variables,
)
from sapwood.formats.described import Described, Find
from sapwood.formats.layout import FormatWarning, Layout, Tensor, cover

__all__ = ["DESCRIBERS", "link"]


class Describer(Protocol):
    """What a module offers whose files describe others."""

    @property
    def FORMAT(self) -> str:  # noqa: N802
        """The name of the format that a described file is given."""

    @property
    def DESCRIBING(self) -> str:  # noqa: N802
        """The format of the files that describe."""

    @property
    def REPLACES(self) -> frozenset[str]:  # noqa: N802
        """Formats whose layout may be replaced; what was not described in such a file is named as it was."""

    def describe(self, data: memoryview, path: str, find: Find, /) -> Iterable[Described]:
        """The tensors that the file ``path`` keeps elsewhere, or MalformedModel."""


DESCRIBERS: Final[tuple[Describer, ...]] = (
    onnx_external,
    openvino_weights,
    coreml_weights,
    paddle_weights,
    tensorflow_variables,
)


def link(files: Mapping[str, tuple[memoryview, Layout]], root: str) -> Iterator[Layout]:
    """The layouts of a model's files, in their order, with tensors named where other files say they are.

    A describing file gets a warning for each file it names that is not there or lies outside the folder.
    A file whose described tensors do not fit it keeps its own layout, with a warning.
    """
    layouts = {path: layout for path, (_, layout) in files.items()}
    warnings: dict[str, list[FormatWarning]] = {}
    for describer in DESCRIBERS:
        places: dict[str, list[tuple[int, int, Tensor]]] = {}
        for path, (data, layout) in files.items():
            if layout.format == describer.DESCRIBING:
                try:
                    # All of them before the first is used: a file counts whole or not at all.
                    found = tuple(describer.describe(data, path, _finder(files, path)))
                    missing = _gather(found, path, layouts, places)
                except MalformedModel as error:
                    warnings.setdefault(path, []).append(_warning(describer.DESCRIBING, path or root, error))
                    continue
                for location in missing:
                    reason = f"the file {location!r} with its tensors is not part of the model"
                    told = FormatWarning(describer.DESCRIBING, path or root, reason, None)
                    warnings.setdefault(path, []).append(told)
        for path, tensors in places.items():
            # A file that is a model by itself (safetensors may serve as external data) keeps its own layout.
            if layouts[path].format != opaque.FORMAT and layouts[path].format not in describer.REPLACES:
                continue
            try:
                own = ((span.offset, span.length, tensor) for span, tensor in layouts[path].tensors())
                whole = cover(describer.FORMAT, layouts[path].size, itertools.chain(tensors, own))
                layouts[path] = dataclasses.replace(whole, warnings=layouts[path].warnings)
            except MalformedModel as error:
                warnings.setdefault(path, []).append(_warning(describer.FORMAT, path, error))
    for path, layout in layouts.items():
        extra = warnings.get(path, [])
        yield dataclasses.replace(layout, warnings=(*layout.warnings, *extra)) if extra else layout


def _finder(files: Mapping[str, tuple[memoryview, Layout]], path: str) -> Find:
    def find(location: str) -> memoryview | None:
        data, _ = files.get(_resolve(path, location), (None, None))
        return data

    return find


def _gather(
    found: Iterable[Described],
    path: str,
    files: Mapping[str, Layout],
    places: dict[str, list[tuple[int, int, Tensor]]],
) -> list[str]:
    """Sort what one file describes by the file it lies in; the locations that are no such file."""
    missing: set[str] = set()
    for described in found:
        target = _resolve(path, described.location)
        if target in files and target != path:
            places.setdefault(target, []).append((described.offset, described.length, described.tensor))
        else:
            missing.add(described.location)
    return sorted(missing)


def _warning(form: str, path: str, error: MalformedModel) -> FormatWarning:
    return FormatWarning(form, path, str(error), error.offset)


def _resolve(path: str, location: str) -> str:
    """The path in the model of the file that ``location`` means; no file has it if it leads out."""
    if not location or location.startswith("/") or "\\" in location or "\0" in location:
        return ".."
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), location))
