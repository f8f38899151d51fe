"""Whole patches by both decoders: random ones, folders, and damaged ones."""

import random
import zlib
from pathlib import Path

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import sapwood
from sapwood.errors import BadData
from tests.oracle.container import CHUNKS, Content, decode_patch, read_patch, varint
from tests.oracle.random_patches import compare, random_pair
from tests.oracle.reader import Refused


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_both_decode_some_random_patches(first: int) -> None:
    for seed in range(first, first + 20):
        compare(seed)


def test_both_know_one_distance_that_stands_twice_among_the_last_four() -> None:
    compare(935)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 100))
def test_both_decode_a_thousand_random_patches(first: int) -> None:
    for seed in range(first, first + 100):
        compare(seed)


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_both_decode_a_folder(tmp_path: Path) -> None:
    rng = random.Random(5)
    noise = rng.randbytes(4000)
    base = {"a.bin": noise, "b/c.bin": b"x" * 50, "b-c": b"", "\u00e9": b"accent"}
    target = {
        "b-c": b"now some",
        "b/c.bin": b"x" * 60,
        "b/d/e": noise[:3000] + noise[3001:],
        "\U0001f333": b"",
    }
    patch = sapwood.diff(_write(tmp_path / "1", base), _write(tmp_path / "2", target)).to_bytes()
    assert decode_patch(patch, base) == target
    assert sapwood.apply(tmp_path / "1", patch) == target
    with pytest.raises(Refused):
        decode_patch(patch, {**base, "more": b""})


def test_the_oracle_reads_signed_patches_and_what_is_signed() -> None:
    key = Ed25519PrivateKey.generate()
    patch = sapwood.diff(
        b"base " * 9, b"target " * 9, key=key, version_counter=300, metadata={"b": "1", "a": "2"}
    )
    assert decode_patch(patch.to_bytes(), b"base " * 9) == b"target " * 9
    parsed = read_patch(patch.to_bytes())
    key.public_key().verify(parsed.signature, parsed.signed)
    assert all(len(digest) == 32 for _, _, digest in parsed.manifest.chunks)


def _outcome(patch: bytes, base: bytes) -> tuple[Content | None, Content | None]:
    try:
        expected: Content | None = decode_patch(patch, base)
    except Refused:
        expected = None
    try:
        found: Content | None = sapwood.apply(base, patch)
    except BadData:
        found = None
    return expected, found


def test_both_refuse_every_truncation_and_every_changed_byte() -> None:
    base, target = bytes(range(256)) * 4, bytes(range(256)) * 3 + b"and more"
    patch = sapwood.diff(base, target, metadata={"key": "value"}, version_counter=7).to_bytes()
    for at in range(len(patch)):
        assert _outcome(patch[:at], base) == (None, None), at
        changed = patch[:at] + bytes([patch[at] ^ 1 << at % 8]) + patch[at + 1 :]
        assert _outcome(changed, base) == (None, None), at
    assert _outcome(patch + b"\0", base) == (None, None)
    assert _outcome(patch, base) == (target, target)


@pytest.mark.parametrize("seed", range(20))
def test_both_refuse_another_base(seed: int) -> None:
    base, target = random_pair(random.Random(seed))
    if base is None:
        return
    patch = sapwood.diff(base, target).to_bytes()
    assert _outcome(patch, base + b"\0") == (None, None)


def _remade(patch: bytes, manifest: bytes, chunks: bytes) -> bytes:
    """The patch with another manifest and other chunks, and every digest put right."""
    out = patch[:6] + varint(len(manifest)) + manifest
    return out + zlib.crc32(out).to_bytes(4, "little") + chunks


def _record(tag: int, data: bytes) -> bytes:
    return varint(tag) + varint(len(data)) + data


def _damaged(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2])):
        if not out:
            break
        at = rng.randrange(len(out))
        match rng.randrange(4):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at] = rng.choice([0, 1, 127, 128, 255])
            case 2:
                out[at:at] = rng.choice([b"\0", b"\x80", b"\xff" * 9, rng.randbytes(2)])
            case _:
                del out[at : at + rng.choice([1, 1, 8])]
    return bytes(out) or b"\0"


@pytest.mark.parametrize("seed", range(60))
def test_both_refuse_the_same_damage_under_right_digests(seed: int) -> None:
    rng = random.Random(seed)
    base, target = random_pair(rng)
    patch = sapwood.diff(base, target, metadata={"a": "1", "b": "2"}, version_counter=1).to_bytes()
    parsed = read_patch(patch)
    records = parsed.manifest.records
    manifest = b"".join(_record(tag, data) for tag, data in records.items())
    assert _remade(patch, manifest, parsed.chunks) == patch
    for _ in range(10):
        expected, found = _outcome(_remade(patch, _damaged(rng, manifest), parsed.chunks), base or b"")
        assert expected == found
    if len(parsed.manifest.chunks) != 1:
        return
    for _ in range(10):
        cut = rng.choice([12, 40, len(parsed.chunks)])
        chunk = _damaged(rng, parsed.chunks[:cut]) + parsed.chunks[cut:]
        made, _, _ = parsed.manifest.chunks[0]
        entry = b"\x08" + varint(made) + varint(len(chunk)) + blake3(chunk).digest(length=8)
        manifest = b"".join(_record(tag, entry if tag == CHUNKS else data) for tag, data in records.items())
        expected, found = _outcome(_remade(patch, manifest, chunk), base or b"")
        assert expected == found
