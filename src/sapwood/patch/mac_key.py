"""Keys shared by publisher and device: AES-CMAC (RFC 4493, NIST SP 800-38B), for devices without Ed25519."""

import dataclasses
import re
from typing import Final

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from sapwood.errors import WrongCall
from sapwood.patch.manifest import KEY_ID_SIZE

__all__ = ["MAC_KEY_TYPES", "MacKey"]

MAC_KEY_TYPES: Final = {"aes-128-cmac": 16, "aes-256-cmac": 32}
"""Bytes of a key by the name of its type."""
_LINE: Final = re.compile(rb"(aes-128-cmac|aes-256-cmac) ([0-9a-f]+)\n?")
_KEY_ID_CONTEXT: Final = "sapwood AES-CMAC key id"


@dataclasses.dataclass(frozen=True, slots=True)
class MacKey:
    """A key of AES-128 or AES-256, 16 or 32 bytes. Whoever can check with it can also sign with it."""

    raw: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no key.

        Raises:
            WrongCall: Another number of bytes.
        """
        if len(self.raw) not in MAC_KEY_TYPES.values():
            raise WrongCall("a key for AES-CMAC has 16 or 32 bytes", expected="16 or 32", found=len(self.raw))

    @classmethod
    def of_file(cls, content: bytes, path: str) -> "MacKey":
        """The key in a file that keygen wrote.

        Raises:
            WrongCall: It holds none, or one of another size than it says.
        """
        line = _LINE.fullmatch(content)
        if line is None or len(line[2]) != 2 * MAC_KEY_TYPES[line[1].decode()]:
            raise WrongCall(
                "not a key for AES-CMAC",
                path=path,
                expected="its type and its bytes in hexadecimal digits",
                advice="Make one with sapwood keygen --type aes-128-cmac.",
            )
        return cls(bytes.fromhex(line[2].decode()))

    def as_file(self) -> bytes:
        """One line: the key's type and its bytes in hexadecimal digits."""
        return f"aes-{8 * len(self.raw)}-cmac {self.raw.hex()}\n".encode()

    @property
    def id(self) -> bytes:
        """The first bytes of a key that BLAKE3 derives from this one: it tells nothing of the key."""
        return blake3(self.raw, derive_key_context=_KEY_ID_CONTEXT).digest(length=KEY_ID_SIZE)

    def sign(self, message: bytes) -> bytes:
        """The 16 bytes of the message's AES-CMAC."""
        return self._over(message).finalize()

    def verify(self, code: bytes, message: bytes) -> None:
        """Compare in constant time.

        Raises:
            InvalidSignature: It is not the message's AES-CMAC, or has another size.
        """
        self._over(message).verify(code)

    def _over(self, message: bytes) -> CMAC:
        mac = CMAC(AES(self.raw))
        mac.update(message)
        return mac
