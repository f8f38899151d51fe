"""Signatures and MACs over a patch's opening, and the keys' files (RFC 8032, PEM by RFC 7468; RFC 4493)."""

import os
import secrets
from pathlib import Path
from typing import Final, overload

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sapwood.errors import BadSignature, WrongCall, storage_error
from sapwood.patch.authentication import Authentication
from sapwood.patch.mac_key import MAC_KEY_TYPES, MacKey
from sapwood.patch.manifest import KEY_ID_SIZE

__all__ = [
    "PathLike",
    "SigningKey",
    "VerifyingKey",
    "authentication_by",
    "check_signature",
    "generate_key",
    "generate_mac_key",
    "key_id",
    "signing_key",
    "verifying_key",
]

PathLike = str | os.PathLike[str]
SigningKey = Ed25519PrivateKey | MacKey
VerifyingKey = Ed25519PublicKey | MacKey

_RAW: Final = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_MAC_KEY: Final = b"aes-"
"""What the file of a shared key begins with; no PEM does."""


def authentication_by(key: SigningKey | VerifyingKey | None) -> Authentication:
    """What a key makes and checks; it is never asked of the patch."""
    if key is None:
        return Authentication.NONE
    return Authentication.AES_CMAC if isinstance(key, MacKey) else Authentication.ED25519


def key_id(key: SigningKey | VerifyingKey | None) -> bytes:
    """Short name of a key, 8 bytes; empty without one. It finds a key and proves nothing."""
    if key is None:
        return b""
    if isinstance(key, MacKey):
        return key.id
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return blake3(public.public_bytes(*_RAW)).digest(length=KEY_ID_SIZE)


def _write_new(file: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError:
        raise WrongCall(
            "a key is there already",
            path=str(file),
            advice="Choose another name; keys are not overwritten.",
        ) from None
    except OSError as error:
        raise storage_error(error, str(file)) from error


def generate_key(path: PathLike) -> Ed25519PublicKey:
    """Write a new private key to ``path`` (mode 0600) and its public key to ``path`` + ``.pub``.

    Raises:
        WrongCall: One of the files is there already; a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    target = Path(path)
    _write_new(target, private, 0o600)
    _write_new(Path(f"{target}.pub"), public, 0o644)
    return key.public_key()


def generate_mac_key(path: PathLike, kind: str = "aes-128-cmac") -> MacKey:
    """Write a new key for AES-CMAC to ``path`` (mode 0600), for devices without Ed25519.

    Publisher and devices share it: whoever reads it out of one device can sign for all that have it.

    Args:
        path: The file.
        kind: "aes-128-cmac" or "aes-256-cmac".

    Raises:
        WrongCall: There is no such kind, or the file is there already; a key is never overwritten.
    """
    if kind not in MAC_KEY_TYPES:
        raise WrongCall("no such type of key", expected=" or ".join(MAC_KEY_TYPES), found=kind)
    key = MacKey(secrets.token_bytes(MAC_KEY_TYPES[kind]))
    _write_new(Path(path), key.as_file(), 0o600)
    return key


def _read(path: PathLike) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise storage_error(error, os.fspath(path)) from error


@overload
def signing_key(key: None) -> None: ...
@overload
def signing_key(key: SigningKey | PathLike) -> SigningKey: ...
def signing_key(key: SigningKey | PathLike | None) -> SigningKey | None:
    """The key, or the one in a file: an Ed25519 private key in PEM, or one for AES-CMAC.

    Raises:
        WrongCall: The file holds no such key, or an encrypted one.
    """
    if key is None or isinstance(key, SigningKey):
        return key
    path, content = os.fspath(key), _read(key)
    if content.startswith(_MAC_KEY):
        return MacKey.of_file(content, path)
    try:
        private = serialization.load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise WrongCall("not an unencrypted private key in PEM", path=path) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise WrongCall("not an Ed25519 key", path=path, found=type(private).__name__)
    return private


def verifying_key(key: VerifyingKey | PathLike | None) -> VerifyingKey | None:
    """The key, or the one in a file: an Ed25519 public key in PEM, or one for AES-CMAC.

    Raises:
        WrongCall: The file holds no such key.
    """
    if key is None or isinstance(key, VerifyingKey):
        return key
    path, content = os.fspath(key), _read(key)
    if content.startswith(_MAC_KEY):
        return MacKey.of_file(content, path)
    try:
        public = serialization.load_pem_public_key(content)
    except ValueError as error:
        raise WrongCall("not a public key in PEM", path=path) from error
    if not isinstance(public, Ed25519PublicKey):
        raise WrongCall("not an Ed25519 key", path=path, found=type(public).__name__)
    return public


def check_signature(key: VerifyingKey, message: bytes, carried: Authentication, signature: bytes) -> None:
    """Refuse bytes that ``key`` did not sign.

    Args:
        key: Whose the signature must be. It alone decides how that is checked.
        message: What is signed.
        carried: What the patch carries.
        signature: The signature or MAC.

    Raises:
        BadSignature: Not signed, or in another way, or by another key, or changed since.
    """
    wanted = authentication_by(key)
    if carried is Authentication.NONE:
        raise BadSignature("the patch is not signed", advice="Ask its publisher for a signed one.")
    if carried is not wanted:
        raise BadSignature(
            "the patch is signed in another way than the key checks",
            expected=wanted.label,
            found=carried.label,
            advice="Use the key of its publisher, or ask for a patch signed for this key.",
        )
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise BadSignature(
            "the signature is not by this key, or the patch was changed",
            expected=f"key {key_id(key).hex()}",
            advice="Use the publisher's key, or fetch the patch again.",
        ) from None
