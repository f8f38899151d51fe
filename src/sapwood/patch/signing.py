"""Ed25519 signatures over a patch's opening, and the keys' files (RFC 8032, PEM by RFC 7468)."""

import os
from pathlib import Path
from typing import Final

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sapwood.errors import BadSignature, WrongCall, storage_error
from sapwood.patch.manifest import KEY_ID_SIZE

__all__ = ["check_signature", "generate_key", "key_id", "load_private_key", "load_public_key"]

_RAW: Final = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_id(key: Ed25519PublicKey) -> bytes:
    """Short name of a public key: the first 8 bytes of its BLAKE3. It finds a key and proves nothing."""
    return blake3(key.public_bytes(*_RAW)).digest(length=KEY_ID_SIZE)


def generate_key(path: str | os.PathLike[str]) -> Ed25519PublicKey:
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
    for file, data, mode in ((target, private, 0o600), (Path(f"{target}.pub"), public, 0o644)):
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
    return key.public_key()


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise storage_error(error, os.fspath(path)) from error


def load_private_key(path: str | os.PathLike[str]) -> Ed25519PrivateKey:
    """A private key in PEM.

    Raises:
        WrongCall: The file holds no unencrypted Ed25519 private key.
    """
    try:
        key = serialization.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError) as error:
        raise WrongCall("not an unencrypted private key in PEM", path=os.fspath(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongCall("not an Ed25519 key", path=os.fspath(path), found=type(key).__name__)
    return key


def load_public_key(path: str | os.PathLike[str]) -> Ed25519PublicKey:
    """A public key in PEM.

    Raises:
        WrongCall: The file holds no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except ValueError as error:
        raise WrongCall("not a public key in PEM", path=os.fspath(path)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise WrongCall("not an Ed25519 key", path=os.fspath(path), found=type(key).__name__)
    return key


def check_signature(signed: bytes, signature: bytes, key: Ed25519PublicKey) -> None:
    """Refuse bytes that ``key`` did not sign.

    Raises:
        BadSignature: Not signed, or by another key, or changed since.
    """
    if not signature:
        raise BadSignature("the patch is not signed", advice="Ask its publisher for a signed one.")
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        raise BadSignature(
            "the signature is not by this key, or the patch was changed",
            expected=f"key {key_id(key).hex()}",
            advice="Use the publisher's public key, or fetch the patch again.",
        ) from None
