"""Checked reads of integers and bytes (SPEC, "Integers")."""

__all__ = ["Reader", "Refused"]


class Refused(ValueError):
    """The bytes are not what the specification allows."""


class Reader:
    """Reads from the start of ``data`` on."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left():
            raise Refused(f"wants {size} bytes at {self.at}, and {self.left()} are left")
        self.at += size
        return self.data[self.at - size : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def unsigned(self, most_bytes: int = 10) -> int:
        value = 0
        for i in range(most_bytes):
            byte = self.byte()
            value |= (byte & 127) << (7 * i)
            if byte < 128:
                if value >= 1 << 64 or (byte == 0 and i > 0):
                    raise Refused(f"padded or too large an integer before {self.at}")
                return value
        raise Refused(f"too long an integer before {self.at}")

    def signed(self) -> int:
        value = self.unsigned()
        return -(value + 1) // 2 if value & 1 else value // 2

    def prefixed(self) -> bytes:
        return self.take(self.unsigned())
