"""Runs coders over files, each coder in a process of its own, so that its memory is its own."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sapwood.bytecoder.comparison.coders import Coder, find
from sapwood.errors import DigestMismatch, MissingInput, WrongCall

__all__ = ["MOST", "Missing", "Row", "compare", "files_of", "measure", "measured"]

# Of each file: the slowest coder takes a minute for so much.
MOST: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """What one coder came to.

    Attributes:
        name: The coder's.
        sizes: By file: its bytes.
        coded: By file: the coded bytes.
        encode_seconds: Of the processor, on one thread, for all files.
        decode_seconds: Likewise.
        memory: The most that coding a file added; None where the system does not tell.
    """

    name: str
    sizes: dict[str, int]
    coded: dict[str, int]
    encode_seconds: float
    decode_seconds: float
    memory: int | None

    @property
    def plain(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    @property
    def ratio(self) -> float:
        """Coded bytes by plain ones, of all files."""
        return sum(self.coded.values()) / self.plain

    @property
    def bits_a_byte(self) -> float:
        """The mean of the files."""
        return sum(map(self.bits, self.sizes)) / len(self.sizes)

    def bits(self, name: str) -> float:
        """Of one file: bits a byte."""
        return 8 * self.coded[name] / self.sizes[name]


@dataclass(frozen=True, slots=True)
class Missing:
    """A coder that could not run, and why."""

    name: str
    reason: str


def files_of(folder: Path) -> list[Path]:
    """Files in a folder and below it that hold something, by name.

    Raises:
        MissingInput: There is no such folder.
        WrongCall: There is nothing in it.
    """
    if not folder.is_dir():
        raise MissingInput("no such folder", path=str(folder))
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 0)
    if not found:
        raise WrongCall("nothing to compare on", path=str(folder), expected="files in the folder")
    return found


def compare(
    names: Sequence[str],
    folder: Path,
    *,
    rounds: int,
    most: int = MOST,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row | Missing]:
    """Each coder over the first ``most`` bytes of each file; of each time, the least of ``rounds``.

    Raises:
        MissingInput: There is no such folder.
        WrongCall: There is nothing in it.
        DigestMismatch: What a coder gives back is not what it was given.
    """
    paths = files_of(folder)
    rows: list[Row | Missing] = []
    for done, name in enumerate(names):
        if progress:
            progress(done, len(names))
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows.append(pool.submit(_by_name, name, folder, paths, rounds, most).result())
    return rows


def _by_name(name: str, folder: Path, paths: Sequence[Path], rounds: int, most: int) -> Row | Missing:
    try:
        coder = find(name)
    except ImportError as error:
        return Missing(name, f"no package {(error.name or str(error)).partition('.')[0]}")
    return measured(coder, folder, paths, rounds, most)


def measured(coder: Coder, folder: Path, paths: Sequence[Path], rounds: int, most: int = MOST) -> Row:
    """The coder over the files, in this process.

    Raises:
        DigestMismatch: What it gives back is not what it was given.
    """
    sizes: dict[str, int] = {}
    coded: dict[str, int] = {}
    times, memory = [0.0, 0.0], 0
    for path in paths:
        with path.open("rb") as file:
            data = file.read(most)
        name = path.relative_to(folder).as_posix()
        size, encode_seconds, decode_seconds, added = measure(coder, data, rounds, name)
        sizes[name], coded[name] = len(data), size
        times[0] += encode_seconds
        times[1] += decode_seconds
        memory = max(memory, added or 0)
    return Row(coder.name, sizes, coded, times[0], times[1], memory or None)


def measure(coder: Coder, data: bytes, rounds: int, name: str) -> tuple[int, float, float, int | None]:
    """Coded size, the least seconds to encode and decode, and bytes of memory that it took at most."""
    before = _forget_peak()
    encode_seconds = decode_seconds = float("inf")
    coded = b""
    for _ in range(rounds):
        started = time.process_time()
        coded = coder.encode(data)
        encode_seconds = min(encode_seconds, time.process_time() - started)
        started = time.process_time()
        back = coder.decode(coded)
        decode_seconds = min(decode_seconds, time.process_time() - started)
        if back != data:
            raise DigestMismatch(
                f"what {coder.name} gives back", path=name, expected=data[:32], found=back[:32]
            )
    peak = _status("VmHWM")
    return (
        len(coded),
        encode_seconds,
        decode_seconds,
        _less(peak, before),
    )


def _less(peak: int | None, before: int | None) -> int | None:
    return None if peak is None or before is None else peak - before


def _forget_peak() -> int | None:
    """Begin anew to watch the peak of this process's memory; what it takes now. Linux alone tells."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(name)), None)
