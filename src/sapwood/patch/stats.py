"""What changed between two models, tensor by tensor; read block by block, so that memory stays small.

Tensors are matched as a diff matches them (by name, then by content), and then by name alone, so that a model
and its cast to another type compare too. Sums are in 64-bit floats; elements that are not finite on either
side count as changed or not, but have no part in them.
"""

import contextlib
import dataclasses
import math
import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.codec.element import element_of
from sapwood.formats.dtype import DType
from sapwood.formats.layout import Span, Tensor
from sapwood.formats.model import Model, ModelFile, Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.array_types import FLOATS
from sapwood.patch.byte_stream import file_starts
from sapwood.patch.match_tensors import BaseTensors
from sapwood.patch.model_stats import Change, ModelStats, TensorStats

__all__ = ["stats"]

# Elements looked at together: their 64-bit copies take 2 MB each.
_BLOCK: Final = 1 << 18


@dataclasses.dataclass(frozen=True, slots=True)
class _Held:
    """A tensor and where its bytes are."""

    file: ModelFile
    span: Span
    tensor: Tensor

    @property
    def data(self) -> memoryview:
        return self.file.data[self.span.offset : self.span.offset + self.span.length]


class _Base:
    """The base's tensors, to be found from the target's."""

    def __init__(self, base: Model) -> None:
        self._tensors = BaseTensors(base)
        starts = file_starts(base.files)
        self.held = {
            start + span.offset: _Held(file, span, tensor)
            for file, start in zip(base.files, starts, strict=True)
            for span, tensor in file.layout.tensors()
        }
        self._by_name = {held.tensor.name: at for at, held in reversed(self.held.items())}
        self.used: set[int] = set()

    def like(self, new: _Held) -> tuple[_Held | None, Change]:
        """The tensor that ``new`` came from, and how it stands to it; SAME is told from CHANGED later."""
        name, dtype = new.tensor.name, new.tensor.dtype
        place = self._tensors.by_name(new.file.path, name, element_of(dtype).width)
        if place is None or place.length != new.span.length:
            place = self._tensors.by_content(new.data) or place
        at = place.offset if place is not None else self._by_name.get(name)
        if at is None:
            return None, Change.NEW
        old = self.held[at]
        if old.tensor.dtype != dtype and not _retyped(old.tensor, new.tensor):
            return None, Change.NEW
        self.used.add(at)
        if old.tensor.dtype != dtype:
            return old, Change.RETYPED
        if old.tensor.name != name or old.file.path != new.file.path:
            return old, Change.MOVED
        return old, Change.CHANGED if old.span.length == new.span.length else Change.RESIZED


def _retyped(old: Tensor, new: Tensor) -> bool:
    return old.shape == new.shape and old.dtype.name in FLOATS and new.dtype.name in FLOATS


def stats(base: Source, target: Source, *, progress: Progress | None = None) -> ModelStats:
    """Compare two models tensor by tensor.

    Args:
        base: A path (file or folder), bytes, or a stream.
        target: Likewise.
        progress: Called with tensor bytes of the target done and in all.

    Raises:
        MissingInput: An input is not there. WrongCall: An input is neither a file nor a folder.
        StorageFailure: Reading failed.
    """
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(open_model(base))
        new = stack.enter_context(open_model(target))
        known = _Base(old)
        wanted = [_Held(file, span, tensor) for file in new.files for span, tensor in file.layout.tensors()]
        total = sum(held.span.length for held in wanted)
        done = 0
        rows = []
        for held in wanted:
            rows.append(_compare(*known.like(held), held))
            done += held.span.length
            if progress is not None:
                progress(done, total)
        gone = [held for at, held in known.held.items() if at not in known.used]
        return ModelStats(
            tensors=(*rows, *(_alone(held, Change.REMOVED) for held in gone)),
            base_size=sum(len(file.data) for file in old.files),
            target_size=sum(len(file.data) for file in new.files),
            warnings=tuple(dict.fromkeys((*old.warnings, *new.warnings))),
        )


def _alone(held: _Held, change: Change, source: str = "") -> TensorStats:
    tensor = held.tensor
    return TensorStats(
        tensor.name, held.file.path, tensor.dtype.name, tensor.shape, change, source, held.span.length
    )


def _compare(old: _Held | None, change: Change, new: _Held) -> TensorStats:
    if old is None:
        return _alone(new, change)
    source = old.tensor.name if old.tensor.name != new.tensor.name else ""
    row = _alone(new, change, source)
    sums = _Sums()
    units = min(old.span.length // _unit(old.tensor.dtype), new.span.length // _unit(new.tensor.dtype))
    for start in range(0, units, _BLOCK):
        count = min(_BLOCK, units - start)
        sums.add(_block(old, start, count), _block(new, start, count))
        for held in (old, new):
            _let_go(held, start, count)
    if change is Change.CHANGED and not sums.changed:
        change = Change.SAME
    base_rms, rms, largest = sums.relative()
    return dataclasses.replace(
        row,
        change=change,
        compared=units,
        changed=sums.changed,
        base_rms=base_rms,
        rms=rms,
        max=largest,
    )


def _unit(dtype: DType) -> int:
    """Bytes of what is counted as one element."""
    return dtype.block_bytes


def _block(held: _Held, start: int, count: int) -> npt.NDArray[Any]:
    """Elements as floats where they are, else as rows of bytes."""
    dtype = held.tensor.dtype
    unit = _unit(dtype)
    at = held.span.offset + start * unit
    data = np.frombuffer(held.file.data[at : at + count * unit], np.uint8)
    return data.view(FLOATS[dtype.name]) if dtype.name in FLOATS else data.reshape(count, unit)


class _Sums:
    """What is kept of the blocks of a tensor."""

    def __init__(self) -> None:
        self.changed = 0
        self._floats = False
        self._finite = 0
        self._base_squares = 0.0
        self._squares = 0.0
        self._max = 0.0

    def add(self, old: npt.NDArray[Any], new: npt.NDArray[Any]) -> None:
        """One more block. Equal means equal bits, or equal values where the types differ."""
        if old.ndim > 1:
            self.changed += int(np.count_nonzero((old != new).any(axis=1)))
            return
        self._floats = True
        before = old.astype(np.float64)
        if old.dtype == new.dtype:
            bits = f"u{old.dtype.itemsize}"
            self.changed += (differ := int(np.count_nonzero(old.view(bits) != new.view(bits))))
            after = new.astype(np.float64) if differ else before
        else:
            after = new.astype(np.float64)
            self.changed += int(np.count_nonzero(before != after))
        finite = np.isfinite(before) & np.isfinite(after)
        if not finite.all():
            before, after = before[finite], after[finite]
        self._finite += len(before)
        # The largest 64-bit floats overflow when squared; the answer is then inf, and said to be unknown.
        with np.errstate(over="ignore", invalid="ignore"):
            self._base_squares += float(np.dot(before, before))
            if after is not before and len(after):
                difference = after - before
                self._squares += float(np.dot(difference, difference))
                self._max = max(self._max, float(np.abs(difference).max()))

    def relative(self) -> tuple[float | None, float | None, float | None]:
        """``base_rms``, ``rms`` and ``max`` of TensorStats."""
        if not self._floats or not self._finite or not math.isfinite(self._base_squares + self._squares):
            return None, None, None
        base_rms = math.sqrt(self._base_squares / self._finite)
        if base_rms == 0:
            return (0.0, None, None) if self._squares else (0.0, 0.0, 0.0)
        return base_rms, math.sqrt(self._squares / self._finite) / base_rms, self._max / base_rms


def _let_go(held: _Held, start: int, count: int) -> None:
    """Give back the pages of elements that were read: mapped ones count as memory until then."""
    mapped = held.file.data.obj
    if not isinstance(mapped, mmap.mmap) or not hasattr(mapped, "madvise"):
        return
    unit = _unit(held.tensor.dtype)
    at = held.span.offset + start * unit
    first = at // mmap.PAGESIZE * mmap.PAGESIZE
    with contextlib.suppress(OSError):
        mapped.madvise(mmap.MADV_DONTNEED, first, at + count * unit - first)
