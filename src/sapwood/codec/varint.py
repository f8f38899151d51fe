"""Unsigned LEB128 integers and zigzag signed ones (SPEC, "Integers")."""

from sapwood.errors import CorruptPatch

__all__ = ["ByteReader", "put_bytes", "put_signed", "put_unsigned"]

# 64-bit values take at most ten groups of seven bits.
_MOST_BYTES = 10


def put_unsigned(out: bytearray, value: int) -> None:
    """Append ``value``, 0 to 2**64 - 1."""
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def put_signed(out: bytearray, value: int) -> None:
    """Append ``value`` as zigzag: 0, -1, 1, -2 become 0, 1, 2, 3."""
    put_unsigned(out, value << 1 if value >= 0 else (-value << 1) - 1)


def put_bytes(out: bytearray, data: bytes) -> None:
    """Append a length and the bytes."""
    put_unsigned(out, len(data))
    out += data


class ByteReader:
    """Checked reads from untrusted bytes; ``offset`` is where ``data`` begins in the file, for errors."""

    def __init__(self, data: bytes | memoryview, offset: int = 0) -> None:
        """Read from the start of ``data``."""
        self.data = memoryview(data)
        self.at = 0
        self.offset = offset

    def error(self, message: str, *, expected: object = None, found: object = None) -> CorruptPatch:
        """The error for the place reached."""
        return CorruptPatch(
            message,
            offset=self.offset + self.at,
            expected=expected,
            found=found,
            advice="Fetch the patch again, or make it anew.",
        )

    def cut_short(self, what: str, size: int) -> CorruptPatch:
        """The error where fewer than ``size`` bytes are left."""
        return self.error(f"{what} is cut short", expected=f"{size} bytes", found=f"{self.left} bytes")

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def take(self, size: int, what: str) -> memoryview:
        """The next ``size`` bytes."""
        if size > self.left:
            raise self.cut_short(what, size)
        self.at += size
        return self.data[self.at - size : self.at]

    def byte(self, what: str) -> int:
        """The next byte."""
        return self.take(1, what)[0]

    def unsigned(self, what: str) -> int:
        """The next unsigned integer, below 2**64."""
        # Histories and recipes are made of these, most of one byte: it is not taken as a view of its own.
        data, at = self.data, self.at
        if at < len(data) and data[at] < 128:
            self.at = at + 1
            return data[at]
        value = 0
        for i in range(_MOST_BYTES):
            if self.at == len(data):
                raise self.cut_short(what, 1)
            byte = data[self.at]
            self.at += 1
            value |= (byte & 127) << (7 * i)
            if byte < 128:
                if value >> 64 or (byte == 0 and i > 0):
                    raise self.error(f"{what} is not a proper 64-bit integer")
                return value
        raise self.error(f"{what} is longer than a 64-bit integer")

    def signed(self, what: str) -> int:
        """The next signed integer."""
        value = self.unsigned(what)
        return value >> 1 if value & 1 == 0 else -((value + 1) >> 1)

    def prefixed(self, what: str) -> memoryview:
        """A length and that many bytes."""
        return self.take(self.unsigned(f"length of {what}"), what)
