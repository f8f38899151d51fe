"""What changed between two models, tensor by tensor; read block by block, so that memory stays small.

Tensors are matched as a diff matches them (by name, then by content), and then by name alone, so that a model
and its cast to another type compare too.
"""

import contextlib
import dataclasses
import mmap

from sapwood.codec.element import element_of
from sapwood.formats.layout import Span, Tensor
from sapwood.formats.model import Model, ModelFile, Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.array_types import FLOATS
from sapwood.patch.byte_stream import file_starts
from sapwood.patch.element_sums import BLOCK, ElementSums, elements_of, units
from sapwood.patch.match_tensors import BaseTensors
from sapwood.patch.model_stats import Change, ModelStats, TensorStats

__all__ = ["stats"]


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
    sums = ElementSums()
    both = (old, new)
    compared = min(units(held.tensor.dtype, held.span.length) for held in both)
    for start in range(0, compared, BLOCK):
        count = min(BLOCK, compared - start)
        sums.add(*(elements_of(held.data, held.tensor.dtype, start, count) for held in both))
        for held in both:
            _let_go(held, start, count)
    if change is Change.CHANGED and not sums.changed:
        change = Change.SAME
    base_rms, rms, largest = sums.relative()
    return dataclasses.replace(
        row,
        change=change,
        compared=compared,
        changed=sums.changed,
        base_rms=base_rms,
        rms=rms,
        max=largest,
    )


def _let_go(held: _Held, start: int, count: int) -> None:
    """Give back the pages of elements that were read: mapped ones count as memory until then."""
    mapped = held.file.data.obj
    if not isinstance(mapped, mmap.mmap) or not hasattr(mapped, "madvise"):
        return
    unit = held.tensor.dtype.block_bytes
    at = held.span.offset + start * unit
    first = at // mmap.PAGESIZE * mmap.PAGESIZE
    with contextlib.suppress(OSError):
        mapped.madvise(mmap.MADV_DONTNEED, first, at + count * unit - first)
