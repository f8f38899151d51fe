"""A sketch of a model: some of its values, sampled so that kin can be told from strangers by them alone.

It is made by reading a few MB however large the model is, and does not depend on the file's format. Three
things are kept of each run of 256 neighbours: which value of each group of 64 lies farthest from the middle
and on which side (a cast, a quantisation, a scaling and most of a pruning leave that as it is; a stranger
agrees in one of 128), a checksum of each group (tells that nothing changed), and four values (tell how much
did).
"""

import contextlib
import dataclasses
import functools
import itertools
import mmap
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from sapwood.formats.model import Model
from sapwood.kinship import limits
from sapwood.kinship.parts import parts_of
from sapwood.kinship.positions import allot, mixed, positions
from sapwood.kinship.values import Numbers, Values, values_of
from sapwood.patch.match_tensors import plain_name

__all__ = ["BLOCKS", "LEARNED", "NO_WINNER", "RUNS", "TENSORS", "Sketch", "sketch_of", "total_runs"]

TENSORS: Final = np.dtype(
    [
        ("values", "<u8"),
        ("bytes", "<u8"),
        ("name", "<u8"),
        ("contents", "<u8"),
        ("runs", "<u2"),
        ("element", "u1"),
        ("flags", "u1"),
    ]
)
"""A tensor: how many values in how many bytes; the first 8 bytes of the BLAKE3 of its name without what
frameworks put around it, and of its contents (0 in a sketch alone); runs sampled; ``Element``; flags."""

RUNS: Final = np.dtype(
    [
        ("winners", "u1", limits.GROUPS),
        ("checks", "<u2", limits.GROUPS),
        ("values", "<u4", limits.GROUPS),
    ]
)
"""A run, by groups: place of the winner and 64 if it is above the middle, or 255; low half of the CRC-32 of
the bytes; bits of one value as a 32-bit float."""

LEARNED: Final = 1
"""Flag of a tensor that has the type of weights."""

BLOCKS: Final = 2
"""Flag of a tensor whose values stand in blocks under scales of their own."""

NO_WINNER: Final = 255
_LEAST_GROUP: Final = limits.GROUP // 2
_LOPSIDED: Final = 8
_LARGEST: Final = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True, eq=False)
class Sketch:
    """Rows of ``TENSORS`` in file order, and of ``RUNS`` for each in the order of ``positions``."""

    tensors: npt.NDArray[Any]
    runs: npt.NDArray[Any]

    @functools.cached_property
    def places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """For each run the number of its tensor, and its number in the tensor."""
        return _places(self.tensors["values"].tobytes(), self.tensors["runs"].tobytes())

    @functools.cached_property
    def held(self) -> npt.NDArray[np.int64]:
        """For each tensor the sampled groups that have a winner."""
        told = np.count_nonzero(self.runs["winners"] != NO_WINNER, axis=1)
        return np.bincount(self.places[0], told, minlength=len(self.tensors)).astype(np.int64)


@functools.lru_cache(maxsize=64)
def _places(values: bytes, runs: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    # Models of one architecture share them.
    counts = np.frombuffer(runs, "<u2").astype(np.int64)
    totals = [total_runs(int(count)) for count in np.frombuffer(values, "<u8")]
    parts = [positions(total, int(n)) for total, n in zip(totals, counts, strict=True)]
    return np.repeat(np.arange(len(counts)), counts), np.concatenate([*parts, np.empty(0, np.uint64)])


def total_runs(values: int) -> int:
    """Runs in a tensor: what is over at its end is in none, and a small tensor is one short run."""
    return max(1, values // limits.RUN)


def sketch_of(model: Model, contents: Sequence[bytes] | None = None) -> Sketch:
    """The sketch of an open model, whose files are read at the sampled places alone.

    ``contents``: the digests of the bytes of ``parts_of(model)``, if they are known.
    """
    with _sparsely_read(model):
        parts = parts_of(model)
        names = [_number(blake3(_name(part.name)).digest()) for part in parts]
        order = sorted(range(len(parts)), key=lambda i: (-len(parts[i].data), names[i]))
        chosen = sorted(order[: limits.MAX_TENSORS])
        values = [values_of(parts[i].data, parts[i].dtype) for i in chosen]
        counts = allot([total_runs(v.count) for v in values])
        rows = np.zeros(len(chosen), TENSORS)
        runs = []
        for at, (i, v, count) in enumerate(zip(chosen, values, counts, strict=True)):
            known = _number(contents[i]) if contents is not None else 0
            flags = LEARNED * v.learned + BLOCKS * v.blocks
            rows[at] = (v.count, len(parts[i].data), names[i], known, count, v.element, flags)
            runs.append(_runs(v, positions(total_runs(v.count), count)))
        return Sketch(rows, np.concatenate([*runs, np.empty(0, RUNS)]))


def _name(name: str) -> bytes:
    return plain_name(name).encode("utf-8", "surrogatepass")


def _number(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "little")


def _runs(values: Values, chosen: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """What is kept of the chosen runs of one tensor."""
    rows = values.rows[chosen]
    numbers = np.nan_to_num(values.decode(rows), nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    found = np.empty(len(rows), RUNS)
    found["winners"] = _winners(numbers) if values.learned else NO_WINNER
    edges = [rows.shape[1] * group // limits.GROUPS for group in range(limits.GROUPS + 1)]
    found["checks"] = [
        [zlib.crc32(row[start:end]) & 0xFFFF for start, end in itertools.pairwise(edges)] for row in rows
    ]
    picked = np.minimum(_picked(chosen), numbers.shape[1] - 1)
    found["values"] = np.take_along_axis(numbers, picked, axis=1).view(np.uint32)
    return found


def _picked(chosen: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """Which value of each group is kept: another one in each run, as what lies in one column moves alike."""
    groups = np.arange(limits.GROUPS, dtype=np.uint64)
    inside = mixed(chosen + np.uint64(1))[:, None] >> np.uint64(6) * groups & np.uint64(limits.GROUP - 1)
    return (np.uint64(limits.GROUP) * groups + inside).astype(np.intp)


def _winners(numbers: Numbers) -> npt.NDArray[np.uint8]:
    """By groups: the place of the value farthest from the middle (the first of equals), 64 more if above."""
    distance = numbers - _middle(numbers)
    whole = np.full((len(numbers), limits.RUN), np.nan, np.float32)
    whole[:, : numbers.shape[1]] = distance
    groups = whole.reshape(-1, limits.GROUPS, limits.GROUP)
    sizes = np.abs(groups)
    # Where there is no value it cannot win.
    place = np.argmax(np.where(np.isnan(sizes), -1, sizes), axis=2)
    above = np.take_along_axis(groups, place[:, :, None], axis=2)[:, :, 0] > 0
    held = np.count_nonzero(~np.isnan(sizes), axis=2) >= _LEAST_GROUP
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        told = np.nanmax(groups, axis=2) > np.nanmin(groups, axis=2)
    return np.where(held & told, place + limits.GROUP * above, NO_WINNER).astype(np.uint8)


def _middle(numbers: Numbers) -> np.float32:
    """0 where values lie on both sides of it, else the lower median: norms and unsigned codes lie on one."""
    above, below = np.count_nonzero(numbers > 0), np.count_nonzero(numbers < 0)
    if min(above, below) * _LOPSIDED >= max(above, below):
        return np.float32(0)
    flat = numbers.ravel()
    middle: np.float32 = np.partition(flat, (len(flat) - 1) // 2)[(len(flat) - 1) // 2]
    return middle


@contextlib.contextmanager
def _sparsely_read(model: Model) -> Iterator[None]:
    """Tell the system not to read ahead: around each sampled page it would read thirty more."""
    maps = [file.data.obj for file in model.files if isinstance(file.data.obj, mmap.mmap)]
    _advise(maps, "MADV_RANDOM")
    try:
        yield
    finally:
        _advise(maps, "MADV_NORMAL")


def _advise(maps: list[mmap.mmap], name: str) -> None:
    # Not every system has them.
    advice: int | None = getattr(mmap, name, None)
    if advice is None:
        return
    for held in maps:
        with contextlib.suppress(OSError):
            held.madvise(advice)
