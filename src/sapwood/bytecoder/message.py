"""Messages: short contents, each coded alone, with a head of a few bytes.

docs/SPEC.md, "Message of learned bytes".

A message names no model: both ends have agreed on one. With a check, another model is found out.
"""

from typing import Final

from sapwood._core import MAX_RECORD, ByteModel, crc32c
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.prior import Prior
from sapwood.bytecoder.record import record_length
from sapwood.errors import CorruptStream, LimitExceeded, UnsupportedStream, WrongCall

__all__ = [
    "LEAST_RECORDS",
    "LONGEST_CODED",
    "MOST_MESSAGE",
    "MessageCoder",
    "decode_message",
    "encode_message",
]

# More is for a stream, whose blocks are checked one by one.
MOST_MESSAGE: Final = 1 << 20
LONGEST_CODED: Final = MOST_MESSAGE + 5
_STORED: Final = 3
_LEVEL: Final = 3
_CHECKED: Final = 4
_RECORD: Final = 8
_CRC: Final = 4
# A message shorter than that tells nothing of its records.
LEAST_RECORDS: Final = 128


class MessageCoder:
    """Codes messages one after the other, each by itself. Not for two threads at once.

    Args:
        prior: The model that both ends have; None for none.
        check: Whether ``encode`` adds a CRC-32C, of the model's identity and the content. Without one, a
        damaged
            message decodes to something else: for a link that checks what it carries.
    """

    def __init__(self, prior: Prior | None, *, check: bool = True) -> None:
        self._prior = prior
        self._text = prior.text if prior else b""
        self._seed = crc32c(prior.identity if prior else bytes(16))
        self._check = check
        self._models: dict[Level, tuple[ByteModel, ByteModel]] = {}

    def encode(self, content: bytes, level: Level = Level.DEFAULT) -> bytes:
        """The message: at most five bytes longer than its content.

        Raises:
            WrongCall: The content has more than ``MOST_MESSAGE`` bytes.
        """
        if len(content) > MOST_MESSAGE:
            raise WrongCall(
                "too long for a message",
                expected=f"at most {MOST_MESSAGE} bytes",
                found=len(content),
                advice="Encode it as a stream.",
            )
        check = crc32c(content, self._seed).to_bytes(_CRC, "little") if self._check else b""
        flags = _CHECKED if self._check else 0
        window = self._text + content
        best = bytes([_STORED | flags]) + check + content
        for record in dict.fromkeys((0, record_length(content, LEAST_RECORDS))):
            head = bytes([level | flags | _RECORD, record] if record else [level | flags])
            payload = self._model(level, record).encode(window)
            # An empty payload says that it would have been longer.
            if payload:
                best = min(best, head + _number(len(content)) + check + payload, key=len)
        return best

    def decode(self, message: bytes, *, max_size: int = MOST_MESSAGE) -> bytes:
        """The content.

        Raises:
            CorruptStream: The message is damaged, or was coded with another model.
            UnsupportedStream: It needs a newer Sapwood.
            LimitExceeded: The content has more than ``max_size`` bytes.
        """
        if not message:
            raise CorruptStream("an empty message")
        flags, at = message[0], 1
        if flags & ~(_LEVEL | _CHECKED | _RECORD):
            raise UnsupportedStream("an unknown form of message", found=flags)
        record = 0
        if flags & _RECORD:
            record, at = (message[1] if len(message) > 1 else 0), 2
            if not 0 < record <= MAX_RECORD or flags & _LEVEL == _STORED:
                raise CorruptStream("the message's head is damaged", offset=1)
        if flags & _LEVEL == _STORED:
            size = max(0, len(message) - at - (_CRC if flags & _CHECKED else 0))
        else:
            size, at = _read_number(message, at)
        if size > max_size:
            raise LimitExceeded("the message is too long", expected=f"at most {max_size} bytes", found=size)
        check = message[at : at + _CRC] if flags & _CHECKED else b""
        at += len(check)
        content = message[at:]
        if flags & _LEVEL != _STORED:
            window = bytearray(self._text) + bytes(size)
            model = self._model(Level(flags & _LEVEL), record)
            if model.decode(content, window, len(window)) != 0:
                raise CorruptStream("the message has a wrong length")
            content = bytes(memoryview(window)[len(self._text) :])
        found = crc32c(content, self._seed).to_bytes(_CRC, "little")
        if flags & _CHECKED and check != found:
            raise CorruptStream(
                "the message is damaged, or was encoded with another model", expected=check, found=found
            )
        return content

    def _model(self, level: Level, record: int) -> ByteModel:
        """One that has learned the text and nothing else, valid until the next call."""
        if level not in self._models:
            start = self._prior.primed(level) if self._prior else ByteModel(level)
            self._models[level] = start, start.copy()
        start, model = self._models[level]
        model.become(start)
        if record:
            model.take_record(record)
        return model


def encode_message(content: bytes, level: Level = Level.DEFAULT, *, prior: Prior | None = None) -> bytes:
    """One message with a check; of many, a ``MessageCoder`` makes less work. The errors are its errors."""
    return MessageCoder(prior).encode(content, level)


def decode_message(message: bytes, *, prior: Prior | None = None, max_size: int = MOST_MESSAGE) -> bytes:
    """The content of one message, checked or not. The errors are those of ``MessageCoder.decode``."""
    return MessageCoder(prior).decode(message, max_size=max_size)


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all bytes but the last have the highest bit."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(5):
        if at + i >= len(data):
            break
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            if i > 0 and byte == 0:
                break
            return value, at + i + 1
    raise CorruptStream("the message's head is damaged", offset=at)
