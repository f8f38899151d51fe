"""HASH: a patch whose digests are SHA-256, and what is refused."""

import hashlib
import random
from pathlib import Path

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

import sapwood
from sapwood.errors import BadData, CorruptPatch, DigestMismatch, UnsupportedPatch, WrongBase
from sapwood.patch.hash_kind import HashKind
from tests.oracle.container import Content, decode_patch
from tests.oracle.random_patches import random_pair
from tests.oracle.reader import Refused
from tests.patch import crafted, models, seal

HASH = 15
BASE, TARGET = models.pair("safetensors", 20)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def _device_patch(key: Ed25519PrivateKey | None = None) -> sapwood.Patch:
    return sapwood.diff(BASE, TARGET, profile="device", key=key)


def _refused_by_both(patch: bytes, wanted: type[BadData] = BadData) -> None:
    with pytest.raises(wanted):
        sapwood.apply(BASE, patch)
    with pytest.raises(Refused):
        decode_patch(patch, BASE)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "signed"])
def test_every_digest_of_a_device_patch_is_sha256(key: Ed25519PrivateKey | None) -> None:
    patch = _device_patch(key)
    assert crafted.records(patch.to_bytes())[HASH] == b"\x01"
    manifest = patch.manifest
    assert manifest.hash is HashKind.SHA256
    assert manifest.base.digest == hashlib.sha256(BASE).digest()
    assert manifest.target.digest == hashlib.sha256(TARGET).digest()
    parts = seal.parts(patch.to_bytes())
    for chunk, coded in zip(manifest.chunks, parts.chunks, strict=True):
        assert chunk.digest == hashlib.sha256(coded).digest()[: 32 if key else 8]
    if key is not None:
        raw = key.public_key().public_bytes_raw()
        assert manifest.key_id == blake3(raw).digest()[:8]
    assert sapwood.apply(BASE, patch, verify_key=key.public_key() if key else None) == TARGET


def test_patches_for_hosts_have_no_such_record() -> None:
    for patch in (sapwood.diff(BASE, TARGET), sapwood.diff(BASE, TARGET, key=KEY), sapwood.compress(BASE)):
        assert HASH not in crafted.records(patch.to_bytes())
        assert patch.manifest.hash is HashKind.BLAKE3


def test_signing_keeps_the_hash() -> None:
    signed = sapwood.sign(_device_patch(), KEY)
    assert signed.to_bytes() == _device_patch(KEY).to_bytes()
    signed.verify(BASE, key=KEY.public_key())


def test_the_wrong_base_is_told_by_the_patchs_hash() -> None:
    with pytest.raises(WrongBase) as caught:
        sapwood.apply(TARGET[:-1] + b"?", sapwood.diff(TARGET, BASE, profile="device"))
    assert caught.value.found == hashlib.sha256(TARGET[:-1] + b"?").hexdigest()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"\x00", UnsupportedPatch),
        (b"\x02", UnsupportedPatch),
        (b"\xff", UnsupportedPatch),
        (b"\x81\x00", UnsupportedPatch),
        (b"", CorruptPatch),
        (b"\x01\x00", CorruptPatch),
    ],
)
def test_a_hash_of_another_value_or_length_is_refused(content: bytes, wanted: type[BadData]) -> None:
    patch = _device_patch().to_bytes()
    _refused_by_both(crafted.with_records(patch, {**crafted.records(patch), HASH: content}), wanted)


def test_a_hash_said_twice_or_out_of_order_is_refused() -> None:
    patch = _device_patch().to_bytes()
    _, body, _ = seal.manifest_body(patch)
    record = bytes([HASH, 1, 1])
    assert bytes(body).endswith(record)
    _refused_by_both(seal.with_manifest(patch, bytes(body) + record), CorruptPatch)
    _refused_by_both(seal.with_manifest(patch, record + bytes(body[:-3])), CorruptPatch)


def test_digests_of_another_hash_than_said_are_refused() -> None:
    for patch in (sapwood.diff(BASE, TARGET).to_bytes(), _device_patch().to_bytes()):
        found = crafted.records(patch)
        if found.pop(HASH, None) is None:
            found[HASH] = b"\1"
        _refused_by_both(crafted.with_records(patch, dict(sorted(found.items()))), WrongBase)
    # Where there is no base, the chunks tell, and for an empty target its own digest.
    alone = sapwood.compress(BASE).to_bytes()
    _refused_by_both(crafted.with_records(alone, {**crafted.records(alone), HASH: b"\1"}), CorruptPatch)
    empty = sapwood.compress(b"").to_bytes()
    _refused_by_both(crafted.with_records(empty, {**crafted.records(empty), HASH: b"\1"}), DigestMismatch)


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_folders_and_second_bases_go_by_the_patchs_hash(tmp_path: Path) -> None:
    base = {"a.safetensors": BASE, "sub/notes": b"one"}
    target = {"a.safetensors": TARGET, "sub/notes": b"two", "empty": b""}
    old, new = _write(tmp_path / "old", base), _write(tmp_path / "new", target)
    patch = seal.with_sha256(sapwood.diff(old, new).to_bytes(), base, target)
    assert sapwood.apply(old, patch) == target
    assert decode_patch(patch, base) == target
    sapwood.verify(patch, old)
    sapwood.verify(patch)
    with pytest.raises(WrongBase, match="digest differs"):
        sapwood.apply(_write(tmp_path / "other", {**base, "sub/notes": b"One"}), patch)
    wrong: Content = {**target, "sub/notes": b"Two"}
    with pytest.raises(DigestMismatch):
        sapwood.apply(old, seal.with_sha256(patch, base, wrong))
    facts = Path(__file__).parents[1] / "golden"
    first, also, third = (
        (facts / f"patch_two_bases.{part}.bin").read_bytes() for part in ("base", "also", "target")
    )
    both = (facts / "patch_two_bases.payload.bin").read_bytes()
    patch = seal.with_sha256(both, first, third, also)
    assert sapwood.apply(first, patch, also=also) == third
    assert decode_patch(patch, first, also) == third
    with pytest.raises(WrongBase, match="second base"):
        sapwood.apply(first, patch, also=also[:-1] + bytes([also[-1] ^ 1]))


@given(st.integers(0, 1 << 32), st.booleans(), st.booleans())
def test_any_patch_comes_back_under_sha256(seed: int, for_device: bool, signed: bool) -> None:
    base, target = random_pair(random.Random(seed))
    if for_device:
        patch = sapwood.diff(base, target, profile="device")
    else:
        made = sapwood.diff(base, target, level="fast", threads=1).to_bytes()
        patch = sapwood.open_patch(seal.with_sha256(made, base, target))
    patch = sapwood.sign(patch, KEY) if signed else patch
    assert patch.manifest.hash is HashKind.SHA256
    assert sapwood.apply(base, patch) == target
    assert decode_patch(patch.to_bytes(), base or b"") == target
    patch.verify(base, key=KEY.public_key() if signed else None)
