"""Block records and the codecs that are not entropy coders of their own (SPEC, "Blocks")."""

import lzma
from collections.abc import Sequence

import zstandard

from tests.oracle.adaptive import decode_adaptive
from tests.oracle.device import decode_device
from tests.oracle.numeric import decode_numeric
from tests.oracle.predicted import Factors, decode_predicted
from tests.oracle.quantised import decode_quantised
from tests.oracle.reader import Reader, Refused
from tests.oracle.scattered import decode_scattered
from tests.oracle.splice_model import decode_modelled

__all__ = ["MAX_BLOCK", "decode_block", "decode_chunk"]

MAX_BLOCK = 1 << 20
MAX_RUNS = 1 << 16
MAX_FACTORS = 256
STORED, SPLICE, ZSTD, ZSTD_BASE, NUMERIC, ADAPTIVE, PREDICTED, FACTORS = range(8)
QUANTISED, DEVICE, SCATTERED = range(8, 11)
_STATES_SPAN = (ZSTD_BASE, PREDICTED, QUANTISED)


def _zstd(payload: bytes, most: int, dictionary: bytes | None = None) -> bytes:
    raw = None
    if dictionary is not None:
        raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    try:
        if not 0 <= zstandard.get_frame_parameters(payload).content_size <= most:
            raise Refused("a zstd frame is too large, or does not say how large it is")
        decoder = zstandard.ZstdDecompressor(dict_data=raw, max_window_size=1 << 21)
        return decoder.decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Refused(f"zstd: {error}") from error


def _lzma(data: bytes, size: int) -> bytes:
    if size > 2 * MAX_BLOCK:
        raise Refused("a splice is too large")
    lzma1 = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 21, "lc": 0, "lp": 0, "pb": 0}
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma1])
    try:
        content = decoder.decompress(data, max_length=size)
        if not decoder.eof:
            content += decoder.decompress(b"", max_length=1)
    except lzma.LZMAError as error:
        raise Refused(f"LZMA: {error}") from error
    if len(content) != size or not decoder.eof or decoder.unused_data:
        raise Refused("an LZMA stream makes another length than it says, or does not end where it should")
    return content


def _splice_content(payload: bytes) -> bytes:
    reader = Reader(payload)
    kind = reader.byte()
    size = reader.unsigned() if kind == 1 else 0
    rest = reader.take(reader.left())
    if kind == 0:
        return _zstd(rest, 2 * MAX_BLOCK)
    if kind == 1:
        return _lzma(rest, size)
    if kind > 2 or len(rest) > 2 * MAX_BLOCK:
        raise Refused("unknown kind of splice, or a splice too large")
    return rest


def _splice(payload: bytes, base: bytes, length: int) -> bytes:
    if payload[:1] == b"\3":
        return decode_modelled(Reader(payload[1:]), base, length, MAX_RUNS)
    reader = Reader(_splice_content(payload))
    count = reader.unsigned()
    if count > MAX_RUNS or 3 * count > reader.left():
        raise Refused("more runs than the splice can hold")
    literals = [reader.unsigned() for _ in range(count)]
    moves = [reader.signed() for _ in range(count)]
    lengths = [reader.unsigned() for _ in range(count)]
    # Before any copying: runs may overlap, so a few bytes can stand for a great many.
    if sum(lengths) + reader.left() != length:
        raise Refused("a splice makes another length than its block says")
    out = bytearray()
    end = 0
    for before, move, size in zip(literals, moves, lengths, strict=True):
        start = end + before + move
        if start < 0 or size == 0 or start + size > len(base):
            raise Refused("a run is empty or reaches outside the base")
        given = reader.take(before)
        if move == 0:
            given = bytes((a + b) % 256 for a, b in zip(given, base[end:start], strict=True))
        end = start + size
        out += given + base[start:end]
    return bytes(out + reader.take(reader.left()))


def decode_block(
    codec: int,
    payload: bytes,
    length: int,
    base: bytes,
    span: tuple[int, int] | None,
    *,
    factors: Factors | None = None,
) -> bytes:
    """What a payload makes, from the base's stream, a span (offset, length) of it and the chunk's factors."""
    old = None if span is None else base[span[0] : span[0] + span[1]]
    if codec == STORED:
        return payload
    if codec == SPLICE:
        return _splice(payload, base, length)
    if codec == ZSTD:
        return _zstd(payload, MAX_BLOCK)
    if codec == ZSTD_BASE:
        return _zstd(payload, MAX_BLOCK, old)
    if codec == NUMERIC:
        return decode_numeric(payload, old, length)
    if codec == PREDICTED:
        return decode_predicted(payload, base, span or (0, 0), length, factors or Factors())
    if codec == QUANTISED:
        return decode_quantised(payload, old or b"", length, factors or Factors())
    if codec == DEVICE:
        return decode_device(payload, base, length)
    if codec == SCATTERED:
        return decode_scattered(payload, old, length)
    return decode_adaptive(payload, old, length)


def _block(
    reader: Reader, base: bytes, position: int, room: int, *, factors: Factors, whole: bool
) -> tuple[bytes, int]:
    """The next block's bytes, at most ``room``, and the new base position; changes ``factors``."""
    head = reader.byte()
    codec = head & 15
    if head & 0x70 or codec > SCATTERED:
        raise Refused(f"unknown codec {head}")
    length = reader.unsigned()
    least = 0 if codec == FACTORS else 1
    most = 0 if codec == FACTORS else room if codec == SPLICE else min(room, MAX_BLOCK)
    if not least <= length <= most:
        raise Refused(f"a block of {length} bytes")
    size = reader.unsigned()
    span = None
    if head & 0x80:
        start = position + reader.signed()
        span_length = reader.unsigned() if codec in _STATES_SPAN else length
        position = start + span_length
        none_allowed = codec in (STORED, SPLICE, ZSTD, FACTORS, DEVICE)
        if none_allowed or start < 0 or span_length > MAX_BLOCK or position > len(base):
            raise Refused("a block's span of the base is out of range")
        span = (start, span_length)
    elif codec in (*_STATES_SPAN, SCATTERED):
        raise Refused("a block lacks its span of the base")
    payload = reader.take(size)
    if codec == FACTORS:
        if factors.blocks == MAX_FACTORS:
            raise Refused("too many FACTORS blocks")
        factors.blocks += 1
        factors.read(payload)
        return b"", position
    if codec == DEVICE and not whole:
        raise Refused("a DEVICE block needs a base that is one file below 4 GiB")
    out = decode_block(codec, payload, length, base, span, factors=factors)
    if len(out) != length:
        raise Refused("a block makes another length than it says")
    return out, position


def _seen(base: bytes, made: bytes, kept: Sequence[tuple[int, int]]) -> bytes:
    """The base's stream for a block that comes after ``made``: with what is kept of that behind it."""
    return base + b"".join(made[start : start + length] for start, length in kept)


def decode_chunk(
    coded: bytes,
    base: bytes,
    length: int,
    out: bytearray,
    *,
    kept: Sequence[tuple[int, int]] = (),
    whole: bool = True,
) -> None:
    """Append the ``length`` bytes a chunk makes to ``out``, what the chunks before it made.

    ``base`` is the bases' stream; ``kept``: spans of the target; ``whole``: whether DEVICE blocks may stand.
    """
    reader = Reader(coded)
    end = len(out) + length
    position = 0
    factors = Factors()
    seen = base
    while reader.left():
        if kept:
            seen = _seen(base, bytes(out), kept)
        data, position = _block(reader, seen, position, end - len(out), factors=factors, whole=whole)
        out += data
    if len(out) != end:
        raise Refused("a chunk makes another length than it says")
