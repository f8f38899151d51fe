"""AES-CMAC by the steps of RFC 4493; only the cipher is a library's."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from tests.oracle.container import Patch
from tests.oracle.reader import Refused

__all__ = ["aes_cmac", "check_mac"]

BLOCK = 16


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def _doubled(block: bytes) -> bytes:
    shifted = int.from_bytes(block, "big") << 1
    if shifted >> 128:
        shifted ^= 0x87 | 1 << 128
    return shifted.to_bytes(BLOCK, "big")


def aes_cmac(key: bytes, message: bytes) -> bytes:
    """The 16 bytes, by a key of 16 or 32."""
    cipher = Cipher(AES(key), ECB()).encryptor()
    once = _doubled(cipher.update(bytes(BLOCK)))
    end = (len(message) - 1) // BLOCK * BLOCK if message else 0
    last = message[end:]
    if len(last) == BLOCK:
        last = _xor(last, once)
    else:
        last = _xor(last + b"\x80" + bytes(BLOCK - 1 - len(last)), _doubled(once))
    state = bytes(BLOCK)
    for at in range(0, end, BLOCK):
        state = cipher.update(_xor(state, message[at : at + BLOCK]))
    return cipher.update(_xor(state, last))


def check_mac(patch: Patch, key: bytes) -> None:
    """Refuse a patch that has not this key's MAC.

    Raises:
        Refused: It has none, or a signature, or another's.
    """
    if len(patch.signature) != BLOCK or aes_cmac(key, patch.signed) != patch.signature:
        raise Refused("no MAC by this key")
