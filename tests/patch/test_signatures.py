"""A signature binds everything: only what its key signed is taken by those who ask for it."""

import dataclasses
import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import sapwood
from sapwood.errors import BadSignature, CorruptPatch, LimitExceeded, MissingInput, RollbackRefused, WrongCall
from sapwood.patch.authentication import Authentication
from sapwood.patch.container import chunk_digest, opening_bytes, read_opening
from sapwood.patch.manifest import Chunk
from sapwood.patch.signing import generate_key, key_id, signing_key, verifying_key
from tests.patch import models, seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
BASE, TARGET = models.pair("safetensors")
UNSIGNED = sapwood.diff(BASE, TARGET, metadata={"a": "b"}, version_counter=5).to_bytes()
SIGNED = sapwood.diff(BASE, TARGET, metadata={"a": "b"}, version_counter=5, key=KEY).to_bytes()


def refused(patch: bytes, key: Ed25519PrivateKey = KEY) -> None:
    for base in (BASE, None):
        with pytest.raises((BadSignature, CorruptPatch)):
            sapwood.verify(patch, base, key=key.public_key())
    with pytest.raises((BadSignature, CorruptPatch)):
        sapwood.apply(BASE, patch, verify_key=key.public_key())


def test_a_good_signature_is_taken() -> None:
    assert sapwood.open_patch(SIGNED).signed
    assert sapwood.apply(BASE, SIGNED, verify_key=KEY.public_key()) == TARGET
    assert sapwood.verify(SIGNED, key=KEY.public_key()).key_id == key_id(KEY.public_key())


def test_a_signed_patch_applies_without_a_key() -> None:
    assert sapwood.apply(BASE, SIGNED) == TARGET
    sapwood.verify(SIGNED)


def test_another_key_is_refused() -> None:
    with pytest.raises(BadSignature) as caught:
        sapwood.apply(BASE, SIGNED, verify_key=OTHER.public_key())
    assert caught.value.expected == f"key {key_id(OTHER.public_key()).hex()}"


def test_an_unsigned_patch_is_refused_where_a_key_is_asked_for() -> None:
    with pytest.raises(BadSignature, match="not signed"):
        sapwood.apply(BASE, UNSIGNED, verify_key=KEY.public_key())


def test_signing_later_gives_the_same_as_signing_at_once() -> None:
    signed = sapwood.sign(UNSIGNED, KEY)
    assert signed.signed
    assert sapwood.apply(BASE, signed, verify_key=KEY.public_key()) == TARGET
    assert signed.to_bytes() == SIGNED
    assert sapwood.sign(sapwood.sign(UNSIGNED, OTHER), KEY).to_bytes() == SIGNED


def test_signing_in_place(tmp_path: Path) -> None:
    path = tmp_path / "p.swpatch"
    path.write_bytes(UNSIGNED)
    assert sapwood.sign(path, KEY, path).signed
    assert path.read_bytes() == SIGNED


def test_a_damaged_patch_is_not_signed(tmp_path: Path) -> None:
    for damaged in (UNSIGNED[:-1], UNSIGNED[:-1] + b"?", UNSIGNED + b"?"):
        with pytest.raises(CorruptPatch):
            sapwood.sign(damaged, KEY, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_every_bit_of_a_signed_patch_counts() -> None:
    step = max(1, len(SIGNED) // 400)
    for at in [*range(300), *range(300, len(SIGNED), step)]:
        changed = bytearray(SIGNED)
        changed[at] ^= 1 << at % 8
        with pytest.raises(sapwood.SapwoodError):
            sapwood.apply(BASE, bytes(changed), verify_key=KEY.public_key())


def opened(patch: bytes) -> tuple[seal.Parts, bytes]:
    return seal.parts(patch), read_opening(io.BytesIO(patch)).signature


def resealed(parts: seal.Parts, signature: bytes) -> bytes:
    return opening_bytes(parts.manifest, Authentication.ED25519) + signature + b"".join(parts.chunks)


def test_a_manifest_changed_and_sealed_again_is_refused() -> None:
    parts, signature = opened(SIGNED)
    assert resealed(parts, signature) == SIGNED
    manifest = parts.manifest
    for change in (
        dataclasses.replace(manifest, metadata={"a": "c"}),
        dataclasses.replace(manifest, version_counter=6),
        dataclasses.replace(manifest, format="gguf"),
        dataclasses.replace(manifest, key_id=key_id(OTHER.public_key())),
        dataclasses.replace(manifest, target=dataclasses.replace(manifest.target, digest=bytes(32))),
    ):
        refused(resealed(dataclasses.replace(parts, manifest=change), signature))


def test_a_chunk_changed_and_sealed_again_is_refused() -> None:
    parts, signature = opened(SIGNED)
    coded = bytearray(parts.chunks[0])
    coded[-1] ^= 1
    parts.chunks[0] = bytes(coded)
    refused(resealed(parts, signature))
    chunk = dataclasses.replace(parts.manifest.chunks[0], digest=chunk_digest(bytes(coded), 32))
    manifest = dataclasses.replace(parts.manifest, chunks=(chunk, *parts.manifest.chunks[1:]))
    refused(resealed(dataclasses.replace(parts, manifest=manifest), signature))


def test_a_signature_taken_off_or_from_another_patch_is_refused() -> None:
    parts, _ = opened(SIGNED)
    refused(opening_bytes(parts.manifest) + b"".join(parts.chunks))
    _, foreign = opened(sapwood.diff(BASE, TARGET, key=KEY).to_bytes())
    refused(resealed(parts, foreign))
    refused(resealed(parts, bytes(64)))


def test_a_signature_over_short_digests_binds_nothing() -> None:
    parts, _ = opened(SIGNED)
    short = tuple(Chunk(c.decoded, c.coded, c.digest[:8]) for c in parts.manifest.chunks)
    head = opening_bytes(dataclasses.replace(parts.manifest, chunks=short), Authentication.ED25519)
    refused(head + KEY.sign(head) + b"".join(parts.chunks))


def test_an_older_version_is_refused(tmp_path: Path) -> None:
    assert sapwood.apply(BASE, SIGNED, min_version=5) == TARGET
    for patch in (SIGNED, UNSIGNED):
        with pytest.raises(RollbackRefused):
            sapwood.apply(BASE, patch, tmp_path / "out", min_version=6)
    with pytest.raises(RollbackRefused):
        sapwood.apply(BASE, sapwood.diff(BASE, TARGET), min_version=1)
    assert list(tmp_path.iterdir()) == []


def test_a_larger_target_than_allowed_is_refused(tmp_path: Path) -> None:
    size = len(TARGET)
    assert sapwood.apply(BASE, SIGNED, max_size=size) == TARGET
    out = tmp_path / "out"
    for patch in (SIGNED, sapwood.diff(BASE, TARGET), sapwood.diff(None, TARGET)):
        with pytest.raises(LimitExceeded) as caught:
            sapwood.apply(BASE, patch, out, max_size=size - 1)
        assert caught.value.found == f"{size} bytes"
    assert not list(tmp_path.iterdir())


def test_keys_in_files(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    public = generate_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    private = signing_key(path)
    assert isinstance(private, Ed25519PrivateKey)
    assert private.public_key() == public == verifying_key(f"{path}.pub")
    patch = sapwood.diff(BASE, TARGET, key=path)
    assert sapwood.apply(BASE, patch, verify_key=f"{path}.pub") == TARGET
    with pytest.raises(WrongCall, match="already"):
        generate_key(path)


def test_what_is_no_key_is_the_callers_mistake(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    encrypted = BestAvailableEncryption(b"secret")
    pems = [
        b"",
        b"no key",
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted),
        X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ]
    for pem in pems:
        path.write_bytes(pem)
        with pytest.raises(WrongCall):
            sapwood.diff(BASE, TARGET, key=path)
        with pytest.raises(WrongCall):
            sapwood.apply(BASE, SIGNED, verify_key=path)
    with pytest.raises(MissingInput):
        sapwood.apply(BASE, SIGNED, verify_key=tmp_path / "missing")
