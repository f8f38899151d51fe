"""Makes the golden blocks and patches anew: ``python -m tests.golden.make_golden``. Only on purpose.

A golden file pins decoding: what it holds must decode to the recorded digest for ever. Encoders may
change; then the files stay as they are. Make new ones only when the format gains something, and say why
in the commit.
"""

import dataclasses
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors.numpy
from blake3 import blake3

import sapwood
from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.predicted import (
    Prediction,
    encode_factors,
    encode_matrix,
    encode_predicted,
)
from sapwood.codec.quantised import (
    QuantisedPair,
    encode_quantised,
    has_term,
    quantised_pair,
)
from sapwood.codec.scattered import encode_scattered
from sapwood.codec.splice import Splice, SpliceKind, encode_splice_as
from sapwood.codec.term import Term, encode_right
from sapwood.codec.zstandard_frames import compress, compress_against
from sapwood.formats.dtype import DTYPES
from tests.oracle.any_device import ELEMENTS_OF_DEVICES, any_device
from tests.oracle.any_numeric import any_numeric
from tests.oracle.any_quantised import NAMES, any_pair, with_tables
from tests.oracle.any_scattered import any_scattered
from tests.oracle.any_splice import any_splice
from tests.oracle.elements import join
from tests.oracle.numeric import decode_numeric
from tests.oracle.predicted import round_to
from tests.oracle.quantised import FLOATS, TYPES
from tests.patch import seal
from tests.test_oracle import pair

__all__ = ["FOLDER", "LIST"]

FOLDER = Path(__file__).parent
LIST = FOLDER / "golden.json"

Case = tuple[str, Block, bytes, bytes]
"""Name, block, the base's stream, target."""


def _plain() -> Iterator[Case]:
    rng = random.Random(11)
    base = rng.randbytes(3000)
    text = b"the quick brown fox jumps over the lazy dog. " * 20
    yield "stored", Block(Codec.STORED, 5, b"hello"), b"", b"hello"
    yield "zstd", Block(Codec.ZSTD, len(text), compress(text, 19)), b"", text
    changed = base[500:1500] + b"between" + base[100:900]
    # A dictionary that begins as a formatted one does must still be taken as raw bytes.
    magic = bytes.fromhex("37a430ec") + base
    frame = compress_against(magic[:2000], changed)
    yield "zstd_base", Block(Codec.ZSTD_BASE, len(changed), frame, (0, 2000)), magic, changed


def _splices() -> Iterator[Case]:
    rng = random.Random(12)
    base = rng.randbytes(2000) + bytes(i % 251 for i in range(0, 8000, 4))
    few = Splice()
    few.copy(100, 900)
    few.literal(b"new")
    few.copy(50, 70)
    few.literal(b"end")
    expected = base[100:1000] + b"new" + base[50:120] + b"end"
    yield "splice_few", _as(SpliceKind.PLAIN, few, base), base, expected
    # Entries of a table that moved alike: literals that replace base bytes, as differences.
    table = Splice()
    out = bytearray()
    for at in range(2000, 3900, 19):
        table.copy(at, 16)
        moved = bytes((b + 7) & 255 for b in base[at + 16 : at + 19])
        table.literal(moved)
        out += base[at : at + 16] + moved
    yield "splice_replaced", _as(SpliceKind.LZMA, table, base), base, bytes(out)
    words = Splice()
    text = b" ".join(rng.choices([b"layer", b"weight", b"bias", b"norm"], k=1500))
    words.literal(text)
    yield "splice_literals", _as(SpliceKind.ZSTD, words, b""), b"", text
    yield "splice_modelled_literals", _as(SpliceKind.MODELLED, words, b""), b"", text
    yield "splice_modelled_table", _as(SpliceKind.MODELLED, table, base), base, bytes(out)
    for seed in range(4):
        base, splice, expected = any_splice(seed)
        yield f"splice_modelled_any_{seed}", _as(SpliceKind.MODELLED, splice, base), base, expected


def _as(kind: SpliceKind, splice: Splice, base: bytes) -> Block:
    block = encode_splice_as(kind, splice, len(base), _Reader(base))
    assert block is not None
    return block


class _Reader:
    def __init__(self, base: bytes) -> None:
        self.base = memoryview(base)

    def __call__(self, offset: int, length: int) -> memoryview:
        return self.base[offset : offset + length]


def _encoded() -> Iterator[Case]:
    for element in Element:
        for kind, has_base in (("raw", False), ("base", True)):
            for codec, length in ((Codec.NUMERIC, 1200), (Codec.ADAPTIVE, 200)):
                yield _first_encoded(element, kind, has_base, codec, length)


def _first_encoded(element: Element, kind: str, has_base: bool, codec: Codec, length: int) -> Case:
    """The first of some random pairs that the codec takes."""
    for seed in range(100):
        base, target = pair(seed, element, length, has_base)
        if codec is Codec.NUMERIC:
            payload = _core.encode_numeric(base, target, element, 1)
        else:
            payload = _core.encode_adaptive(base, target, element)
        if payload is not None:
            span = (0, len(target)) if base is not None else None
            name = f"{codec.name.lower()}_{element.name.lower()}_{kind}"
            return name, Block(codec, len(target), payload, span), base or b"", target
    raise AssertionError(f"no block of {element.name}")


def _unusual() -> Iterator[Case]:
    """Header fields that today's encoder does not use."""
    for seed in range(24):
        payload, base, length = any_numeric(seed)
        span = (0, length) if base is not None else None
        block = Block(Codec.NUMERIC, length, payload, span)
        if length <= 2000:
            yield f"numeric_any_{seed}", block, base or b"", decode_numeric(payload, base, length)


def _devices() -> Iterator[Case]:
    for element in ELEMENTS_OF_DEVICES:
        for seed in range(4):
            payload, base, target = any_device(seed, element)
            name = f"device_{element.name.lower()}_{seed}"
            yield name, Block(Codec.DEVICE, len(target), payload), base, target


def _quantised() -> Iterator[Case]:
    """Every type from itself, from another one and from floats; and with classes that are given."""
    for i, target in enumerate(TYPES):
        others = [number for number in TYPES if number != target]
        for source in (target, others[i % len(others)], list(FLOATS)[i % 3]):
            base, wanted = any_pair(i, target, source, most=2)
            pair = quantised_pair(DTYPES[NAMES[target]], DTYPES[NAMES[source]])
            assert pair is not None
            block = encode_quantised(pair, memoryview(base), 0, memoryview(wanted), Level.DEFAULT)
            yield f"quantised_{NAMES[target]}_{NAMES[source]}", block, base, wanted
    for target, source in ((8, 8), (12, 12), (6, 1)):
        base, wanted = any_pair(3, target, source, most=2)
        payload = with_tables(target, source, base, wanted, 890 if target == 8 else None)
        block = Block(Codec.QUANTISED, len(wanted), payload, (0, len(base)))
        yield f"quantised_tables_{NAMES[target]}_{NAMES[source]}", block, base, wanted


def _scattered() -> Iterator[Case]:
    for element in Element:
        for thorough in (False, True) if element is not Element.INT4 else ():
            base, target = any_scattered(int(thorough), element)
            view = memoryview(base)
            payload = encode_scattered(view, memoryview(target), element, 1, thorough=thorough, always=True)
            assert payload is not None
            block = Block(Codec.SCATTERED, len(target), payload, (0, len(target)))
            yield f"scattered_{element.name.lower()}_{int(thorough)}", block, base, target


def _foretold() -> Iterator[tuple[Case, bytes]]:
    """Quantised weights with a low-rank term, with the payload of the FACTORS block before."""
    for number in (2, 3, 8, 12, 14):
        rng = random.Random(f"term {number}")
        kind = DTYPES[NAMES[number]]
        right = np.array([rng.randrange(-9, 10) for _ in range(3 * 256)], np.int32).tobytes()
        blocks, factors = encode_right(right, 256, 1)
        base = b"".join(any_pair(seed, number, number, most=1)[0] for seed in range(40))
        base = base[: kind.nbytes(8 * 256)]
        pair = QuantisedPair(kind, kind, Term(256, -14, right, blocks, factors))
        wanted = bytearray(base)
        for i in range(0, len(wanted), kind.block_bytes):
            wanted[i + kind.block_bytes // 2] ^= 1
        block = encode_quantised(pair, memoryview(base), 0, memoryview(bytes(wanted)), Level.DEFAULT)
        assert has_term(block)
        yield (f"quantised_term_{NAMES[number]}", block, base, bytes(wanted)), bytes(blocks[0].payload)


def _predicted() -> Iterator[tuple[Case, bytes]]:
    """Casts, scales, second bases, low-rank terms; with the payload of the FACTORS block before, or b""."""
    kinds = [
        ("cast", Element.F32, Element.BF16, False, False),
        ("cast", Element.BF16, Element.F32, False, False),
        ("scale", Element.F32, Element.F16, False, False),
        ("scale", Element.F64, Element.F64, False, False),
        ("second", Element.F32, Element.F32, True, False),
        ("second", Element.F16, Element.F16, True, False),
        ("low_rank", Element.BF16, Element.BF16, False, True),
        ("low_rank", Element.F32, Element.F32, True, True),
        ("low_rank", Element.F16, Element.BF16, True, True),
    ]
    for kind, old, new, has_second, has_factors in kinds:
        rng = random.Random(f"{kind} {old.name} {new.name}")
        rows, columns = 3, 300
        size = rows * columns * old.width
        values = [round_to(rng.gauss(0, 0.05), int(old)) for _ in range(2 * rows * columns)]
        base = join(values, 8 * old.width)
        payload, factors, left = b"", None, None
        if has_factors:
            right = join([rng.randrange(-900, 900) % 65536 for _ in range(5 * columns)], 16)
            matrix = encode_matrix(memoryview(right), Element.INT16, 1)
            block, factors = encode_factors(columns, 5, matrix, adds=False, before=None)
            payload = bytes(block.payload)
            left_values = join([rng.randrange(-900, 900) % 65536 for _ in range(5 * rows)], 16)
            left = (-27, encode_matrix(memoryview(left_values), Element.INT16, 1))
        prediction = Prediction(
            old,
            new,
            scale=None if kind in ("cast", "low_rank") else 0.9990234375123,
            second=(-0.3330001, size) if has_second else None,
            left=left,
            spread=160 if has_factors and new is not Element.F64 else None,
        )
        view = memoryview(base)
        second = view[size : 2 * size] if has_second else None
        predicted, classes = prediction.predict(view[:size], second, factors, rows * columns * new.width)
        target = bytearray(predicted)
        for i in range(0, len(target) if kind != "cast" else 0, new.width):
            near = classes is None or classes[i // new.width] < 6
            target[i] ^= 1 if rng.random() < (0.3 if near else 0.01) else 0
        made = encode_predicted(
            prediction, view[:size], 0, memoryview(target), 1, second=second, factors=factors
        )
        assert made is not None
        name = f"predicted_{kind}_{old.name.lower()}_{new.name.lower()}"
        yield (name, made, base, bytes(target)), payload


def _block_files() -> Iterator[tuple[str, dict[str, object], dict[str, bytes]]]:
    makers = (_plain, _splices, _encoded, _unusual, _devices, _quantised, _scattered)
    plain = ((case, b"") for make in makers for case in make())
    for (name, block, base, target), factors in (*plain, *_foretold(), *_predicted()):
        facts = {
            "kind": "block",
            "codec": block.codec.name,
            "length": block.length,
            "span": block.base,
            "digest": blake3(target).hexdigest(),
        }
        parts = {"payload": bytes(block.payload), "base": base, "target": target}
        yield name, facts, {**parts, "factors": factors} if factors else parts


def _patch_files() -> Iterator[tuple[str, dict[str, object], dict[str, bytes]]]:
    base, target = pair(3, Element.BF16, 9000, True)
    assert base is not None
    patch = sapwood.diff(base, target, metadata={"step": "2"}, version_counter=2).to_bytes()
    facts: dict[str, object] = {"kind": "patch", "digest": blake3(target).hexdigest()}
    yield "patch_file", facts, {"payload": patch, "base": base, "target": target}
    small = sapwood.diff(base, target, profile="device", state=512).to_bytes()
    yield "patch_device", facts, {"payload": small, "base": base, "target": target}
    alone = sapwood.compress(target).to_bytes()
    yield "patch_alone", facts, {"payload": alone, "base": b"", "target": target}
    random = np.random.default_rng(13)
    older, newer = (random.normal(0, 0.05, (80, 72)).astype(np.float16) for _ in range(2))
    average = ((older.astype(np.float64) + newer) / 2).astype(np.float16)
    also, base, target = (safetensors.numpy.save({"w": array}) for array in (older, newer, average))
    patch = sapwood.diff(base, target, also=also).to_bytes()
    facts = {"kind": "patch", "digest": blake3(target).hexdigest()}
    yield "patch_two_bases", facts, {"payload": patch, "base": base, "also": also, "target": target}
    thin = random.normal(0, 1, (80, 2)) @ random.normal(0, 1e-3, (2, 72))
    merged = (newer.astype(np.float32) + thin.astype(np.float32)).astype(np.float16)
    target = safetensors.numpy.save({"w": merged})
    patch = sapwood.diff(base, target).to_bytes()
    facts = {"kind": "patch", "digest": blake3(target).hexdigest()}
    yield "patch_merged_adapter", facts, {"payload": patch, "base": base, "target": target}
    yield _kept_patch()


def _kept_patch() -> tuple[str, dict[str, object], dict[str, bytes]]:
    """A copy that goes on from the base into the target, a difference and an average of what is kept."""
    random = np.random.default_rng(14)
    base = random.bytes(300)
    table = random.normal(0, 0.05, (64, 20)).astype(np.float32)
    first = table.tobytes()
    size = len(first)
    near = (table * np.float32(1.0001)).tobytes()
    splice = Splice()
    splice.literal(b"new")
    splice.copy(250, 50 + 200)
    target = b"head" + first + near + b"new" + base[250:] + first[:200] + near
    numeric = _core.encode_numeric(first, near, Element.F32, 1)
    half = Prediction(Element.F32, Element.F32, scale=0.5, second=(0.5, size))
    between = encode_predicted(half, memoryview(first), 300, memoryview(near), 1, second=memoryview(near))
    assert numeric is not None
    assert between is not None
    blocks = (
        Block(Codec.STORED, 4 + size, b"head" + first),
        Block(Codec.NUMERIC, size, numeric, (300, size)),
        _as(SpliceKind.MODELLED, splice, base + first),
        between,
    )
    found = seal.parts(sapwood.diff(base, target).to_bytes())
    made = seal.Parts(dataclasses.replace(found.manifest, kept=((4, size), (4 + size, size))), [b"", b""])
    made.put_blocks(0, list(blocks[:2]))
    made.put_blocks(1, list(blocks[2:]))
    patch = made.seal(decoded=[4 + 2 * size, len(target) - 4 - 2 * size])
    facts: dict[str, object] = {"kind": "patch", "digest": blake3(target).hexdigest()}
    return "patch_kept", facts, {"payload": patch, "base": base, "target": target}


def main() -> None:
    """Write all files and the list."""
    listed: dict[str, dict[str, object]] = {}
    for old in FOLDER.glob("*.bin"):
        old.unlink()
    stored: dict[bytes, str] = {}
    for name, facts, files in (*_block_files(), *_patch_files()):
        # Equal contents are kept once.
        parts = {part: stored.setdefault(data, f"{name}.{part}.bin") for part, data in files.items()}
        listed[name] = {**facts, **parts}
    for data, file in stored.items():
        (FOLDER / file).write_bytes(data)
    LIST.write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(listed)} golden cases\n")


if __name__ == "__main__":
    main()
