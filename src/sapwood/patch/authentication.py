"""How a patch tells whose it is (SPEC, "Signature")."""

import enum
from typing import Final

__all__ = ["Authentication"]


class Authentication(enum.IntEnum):
    """What stands behind a patch's manifest; the numbers are the flags of its opening."""

    NONE = 0
    ED25519 = 1
    """A signature: who checks it cannot make one."""
    AES_CMAC = 2
    """A message authentication code, for devices without Ed25519: who checks it can make one."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return _SIZES[self]

    @property
    def label(self) -> str:
        """Its name in reports."""
        return self.name.lower().replace("_", "-")


_SIZES: Final = {Authentication.NONE: 0, Authentication.ED25519: 64, Authentication.AES_CMAC: 16}
