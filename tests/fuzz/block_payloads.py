"""Payloads of single blocks, by codec: a corpus of each, and one mutant decoded.

As in ``tests.fuzz.targets``: the outcome is named, and a wrong one is raised.
"""

import random
from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np

from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.quantised import QuantisedPair, encode_quantised, quantised_pair
from sapwood.codec.scattered import encode_scattered
from sapwood.codec.splice import SpliceKind, decode_splice, encode_splice_as
from sapwood.codec.term import Term, encode_right
from sapwood.errors import BadData
from sapwood.formats.dtype import DTYPES
from tests.fuzz.mutate import mutated
from tests.oracle.any_device import any_device
from tests.oracle.any_quantised import NAMES, SOURCES, any_pair
from tests.oracle.any_scattered import any_scattered
from tests.oracle.any_splice import any_splice
from tests.oracle.quantised import TYPES

__all__ = [
    "adaptive",
    "coded",
    "device",
    "device_blocks",
    "numeric",
    "quantised",
    "quantised_blocks",
    "scattered",
    "scattered_blocks",
    "splice",
    "splice_blocks",
]

_PATHS: Final = ("portable", "avx2", "avx512", "neon")


@cache
def coded(codec: str) -> list[tuple[bytes, bytes | None, int]]:
    """(payload, base, size of the target) of every element, with and without a base."""
    found: list[tuple[bytes, bytes | None, int]] = []
    noise = np.random.default_rng(1)
    for element in Element:
        for size in (4096, 2400, 16_384) if codec == "numeric" else (24, 400, 2400):
            base = noise.standard_normal(size // 4).astype(np.float32).tobytes()
            flips = (noise.random(size) < 0.05) * noise.integers(0, 16, size)
            target = (np.frombuffer(base, np.uint8) ^ flips.astype(np.uint8)).tobytes()
            for old in (base, None):
                if codec == "numeric":
                    made = _core.encode_numeric(old, target, element, Level.DEFAULT)
                else:
                    made = _core.encode_adaptive(old, target, element)
                if made is not None:
                    found.append((made, old, size))
    return found


@cache
def _usable() -> tuple[str, ...]:
    def works(path: str) -> bool:
        try:
            _core.decode_numeric(b"", None, bytearray(1), path=path)
        except ValueError:
            return False
        return True

    return tuple(filter(works, _PATHS))


def _sized(size: int, dice: random.Random) -> int:
    return (
        size
        if dice.randrange(4)
        else dice.choice((1, 3, size - 1, size + 8, 2 * size, 1 << 20, 0, (1 << 20) + 1))
    )


def numeric(dice: random.Random) -> str:
    """NUMERIC payloads: every instruction set gives the same status, and the same bytes where it is 0."""
    payload, base, size = dice.choice(coded("numeric"))
    data, size = mutated(payload, dice), _sized(size, dice)
    results = []
    for path in _usable():
        out = bytearray(size)
        results.append((_core.decode_numeric(data, base, out, path=path), out))
    if len({status for status, _ in results}) != 1:
        raise AssertionError(f"statuses differ: {[status for status, _ in results]}")
    if results[0][0] == 0 and any(out != results[0][1] for _, out in results):
        raise AssertionError("instruction sets differ")
    return f"status {results[0][0]}"


def adaptive(dice: random.Random) -> str:
    """ADAPTIVE payloads."""
    payload, base, size = dice.choice(coded("adaptive"))
    return f"status {_core.decode_adaptive(mutated(payload, dice), base, bytearray(_sized(size, dice)))}"


@cache
def device_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of all that DEVICE blocks can say."""
    made = [any_device(seed) for seed in range(40)]
    return [(payload, base, len(target)) for payload, base, target in made]


def device(dice: random.Random) -> str:
    """DEVICE payloads."""
    payload, base, size = dice.choice(device_blocks())
    return f"status {_core.decode_device(mutated(payload, dice), base, bytearray(_sized(size, dice)))}"


@cache
def quantised_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of QUANTISED blocks between all types."""
    made = []
    for target in TYPES:
        for source in SOURCES:
            base, wanted = any_pair(target + source, target, source)
            pair = quantised_pair(DTYPES[NAMES[target]], DTYPES[NAMES[source]])
            if pair is None:
                raise AssertionError("a pair of types that cannot be predicted")
            block = encode_quantised(pair, memoryview(base), 0, memoryview(wanted), Level.DEFAULT)
            made.append((bytes(block.payload), base, len(wanted)))
    return made + [_with_term(number) for number in TYPES]


@cache
def _right_factor() -> Term:
    """Two components for rows of 256 elements."""
    right = np.array([i % 7 - 3 for i in range(512)], np.int32).tobytes()
    return Term(256, -11, right, *encode_right(right, 256, Level.DEFAULT))


def _with_term(number: int) -> tuple[bytes, bytes, int]:
    kind = DTYPES[NAMES[number]]
    dice = random.Random(number)
    base = dice.randbytes(2 * kind.nbytes(256))
    wanted = mutated(base, dice)[: len(base)].ljust(len(base))
    pair = QuantisedPair(kind, kind, _right_factor())
    block = encode_quantised(pair, memoryview(base), 0, memoryview(wanted), Level.DEFAULT)
    return bytes(block.payload), base, len(wanted)


def quantised(dice: random.Random) -> str:
    """QUANTISED payloads."""
    payload, base, size = dice.choice(quantised_blocks())
    payload = mutated(payload, dice)
    size = _sized(size, dice) if dice.randrange(4) == 0 else size
    # Another length, or other types, want another base: most get what they ask for.
    wants = _core.quantised_base_size(payload, size)
    if wants >= 0 and wants != len(base) and dice.randrange(4):
        base = (base * (wants // len(base) + 1))[:wants]
    factors = _right_factor().factors if dice.randrange(8) else None
    return f"status {_core.decode_quantised(payload, base, factors, bytearray(size))}"


@cache
def scattered_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of SCATTERED blocks of all elements."""
    made = []
    for element in Element:
        for seed in range(4 if element is not Element.INT4 else 0):
            base, target = any_scattered(seed, element)
            view = memoryview(base)
            payload = encode_scattered(
                view, memoryview(target), element, 1, thorough=seed % 2 == 1, always=True
            )
            if payload is None:
                raise AssertionError("a pair that is no SCATTERED block")
            made.append((payload, base, len(target)))
    return made


def scattered(dice: random.Random) -> str:
    """SCATTERED payloads, by every instruction set."""
    payload, base, size = dice.choice(scattered_blocks())
    payload = mutated(payload, dice)
    size = _sized(size, dice) if dice.randrange(4) == 0 else size
    results = []
    for path in _usable():
        out = bytearray(size)
        results.append((_core.decode_scattered(payload, base, out, path), out))
    if any(status != results[0][0] for status, _ in results):
        raise AssertionError("instruction sets disagree on a status")
    if results[0][0] == 0 and any(out != results[0][1] for _, out in results):
        raise AssertionError("instruction sets disagree on bytes")
    return f"status {results[0][0]}"


@cache
def splice_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of splices whose content is modelled."""
    found = []
    for seed in range(40):
        base, splice, target = any_splice(seed)
        block = encode_splice_as(SpliceKind.MODELLED, splice, len(base), _reader(base))
        if block is None:
            raise AssertionError("too much for the model")
        found.append((bytes(block.payload), base, len(target)))
    return found


def _reader(base: bytes) -> Callable[[int, int], memoryview]:
    def read(offset: int, length: int) -> memoryview:
        if offset < 0 or length < 0 or offset + length > len(base):
            raise AssertionError("a read outside the base")
        return memoryview(base)[offset : offset + length]

    return read


def splice(dice: random.Random) -> str:
    """Modelled splices: a documented error, or as many bytes as the block says."""
    payload, base, size = dice.choice(splice_blocks())
    block = Block(Codec.SPLICE, _sized(size, dice), mutated(payload, dice))
    made = 0
    try:
        for piece in decode_splice(block, len(base), _reader(base)):
            made += len(piece) if isinstance(piece, bytes) else len(_reader(base)(*piece))
    except BadData as error:
        return type(error).__name__
    if made != block.length:
        raise AssertionError("a splice of another length")
    return "right"
