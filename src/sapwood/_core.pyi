# The C core: block codecs and the content matcher (src/sapwood/_core.cpp).
from collections.abc import Callable, Sequence

from typing_extensions import Buffer

MAX_BLOCK: int

def instruction_set() -> str: ...
def changed_share(a: Buffer, b: Buffer, width: int, page: int, step: int) -> float: ...
def equal(a: Buffer, b: Buffer) -> bool: ...
def equal_runs(a: Buffer, b: Buffer, shortest: int) -> list[tuple[int, int]]: ...
def encode_numeric(
    base: Buffer | None,
    target: Buffer,
    element: int,
    level: int,
    path: str | None = None,
    classes: Buffer | None = None,
) -> bytes | None: ...
def decode_numeric(
    payload: Buffer,
    base: Buffer | None,
    out: Buffer,
    path: str | None = None,
    classes: Buffer | None = None,
) -> int: ...
def encode_adaptive(base: Buffer | None, target: Buffer, element: int) -> bytes | None: ...
def decode_adaptive(payload: Buffer, base: Buffer | None, out: Buffer) -> int: ...
def encode_device(
    base: Buffer,
    target: Buffer,
    segments: Sequence[tuple[int, int, int, int, int]],
    state: int,
    start: int = 0,
) -> bytes | None: ...
def decode_device(payload: Buffer, base: Buffer | None, out: Buffer) -> int: ...
def encode_splice(
    runs: Sequence[tuple[int, int, int]],
    literals: Buffer,
    base_size: int,
    read_base: Callable[[int, int], Buffer],
) -> bytes | None: ...
def decode_splice(
    payload: Buffer,
    length: int,
    run_count: int,
    literal_count: int,
    base_size: int,
    read_base: Callable[[int, int], Buffer],
) -> tuple[list[tuple[int, int, int]], bytes] | int: ...
def find_scaled(target: Buffer, start: int, end: int) -> list[tuple[int, tuple[int, int, int, int, int]]]: ...
def find_matches(base: Buffer, target: Buffer, memory_limit: int) -> list[tuple[int, int, int, int]]: ...

MOST_MODELLED: int
MAX_RANK: int
MAX_COLUMNS: int
MAX_FACTOR: int

class Factors:
    @property
    def columns(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def largest(self) -> int: ...

# A negative number is the reason why there is none.
def decode_factors(payload: Buffer, before: Factors | None, path: str | None = None) -> Factors | int: ...
def predicted_wants(payload: Buffer, length: int) -> tuple[int, int | None] | int: ...
def decode_predicted(
    payload: Buffer,
    base: Buffer,
    second: Buffer | None,
    factors: Factors | None,
    out: Buffer,
    path: str | None = None,
) -> int: ...
def predict(
    parameters: Buffer,
    base: Buffer,
    second: Buffer | None,
    factors: Factors | None,
    length: int,
    path: str | None = None,
) -> tuple[bytes, bytes | None]: ...

MAX_CODES: int

# A negative number is the reason why there is none.
def quantised_base_size(payload: Buffer, length: int) -> int: ...
def decode_quantised(payload: Buffer, base: Buffer | None, out: Buffer, path: str | None = None) -> int: ...
def quantised_origin(type: int, target: Buffer) -> int: ...

# For each plane of the target: element, what is predicted, the plane itself, both folded and their classes.
def quantised_planes(
    head: Buffer, base: Buffer, target: Buffer
) -> list[tuple[int, bytes | None, bytes, tuple[bytes, bytes, bytes] | None]]: ...

class LowRank:
    def __init__(
        self,
        base: Buffer,
        base_element: int,
        target: Buffer,
        element: int,
        columns: int,
        step: int,
        path: str | None = None,
    ) -> None: ...
    def find(self, count: int) -> list[float]: ...
    def take(self, rank: int) -> None: ...
    def begin(self, left: Buffer, right: Buffer) -> None: ...
    def improve(self, inside: float, times: int) -> None: ...
    def round(self, exponent: int, all_rows: int, inside: float) -> bytes: ...

def low_rank_hint(base: Buffer, base_element: int, target: Buffer, element: int, columns: int) -> int: ...
def low_rank_left(
    base: Buffer,
    base_element: int,
    target: Buffer,
    element: int,
    right: Buffer,
    columns: int,
    exponent: int,
    inside: float,
    times: int,
    path: str | None = None,
) -> bytes: ...

class DeviceIndex:
    def __init__(self, base: Buffer) -> None: ...

class DeviceParser:
    def __init__(self, base: DeviceIndex, target: Buffer, least: int) -> None: ...
    def run(self, start: int, end: int, shift: int) -> list[tuple[int, int, int, int, int]]: ...

UPDATE_BATCH: int
UPDATE_CHUNK: int
UPDATE_MEMORY: int

def update_record_size(state: int) -> int: ...

class SimulatedDevice:
    def __init__(
        self,
        models_size: int,
        journal_size: int,
        sector: int,
        unit: int,
        checkpoint: int,
        in_place: bool,
        state: int,
        sha256: Callable[[bytes], bytes],
        is_signed: Callable[[bytes, bytes], bool] | None,
        holds: Callable[[int, bytes], bool],
    ) -> None: ...
    def provision(self, model: Buffer, address: int, counter: int, digest: bytes) -> int: ...
    def boot(self) -> tuple[int, int, int, int, bytes]: ...
    def update(self, patch: Buffer) -> int: ...
    def keep(self) -> None: ...
    def cut(
        self, patch: Buffer, base: Buffer, target: Buffer, at: int, kind: int, more: int
    ) -> tuple[bool, str | None]: ...
    @property
    def bytes(self) -> bytes: ...
    @property
    def erases(self) -> list[int]: ...
    @property
    def operations(self) -> int: ...
    @property
    def programmed(self) -> int: ...
    @property
    def erased(self) -> int: ...
