"""AES-CMAC in place of Ed25519: the RFC's vectors, and no way from one kind of key to the other's."""

import dataclasses
import io
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import sapwood
from sapwood.errors import BadSignature, CorruptPatch, UnsupportedPatch, WrongCall
from sapwood.patch.authentication import Authentication
from sapwood.patch.container import opening_bytes, read_opening
from sapwood.patch.manifest import Chunk
from sapwood.patch.signing import VerifyingKey, key_id, signing_key, verifying_key
from tests.oracle.cmac import aes_cmac, check_mac
from tests.oracle.container import read_patch
from tests.oracle.reader import Refused
from tests.patch import models, seal

MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
AES_128 = "2b7e151628aed2a6abf7158809cf4f3c"
AES_256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
# RFC 4493, section 4, and NIST SP 800-38B, D.3 (of AES-256).
VECTORS = [
    (AES_128, 0, "bb1d6929e95937287fa37d129b756746"),
    (AES_128, 16, "070a16b46b4d4144f79bdd9dd04a287c"),
    (AES_128, 40, "dfa66747de9ae63030ca32611497c827"),
    (AES_128, 64, "51f0bebf7e3b9d92fc49741779363cfe"),
    (AES_256, 0, "028962f61b7bf89efc6b551f4667d983"),
    (AES_256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"),
    (AES_256, 40, "aaf3d8f1de5640c232f5b169b9c911e6"),
    (AES_256, 64, "e1992190549f6ed5696a2c056c315410"),
]
KEY, LONG, OTHER = (
    sapwood.MacKey(bytes(range(16))),
    sapwood.MacKey(bytes(range(32))),
    sapwood.MacKey(bytes(16)),
)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
BASE, TARGET = models.pair("safetensors")
UNSIGNED = sapwood.diff(BASE, TARGET, profile="device", version_counter=5).to_bytes()
WITH_MAC = sapwood.sign(UNSIGNED, KEY).to_bytes()
SIGNED = sapwood.sign(UNSIGNED, SIGNER).to_bytes()
FOUND = read_opening(io.BytesIO(WITH_MAC))
MESSAGE_SIZE = FOUND.size - 16


def refused(patch: bytes, key: VerifyingKey = KEY) -> None:
    for base in (BASE, None):
        with pytest.raises(BadSignature):
            sapwood.verify(patch, base, key=key)
    with pytest.raises(BadSignature):
        sapwood.apply(BASE, patch, verify_key=key)
    if isinstance(key, sapwood.MacKey):
        with pytest.raises(Refused):
            check_mac(read_patch(patch), key.raw)


@pytest.mark.parametrize(("key", "size", "mac"), VECTORS)
def test_the_standards_vectors(key: str, size: int, mac: str) -> None:
    raw, wanted = bytes.fromhex(key), bytes.fromhex(mac)
    assert sapwood.MacKey(raw).sign(MESSAGE[:size]) == wanted
    assert aes_cmac(raw, MESSAGE[:size]) == wanted
    sapwood.MacKey(raw).verify(wanted, MESSAGE[:size])
    for wrong in (wanted[:-1], wanted + b"\0", b"", wanted[:-1] + bytes([wanted[-1] ^ 1])):
        with pytest.raises(InvalidSignature):
            sapwood.MacKey(raw).verify(wrong, MESSAGE[:size])


@pytest.mark.parametrize("key", [KEY, LONG])
def test_a_good_mac_is_taken(key: sapwood.MacKey) -> None:
    patch = sapwood.diff(BASE, TARGET, profile="device", version_counter=5, key=key)
    assert patch.to_bytes() == sapwood.sign(UNSIGNED, key).to_bytes()
    assert (patch.signed, patch.authentication) == (True, Authentication.AES_CMAC)
    assert patch.size == len(SIGNED) - 48
    assert sapwood.apply(BASE, patch, verify_key=key) == TARGET
    assert sapwood.verify(patch, key=key).key_id == key_id(key) == key.id
    check_mac(read_patch(patch.to_bytes()), key.raw)


def test_it_applies_without_a_key_as_signed_patches_do() -> None:
    assert sapwood.apply(BASE, WITH_MAC) == TARGET


def test_only_what_the_key_is_for_is_taken() -> None:
    public = SIGNER.public_key()
    refused(UNSIGNED)
    refused(WITH_MAC, OTHER)
    refused(WITH_MAC, LONG)
    for patch, key in ((SIGNED, KEY), (WITH_MAC, public)):
        refused(patch, key)
        with pytest.raises(BadSignature, match="another way") as caught:
            sapwood.apply(BASE, patch, verify_key=key)
        assert {caught.value.expected, caught.value.found} == {"ed25519", "aes-cmac"}


def test_a_public_key_is_never_taken_for_a_shared_one(tmp_path: Path) -> None:
    """Who knows a public key makes a MAC with its bytes: no reader that holds it checks MACs."""
    public = SIGNER.public_key()
    forged = sapwood.sign(UNSIGNED, sapwood.MacKey(public.public_bytes_raw()))
    refused(forged.to_bytes(), public)
    path = tmp_path / "key"
    written = sapwood.generate_key(path)
    forged = sapwood.sign(UNSIGNED, sapwood.MacKey(written.public_bytes_raw()))
    with pytest.raises(BadSignature):
        sapwood.apply(BASE, forged, verify_key=f"{path}.pub")


def test_every_bit_under_it_counts() -> None:
    for at in range(FOUND.size):
        changed = bytearray(WITH_MAC)
        changed[at] ^= 1 << at % 8
        with pytest.raises(sapwood.SapwoodError):
            sapwood.apply(BASE, bytes(changed), verify_key=KEY)
    for at in range(MESSAGE_SIZE, FOUND.size):
        changed = bytearray(WITH_MAC)
        changed[at] ^= 1 << at % 8
        refused(bytes(changed))


def test_a_manifest_changed_and_sealed_again_is_refused() -> None:
    parts = seal.parts(WITH_MAC)
    coded = b"".join(parts.chunks)
    good = opening_bytes(parts.manifest, Authentication.AES_CMAC) + FOUND.signature + coded
    assert good == WITH_MAC
    for change in (
        dataclasses.replace(parts.manifest, version_counter=6),
        dataclasses.replace(parts.manifest, key_id=OTHER.id),
        dataclasses.replace(
            parts.manifest, target=dataclasses.replace(FOUND.manifest.target, digest=bytes(32))
        ),
    ):
        refused(opening_bytes(change, Authentication.AES_CMAC) + FOUND.signature + coded)


def test_flags_changed_and_sealed_again_are_refused() -> None:
    """The message holds the flags: neither code stands for the other's bytes."""
    parts = seal.parts(WITH_MAC)
    coded = b"".join(parts.chunks)
    head = opening_bytes(parts.manifest, Authentication.ED25519)
    public = SIGNER.public_key()
    refused(head + FOUND.signature + coded, public)
    refused(head + KEY.sign(head) + coded, public)
    head = opening_bytes(parts.manifest, Authentication.AES_CMAC)
    refused(head + SIGNER.sign(head)[:16] + coded)
    refused(opening_bytes(parts.manifest) + coded)


def test_a_mac_cut_short_is_refused() -> None:
    for size in range(16):
        with pytest.raises(CorruptPatch, match="signature"):
            sapwood.apply(BASE, WITH_MAC[: MESSAGE_SIZE + size], verify_key=KEY)
        # The blocks follow at once.
        refused(WITH_MAC[: MESSAGE_SIZE + size] + WITH_MAC[FOUND.size :])


def test_a_mac_over_short_digests_binds_nothing() -> None:
    parts = seal.parts(WITH_MAC)
    short = tuple(Chunk(c.decoded, c.coded, c.digest[:8]) for c in parts.manifest.chunks)
    manifest = dataclasses.replace(parts.manifest, chunks=short)
    head = opening_bytes(manifest, Authentication.AES_CMAC)
    patch = head + KEY.sign(head) + b"".join(parts.chunks)
    with pytest.raises(CorruptPatch):
        sapwood.apply(BASE, patch, verify_key=KEY)
    with pytest.raises(Refused):
        read_patch(patch)


@pytest.mark.parametrize("flags", [3, 4, 255])
def test_other_flags_are_of_a_later_version(flags: int) -> None:
    patch = WITH_MAC[:5] + bytes([flags]) + WITH_MAC[6:]
    with pytest.raises(UnsupportedPatch):
        sapwood.apply(BASE, patch)
    with pytest.raises(Refused):
        read_patch(patch)


@pytest.mark.parametrize(("kind", "size"), [("aes-128-cmac", 16), ("aes-256-cmac", 32)])
def test_keys_in_files(kind: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = sapwood.generate_mac_key(path, kind)
    assert len(key.raw) == size
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f"{kind} {key.raw.hex()}\n"
    assert signing_key(path) == verifying_key(path) == key
    assert key.raw.hex() not in repr(key)
    assert sapwood.apply(BASE, sapwood.diff(BASE, TARGET, key=path), verify_key=path) == TARGET
    with pytest.raises(WrongCall, match="already"):
        sapwood.generate_mac_key(path, kind)


def test_what_is_no_key_is_the_callers_mistake(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(WrongCall, match="no such type"):
        sapwood.generate_mac_key(path, "aes-192-cmac")
    for size in (0, 15, 24, 33):
        with pytest.raises(WrongCall):
            sapwood.MacKey(bytes(size))
    for line in (
        "aes-128-cmac",
        f"aes-128-cmac {AES_128[:-2]}",
        f"aes-128-cmac {AES_256}",
        f"aes-256-cmac {AES_128}",
        f"aes-192-cmac {AES_128}00112233445566",
        f"aes-128-cmac {AES_128}\n\n",
        f"aes-128-cmac {AES_128[:-1]}x",
        AES_128,
    ):
        path.write_text(line)
        with pytest.raises(WrongCall):
            sapwood.sign(UNSIGNED, path)
        with pytest.raises(WrongCall):
            sapwood.verify(UNSIGNED, key=path)


def test_a_simulated_device_wants_its_own_kind() -> None:
    for key, good in ((KEY, WITH_MAC), (SIGNER.public_key(), SIGNED)):
        for patch in (UNSIGNED, SIGNED, WITH_MAC):
            if patch == good:
                assert not sapwood.device_simulate(BASE, patch, every=50, key=key).failures
            else:
                with pytest.raises(BadSignature):
                    sapwood.device_simulate(BASE, patch, every=50, key=key)
    with pytest.raises(BadSignature):
        sapwood.device_simulate(BASE, WITH_MAC, every=50, key=OTHER)
