"""Guards as a manifest carries them: a type and bytes each (SPEC, "Guardrails"). No I/O here."""

import dataclasses
import enum
from collections.abc import Iterable
from typing import Final

from sapwood.codec.varint import ByteReader, put_bytes, put_unsigned
from sapwood.errors import LimitExceeded
from sapwood.patch import limits

__all__ = ["FIRST_VENDOR", "Guard", "GuardType", "fits", "read_guards", "write_guards"]

FIRST_VENDOR: Final = 256
"""Types from here on mean what a vendor says."""

_HASH_BYTES: Final = 8


class GuardType(enum.IntEnum):
    """Types that are known. Odd: must be met."""

    ARENA_BYTES = 1
    """The device's tensor arena has at least so many bytes."""
    MODEL_VERSION = 2
    """The target's version, for people."""
    RUNTIME_ABI = 3
    """The device's runtime is this one."""
    OPERATOR_SET = 5
    """The device's runtime takes this set of operators, by hash."""
    IO_SCHEMA = 7
    """The device's program feeds and reads tensors of these types and shapes, by hash."""
    FAMILY = 9
    """The device runs models of this family."""

    @property
    def key(self) -> str:
        """Its name in options and in files of facts."""
        return self.name.lower()

    @property
    def is_hash(self) -> bool:
        """Whether its content is a hash, and no text or number."""
        return self in (GuardType.OPERATOR_SET, GuardType.IO_SCHEMA)


_KNOWN: Final = frozenset(map(int, GuardType))


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Guard:
    """One condition: its type and its content."""

    type: int
    content: bytes

    @property
    def is_critical(self) -> bool:
        """Whether a receiver must know and meet it."""
        return bool(self.type & 1)

    @property
    def key(self) -> str:
        """Its name, or its number if it has none."""
        return GuardType(self.type).key if self.type in _KNOWN else str(self.type)

    @property
    def value(self) -> int | str:
        """A number, a text, or bytes in hexadecimal."""
        if self.type == GuardType.ARENA_BYTES:
            return ByteReader(self.content).unsigned("arena of a guard")
        if self.type in _KNOWN and not GuardType(self.type).is_hash:
            return self.content.decode()
        return self.content.hex()


def write_guards(guards: Iterable[Guard]) -> bytes:
    """The record's content."""
    out = bytearray()
    for guard in sorted(guards):
        put_unsigned(out, guard.type)
        put_bytes(out, guard.content)
    return bytes(out)


def read_guards(reader: ByteReader) -> tuple[Guard, ...]:
    """Parse the record's content.

    Raises:
        CorruptPatch: Types do not rise, or the content of a known one does not fit it.
        LimitExceeded: There are too many, or one is too long.
    """
    guards: list[Guard] = []
    while reader.left:
        kind = reader.unsigned("type of a guard")
        content = bytes(reader.prefixed("content of a guard"))
        if guards and kind <= guards[-1].type:
            raise reader.error("guards are not in the order of their types", found=kind)
        if len(guards) == limits.MAX_GUARDS or len(content) > limits.MAX_GUARD:
            raise LimitExceeded(
                "too many guards, or too long a one",
                expected=f"{limits.MAX_GUARDS} guards of {limits.MAX_GUARD} bytes",
            )
        if not fits(kind, content):
            raise reader.error("a guard's content does not fit its type", found=kind)
        guards.append(Guard(kind, content))
    return tuple(guards)


def fits(kind: int, content: bytes) -> bool:
    """Whether the content can be of this type; that of an unknown one is free."""
    if kind == GuardType.ARENA_BYTES:
        reader = ByteReader(content)
        reader.unsigned("arena of a guard")
        return reader.left == 0
    if kind not in _KNOWN:
        return True
    if GuardType(kind).is_hash:
        return len(content) == _HASH_BYTES
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
