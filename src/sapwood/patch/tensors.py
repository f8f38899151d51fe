"""Patches between tensors in memory: NumPy and PyTorch arrays, without a file in between.

A mapping of names to arrays is taken as a folder with one file for each tensor: its path is the name,
percent-encoded (RFC 3986, 2.1), its bytes are the elements, little-endian and row by row. Types and shapes
travel in the manifest's metadata. PyTorch is imported only by who hands in its tensors.
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from sapwood.codec.encode import Level
from sapwood.errors import CorruptPatch, LimitExceeded, UnsupportedPatch, WrongCall
from sapwood.formats import limits
from sapwood.formats.layout import Layout, Span, Tensor
from sapwood.formats.model import Model, ModelFile
from sapwood.patch.array_types import ARRAY_TYPES, layout_dtype
from sapwood.patch.calls import diff
from sapwood.patch.manifest import Manifest, Shape
from sapwood.patch.patch import Patch, PathLike

if TYPE_CHECKING:
    from typing import BinaryIO

    from sapwood.patch.apply import Progress
    from sapwood.patch.signing import SigningKey, VerifyingKey

__all__ = ["METADATA_KEY", "Array", "apply_tensors", "as_array", "diff_tensors"]

Array = Any
"""A ``numpy.ndarray`` or a ``torch.Tensor`` on the CPU; untyped, because PyTorch may not be installed."""

METADATA_KEY: Final = "sapwood.tensors"
"""Metadata that holds ``[[dtype, *shape], ...]`` as JSON, in the order of the target's files."""

AnyArray = npt.NDArray[Any]


def diff_tensors(
    base: Mapping[str, Array],
    target: Mapping[str, Array],
    out: PathLike | None = None,
    *,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    metadata: Mapping[str, str] | None = None,
    version_counter: int = 0,
    key: "SigningKey | PathLike | None" = None,
    progress: "Progress | None" = None,
) -> Patch:
    """Make the patch that turns the tensors ``base`` into the tensors ``target``.

    Contiguous arrays are read where they are; of others a copy is made. The options are those of ``diff``.

    Raises:
        WrongCall: A value is no array that can be patched, or a name is empty or not text.
    """
    if METADATA_KEY in (metadata or {}):
        raise WrongCall("this metadata key is Sapwood's own", found=METADATA_KEY)
    new, arrays = _as_model(target, "target")
    listing = json.dumps([[array.dtype.name, *array.shape] for array in arrays], separators=(",", ":"))
    return diff(
        _as_model(base, "base")[0],
        new,
        out,
        level=level,
        threads=threads,
        metadata={**(metadata or {}), METADATA_KEY: listing},
        version_counter=version_counter,
        key=key,
        progress=progress,
    )


def apply_tensors(
    base: Mapping[str, Array],
    patch: "Patch | PathLike | bytes | bytearray | memoryview | BinaryIO",
    *,
    verify_key: "VerifyingKey | PathLike | None" = None,
    min_version: int = 0,
    max_size: int | None = None,
    threads: int | None = None,
    progress: "Progress | None" = None,
) -> dict[str, AnyArray]:
    """Build the target's tensors; new, writable NumPy arrays, in the order of their names.

    Types that NumPy lacks, such as bfloat16, are those of ml_dtypes. The options are those of ``apply``.

    Raises:
        WrongCall: The patch was not made by ``diff_tensors``, or ``base`` holds what is no array.
        WrongBase, CorruptPatch, DigestMismatch, BadSignature, RollbackRefused: As with ``apply``.
    """
    opened = Patch.of(patch)
    writer = _Arrays(opened.manifest)
    opened.apply_to(
        _as_model(base, "base")[0],
        writer,
        verify_key=verify_key,
        min_version=min_version,
        max_size=max_size,
        threads=threads,
        progress=progress,
    )
    return writer.arrays


class _Arrays:
    """Takes the target's files as the bytes of arrays made for them."""

    def __init__(self, manifest: Manifest) -> None:
        self.arrays: dict[str, AnyArray] = {}
        self._described = {
            file.path: described
            for file, described in zip(manifest.target.files, _described(manifest), strict=True)
        }
        self._left = memoryview(b"")

    def start(self, path: str) -> None:
        # Memory is taken only here: by now the base's digest was found right.
        kind, shape = self._described[path]
        try:
            array = np.empty(shape, kind)
        except MemoryError as error:
            raise LimitExceeded("a tensor is larger than this machine's memory", found=shape) from error
        self.arrays[unquote(path)] = array
        self._left = array.reshape(-1).view(np.uint8).data

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        self._left[: len(data)] = data
        self._left = self._left[len(data) :]
        return None


def _described(manifest: Manifest) -> list[tuple[np.dtype[Any], tuple[int, ...]]]:
    """Type and shape of each of the target's tensors, proved to fit their sizes."""
    text = manifest.metadata.get(METADATA_KEY)
    if text is None or manifest.target.shape is not Shape.FOLDER:
        raise WrongCall("the patch is not one between tensors", advice="Use apply for files and folders.")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptPatch("the list of tensors is not JSON") from error
    if not isinstance(rows, list) or len(rows) != len(manifest.target.files):
        raise CorruptPatch("the list of tensors does not name each of them once")
    # Two paths must not come to the same name.
    if any(_path(unquote(file.path), "patch") != file.path for file in manifest.target.files):
        raise CorruptPatch("a tensor's name is not encoded as it should be")
    return [_described_row(row, file.size) for row, file in zip(rows, manifest.target.files, strict=True)]


def _described_row(row: object, size: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if not isinstance(row, list) or not row or not all(type(n) is int and n >= 0 for n in row[1:]):
        raise CorruptPatch("a tensor is not described by its type and shape")
    name, *shape = row
    if len(shape) > limits.MAX_DIMENSIONS:
        raise LimitExceeded(
            "a tensor has too many dimensions", expected=limits.MAX_DIMENSIONS, found=len(shape)
        )
    if not isinstance(name, str) or name not in ARRAY_TYPES:
        raise UnsupportedPatch("a tensor has a type this version lacks", found=name, advice="Update sapwood.")
    kind = ARRAY_TYPES[name]
    # An empty array may still claim dimensions that NumPy cannot count.
    if math.prod(shape) * kind.itemsize != size or math.prod(n or 1 for n in shape) >= 1 << 48:
        raise CorruptPatch("a tensor's shape does not fit its size", expected=size, found=shape)
    return kind, tuple(shape)


def _as_model(tensors: Mapping[str, Array], what: str) -> tuple[Model, list[AnyArray]]:
    """The tensors as a folder in memory, and as arrays in the order of its files."""
    arrays = {_path(name, what): (name, as_array(value, name)) for name, value in tensors.items()}
    files = []
    for path, (name, array) in sorted(arrays.items()):
        data = array.reshape(-1).view(np.uint8).data.toreadonly()
        tensor = Tensor(name, layout_dtype(array.dtype), array.shape)
        spans = (Span(0, len(data), tensor),) if len(data) else ()
        files.append(ModelFile(path, data, Layout("tensor", len(data), spans)))
    return Model("", True, tuple(files)), [array for _, (_, array) in sorted(arrays.items())]


def _path(name: str, what: str) -> str:
    try:
        path = quote(name, safe="")
    except (TypeError, UnicodeEncodeError) as error:
        raise WrongCall(f"the name of a tensor of the {what} is not text", found=ascii(name)) from error
    if not path:
        raise WrongCall(f"a tensor of the {what} has no name")
    # These two mean something else in a path.
    return path.replace(".", "%2E") if path in (".", "..") else path


def as_array(value: Array, name: str) -> AnyArray:
    """A contiguous little-endian array over the value's own bytes where it can be, else over a copy.

    Raises:
        WrongCall: It is neither a NumPy nor a PyTorch array of a type that a patch knows.
    """
    if type(value).__module__.partition(".")[0] == "torch" or _is_torch(value):
        return _from_torch(value, name)
    if not isinstance(value, np.ndarray):
        raise WrongCall(f"tensor {name!r} is neither a NumPy nor a PyTorch array", found=type(value).__name__)
    if value.dtype.name not in ARRAY_TYPES:
        raise WrongCall(f"tensor {name!r} has a type no patch knows", found=value.dtype.name)
    # reshape: a scalar has to stay one, and ascontiguousarray gives it a dimension.
    return np.ascontiguousarray(value, ARRAY_TYPES[value.dtype.name]).reshape(value.shape)


def _is_torch(value: object) -> bool:
    """Whether it is of a subclass of torch.Tensor defined elsewhere; never imports PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _from_torch(value: Any, name: str) -> AnyArray:
    import torch  # noqa: PLC0415  whoever hands in a tensor has it

    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or value.is_quantized:
        raise WrongCall(f"tensor {name!r} is not a dense PyTorch tensor", found=type(value).__name__)
    if value.device.type != "cpu":
        raise WrongCall(f"tensor {name!r} is on {value.device}", advice="Move it with .cpu() first.")
    kind = str(value.dtype).removeprefix("torch.")
    if kind not in ARRAY_TYPES:
        raise WrongCall(f"tensor {name!r} has a type no patch knows", found=kind)
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    data: AnyArray = plain.reshape(-1).view(torch.uint8).numpy()
    return data.view(ARRAY_TYPES[kind]).reshape(tuple(value.shape))
