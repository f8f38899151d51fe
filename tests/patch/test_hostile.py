"""Patches made to harm: whatever is in one, the outcome is a documented error or the right target."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zstandard

import sapwood
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.splice import MOST_CONTENT, MOST_RUNS
from sapwood.codec.varint import put_signed, put_unsigned
from sapwood.errors import BadData, CorruptPatch, DiskFull, LimitExceeded, UnsupportedPatch
from sapwood.patch.manifest import Tag
from tests.patch import models, seal
from tests.patch.crafted import packed, records, splice, unsigned, with_records

BASE, TARGET = models.pair("safetensors")
PATCH = sapwood.diff(BASE, TARGET).to_bytes()
LARGE = (0, 1, 127, 128, MAX_BLOCK, MAX_BLOCK + 1, 1 << 31, 1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
ZSTD = zstandard.ZstdCompressor()


def refused_or_right(patch: bytes, base: bytes | None = BASE, target: bytes = TARGET) -> bool:
    """Whether it was refused; anything but a refusal or the target fails the test."""
    try:
        result = sapwood.apply(base, patch, threads=1)
    except BadData:
        return True
    assert result == target
    return False


def refused(patch: bytes, base: bytes | None = BASE) -> BadData:
    with pytest.raises(BadData) as caught:
        sapwood.apply(base, patch, threads=1)
    return caught.value


def every_codec() -> Iterator[tuple[str, bytes, bytes, bytes]]:
    """(name, base, target, patch) such that every codec and every kind of splice comes up."""
    yield "whole", BASE, TARGET, PATCH
    yield "raw", b"", TARGET, sapwood.diff(b"", TARGET).to_bytes()
    for level, rows in ((Level.FAST, 1500), (Level.DEFAULT, 1500), (Level.MAX, 300)):
        base, target = models.pair("safetensors", rows)
        yield f"large {level.name}", base, target, sapwood.diff(base, target, level=level).to_bytes()
    text = b"".join(b"token %d\n" % (i * i) for i in range(4000))
    yield (
        "copies",
        text,
        text[20_000:] + text[:10_000],
        sapwood.diff(text, text[20_000:] + text[:10_000]).to_bytes(),
    )


SAMPLES = {name: rest for name, *rest in every_codec()}


def handmade(block: Block, base: bytes = BASE, target: bytes = TARGET) -> bytes:
    found = seal.parts(sapwood.diff(base, target).to_bytes())
    out = seal.Parts(found.manifest, [b""])
    out.put_blocks(0, [block])
    return out.seal(decoded=[len(target)])


def test_every_bit_of_the_opening_counts(tmp_path: Path) -> None:
    opening = seal.manifest_body(PATCH)[0] + len(seal.manifest_body(PATCH)[1]) + 4
    for at, bit in itertools.product(range(opening), range(8)):
        changed = bytearray(PATCH)
        changed[at] ^= 1 << bit
        refused(bytes(changed))
    with pytest.raises(BadData):
        sapwood.apply(BASE, bytes(changed), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_every_byte_of_the_blocks_counts() -> None:
    for at in range(len(PATCH) - 1, len(PATCH) // 2, -7):
        changed = bytearray(PATCH)
        changed[at] ^= 1 << at % 8
        error = refused(bytes(changed))
        assert error.offset is not None
        assert error.offset <= at


@pytest.mark.parametrize("name", SAMPLES)
def test_a_patch_cut_short_is_refused(name: str) -> None:
    base, _, patch = SAMPLES[name]
    for size in sorted({*range(0, len(patch), max(1, len(patch) // 150)), *range(min(160, len(patch)))}):
        refused(patch[:size], base)
    refused(patch + b"\0", base)


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_behind_the_digests_is_found(name: str, tmp_path: Path) -> None:
    base, target, patch = SAMPLES[name]
    random = np.random.default_rng(9)
    found = seal.parts(patch)
    for i in range(250):
        parts = dataclasses.replace(found, chunks=list(found.chunks))
        chunk = int(random.integers(len(parts.chunks)))
        coded = bytearray(parts.chunks[chunk])
        # Half of the damage to the first bytes, where the lengths are.
        at = int(random.integers(min(len(coded), 40 if i % 2 else len(coded))))
        coded[at] ^= 1 << int(random.integers(8))
        parts.chunks[chunk] = bytes(coded)
        refused_or_right(parts.seal(), base, target)
    with pytest.raises(BadData):
        sapwood.apply(base, parts.seal()[:-1], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_samples_hold_every_codec() -> None:
    codecs = {block.codec for _, _, patch in SAMPLES.values() for block in seal.parts(patch).all_blocks()}
    assert codecs >= {Codec.SPLICE, Codec.NUMERIC, Codec.ADAPTIVE}


def in_turn(blocks: list[Block]) -> list[Block]:
    return [*blocks[1:], blocks[0]]


CHANGES: dict[str, Callable[[list[Block]], list[Block]]] = {
    "reversed": lambda blocks: blocks[::-1],
    "turned": in_turn,
    "one dropped": lambda blocks: blocks[:-1],
    "first dropped": lambda blocks: blocks[1:],
    "one twice": lambda blocks: [*blocks, blocks[-1]],
    "none": lambda blocks: [],
    "all twice": lambda blocks: blocks * 2,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["large FAST", "large MAX"])
def test_blocks_in_another_order_or_number_are_refused(change: str, name: str) -> None:
    base, _, patch = SAMPLES[name]
    assert len(seal.parts(patch).all_blocks()) > 2
    refused(seal.with_blocks(patch, CHANGES[change]), base)


def test_chunks_in_another_order_or_number_are_refused() -> None:
    random = np.random.default_rng(2)
    base = random.standard_normal(500_000).astype(np.float32)
    target = (base * (1 + random.standard_normal(500_000) / 100)).astype(np.float32)
    old, new = (models.safetensors_file({"w": a}) for a in (base, target))
    patch = sapwood.diff(old, new, level="fast").to_bytes()
    found = seal.parts(patch)
    assert len(found.chunks) >= 2
    claims = [c.decoded for c in found.manifest.chunks]
    for order in ([1, 0], [0], [0, 0, 1], [1, 1]):
        chosen = [*order, *range(2, len(claims))]
        parts = seal.Parts(found.manifest, [found.chunks[i] for i in chosen])
        refused(parts.seal(decoded=[claims[i] for i in chosen]), old)
    body = found.seal()
    refused(body[: -len(found.chunks[-1])], old)
    refused(body + found.chunks[-1], old)


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("field", ["length", "payload", "base", "dictionary"])
def test_no_field_of_a_block_is_believed(codec: Codec, field: str) -> None:
    content = {Codec.ZSTD: ZSTD.compress(TARGET), Codec.SPLICE: b"\2\0" + TARGET}.get(codec, TARGET)
    for value in LARGE:
        out = bytearray([codec | (0x80 if field in {"base", "dictionary"} else 0)])
        put_unsigned(out, value if field == "length" else len(TARGET))
        put_unsigned(out, value if field == "payload" else len(content))
        if field in {"base", "dictionary"}:
            for offset in (value, -value):
                full = bytearray(out)
                put_signed(full, max(offset, -(1 << 63)) if offset < 1 << 63 else 0)
                if codec is Codec.ZSTD_BASE or field == "dictionary":
                    put_unsigned(full, value if field == "dictionary" else 10)
                parts = seal.Parts(seal.parts(PATCH).manifest, [bytes(full + content)])
                refused(parts.seal(decoded=[len(TARGET)]))
            continue
        parts = seal.Parts(seal.parts(PATCH).manifest, [bytes(out + content)])
        refused_or_right(parts.seal(decoded=[len(TARGET)]))


@pytest.mark.parametrize("head", [*range(max(Codec) + 1, 16), 0x10, 0x20, 0x40, 0x7F, 0xFF])
def test_an_unknown_codec_asks_for_a_newer_version(head: int) -> None:
    parts = seal.Parts(seal.parts(PATCH).manifest, [bytes([head]) + b"\1\1\1"])
    with pytest.raises(UnsupportedPatch):
        sapwood.apply(BASE, parts.seal(decoded=[len(TARGET)]))


def test_the_manifest_can_be_taken_apart_and_put_together() -> None:
    assert with_records(PATCH, records(PATCH)) == PATCH


@pytest.mark.parametrize("value", LARGE)
def test_no_size_in_a_manifest_is_believed(value: int) -> None:
    found = records(PATCH)
    digest = found[Tag.TARGET][-32:]
    chunks = found[Tag.CHUNKS]
    for change in (
        {Tag.TARGET: b"\1" + unsigned(value) + digest},
        {Tag.BASE: b"\1" + unsigned(value) + digest},
        {Tag.CHUNKS: chunks[:1] + unsigned(value, 10) + chunks[-8:]},
        {Tag.CHUNKS: chunks[:1] + unsigned(len(TARGET), value) + chunks[-8:]},
        {
            Tag.CHUNKS: chunks[:1] + unsigned(value, value) + chunks[-8:],
            Tag.TARGET: b"\1" + unsigned(value) + digest,
        },
        {Tag.TARGET_FILES: unsigned(value)},
        {Tag.BASE_FILES: unsigned(value, 1) + b"a" + unsigned(value)},
        {
            Tag.TARGET: b"\2" + unsigned(value) + digest,
            Tag.TARGET_FILES: unsigned(1, 1) + b"a" + unsigned(value),
        },
        {Tag.TARGET: b"\2" + unsigned(1) + digest, Tag.TARGET_FILES: unsigned(1, value) + b"a" + unsigned(1)},
        {Tag.METADATA: unsigned(value) + b"key"},
    ):
        refused(with_records(PATCH, dict(sorted((found | change).items()))))
    tail = bytearray()
    put_unsigned(tail, value)
    refused(PATCH[:6] + bytes(tail) + PATCH[8:])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/x",
        "../x",
        "a/../x",
        "a//b",
        "./a",
        "a/",
        "a\\b",
        "c:x",
        "a\0b",
        "\ud800",
        "a/" * 65 + "b",
        "n" * 4097,
    ],
)
def test_a_path_out_of_the_folder_is_refused(path: str, tmp_path: Path) -> None:
    encoded = path.encode("utf-8", "surrogatepass")
    found = records(PATCH)
    listing = unsigned(1, len(encoded)) + encoded + unsigned(len(TARGET))
    found |= {Tag.TARGET: b"\2" + found[Tag.TARGET][1:], Tag.TARGET_FILES: listing}
    with pytest.raises(BadData):
        sapwood.apply(BASE, with_records(PATCH, dict(sorted(found.items()))), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [["a", "a"], ["b", "a"], ["a", "a/b"], ["a", "a-b", "a/b"]])
def test_files_that_clash_are_refused(names: list[str]) -> None:
    found = records(PATCH)
    listing = unsigned(len(names)) + b"".join(
        unsigned(len(name)) + name.encode() + unsigned(0 if i else len(TARGET))
        for i, name in enumerate(names)
    )
    found |= {Tag.TARGET: b"\2" + found[Tag.TARGET][1:], Tag.TARGET_FILES: listing}
    refused(with_records(PATCH, dict(sorted(found.items()))))


def test_records_unknown_missing_twice_or_too_many() -> None:
    found = records(PATCH)
    assert not refused_or_right(with_records(PATCH, found | {100: b"later"}))
    with pytest.raises(UnsupportedPatch):
        sapwood.apply(BASE, with_records(PATCH, found | {101: b"later"}))
    for needed in (Tag.TARGET, Tag.CHUNKS):
        refused(with_records(PATCH, {tag: data for tag, data in found.items() if tag != needed}))
    refused(with_records(PATCH, dict(reversed(found.items()))))
    refused(with_records(PATCH, found | {2 * i: b"" for i in range(100, 400)}))
    for tag in found.keys() - {Tag.FORMAT}:
        refused(with_records(PATCH, found | {tag: found[tag] + b"\0"}))
        refused(with_records(PATCH, found | {tag: found[tag][:-1]}))


def test_long_integers_have_one_form() -> None:
    for form in (b"\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\x80" * 20):
        parts = seal.Parts(seal.parts(PATCH).manifest, [b"\0" + form])
        refused(parts.seal(decoded=[len(TARGET)]))


SIZE = len(BASE)
SPLICES = {
    "outside": [(0, SIZE, 1)],
    "over the end": [(0, 0, SIZE + 1)],
    "before the start": [(0, -1, 1)],
    "far away": [(0, 1 << 62, 1)],
    "empty run": [(0, 0, 0)],
    "2**40 bytes": [(0, 0, 1 << 40)],
    "2**63 bytes": [(0, 0, (1 << 63) - 1)],
    "more literals than there are": [(10, 0, 1)],
    "differences beyond the base": [(0, 0, SIZE), (5, 0, 1)],
}


@pytest.mark.parametrize("name", SPLICES)
@pytest.mark.parametrize(
    "wrap", [packed, lambda content: b"\2" + content, lambda content: b"\0" + ZSTD.compress(content)]
)
def test_no_run_of_a_splice_is_believed(name: str, wrap: Callable[[bytes], bytes]) -> None:
    runs = SPLICES[name]
    for literals in (b"", b"abc"):
        length = sum(run[2] for run in runs) + len(literals)
        payload = wrap(splice(runs, literals))
        for claim in {length, len(TARGET)} - {0}:
            found = seal.parts(PATCH)
            size = dataclasses.replace(found.manifest.target, size=claim)
            parts = seal.Parts(dataclasses.replace(found.manifest, target=size), [b""])
            parts.put_blocks(0, [Block(Codec.SPLICE, claim, payload)])
            with pytest.raises(BadData):
                sapwood.verify(parts.seal(decoded=[claim]), BASE)


def test_a_splice_holds_a_limited_number_of_runs() -> None:
    runs = [(0, -1 if i else 0, 1) for i in range(MOST_RUNS + 1)]
    error = refused(handmade(Block(Codec.SPLICE, len(TARGET), packed(splice(runs, b"")))))
    assert error.expected == f"at most {MOST_RUNS}"
    for count in LARGE:
        refused(handmade(Block(Codec.SPLICE, len(TARGET), packed(splice([], b"abc", count)))))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\1",
        b"\2",
        b"\3" + TARGET,
        b"\0" + ZSTD.compress(bytes(MOST_CONTENT + 1)),
        b"\0" + zstandard.ZstdCompressor(write_content_size=False).compress(bytes(64 << 20)),
        b"\1" + unsigned(MOST_CONTENT + 1) + packed(bytes(MOST_CONTENT + 1))[4:],
        b"\1" + unsigned(1 << 60) + packed(bytes(64 << 20))[4:],
        b"\1" + unsigned(100) + packed(bytes(64 << 20))[5:],
        b"\1" + unsigned(100) + packed(bytes(99))[2:],
        packed(b"\0" + TARGET) + b"more",
        packed(b"\0" + TARGET)[:-20],
        b"\2" + bytes(MOST_CONTENT + 1),
    ],
)
def test_a_bomb_in_a_splice_is_refused(payload: bytes) -> None:
    refused(handmade(Block(Codec.SPLICE, len(TARGET), payload)))


@pytest.mark.parametrize("codec", [Codec.ZSTD, Codec.ZSTD_BASE])
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x28\xb5\x2f\xfd",
        ZSTD.compress(b""),
        ZSTD.compress(bytes(1 << 30)),
        ZSTD.compress(bytes(MAX_BLOCK + 1)),
        ZSTD.compress(TARGET[:-1]),
        ZSTD.compress(TARGET) * 2,
        ZSTD.compress(TARGET) + b"\0",
        b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + ZSTD.compress(TARGET),
        zstandard.ZstdCompressor(write_content_size=False).compress(TARGET),
        zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
        ).compress(bytes(1 << 20)),
    ],
)
def test_a_bomb_in_a_frame_is_refused(codec: Codec, payload: bytes) -> None:
    spans = ((0, 0), (0, SIZE)) if codec is Codec.ZSTD_BASE else (None,)
    for span in spans:
        refused(handmade(Block(codec, len(TARGET), payload, span)))


@pytest.mark.parametrize("codec", [Codec.NUMERIC, Codec.ADAPTIVE])
def test_noise_in_a_numeric_block_is_refused(codec: Codec) -> None:
    random = np.random.default_rng(6)
    base, target = bytes(4096), random.bytes(4096)
    for element in Element:
        for size in (0, 1, 2, 5, 30, 300, 5000):
            payload = bytes([element | 16]) + random.bytes(size)
            for span in (None, (0, 4096)):
                refused(handmade(Block(codec, 4096, payload, span), base, target), base)


def test_a_target_of_petabytes_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    base = bytes(range(256)) * 4096
    found = seal.parts(sapwood.diff(base, b"x").to_bytes())
    runs = [(0, -len(base) if i else 0, len(base)) for i in range(60_000)]
    one = len(runs) * len(base)
    count = (1 << 50) // one + 1
    target = dataclasses.replace(found.manifest.target, size=count * one)
    parts = seal.Parts(dataclasses.replace(found.manifest, target=target), [b""])
    parts.put_blocks(0, [Block(Codec.SPLICE, one, packed(splice(runs, b"")))] * count)
    patch = parts.seal(decoded=[count * one])
    assert len(patch) < 3_000_000
    with pytest.raises(DiskFull) as caught:
        sapwood.apply(base, patch, tmp_path / "out")
    assert caught.value.expected == f"{count * one} bytes"
    with pytest.raises(LimitExceeded):
        sapwood.apply(base, patch)
    assert list(tmp_path.iterdir()) == []


def test_no_error_speaks_for_two_files(tmp_path: Path) -> None:
    path = tmp_path / "p.swpatch"
    path.write_bytes(PATCH[:-1])
    with pytest.raises(CorruptPatch) as caught:
        sapwood.apply(BASE, path)
    assert caught.value.path == str(path)
