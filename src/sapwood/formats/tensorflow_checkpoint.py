"""TensorFlow checkpoints, and the variables of a SavedModel: the .index file, which names what others hold.

Source: TensorFlow 2, tensorflow/core/util/tensor_bundle (tensor_bundle.h, tensor_bundle.proto), and the table
format it uses, lib/io/table_format.txt, which is that of LevelDB. The .index is all glue; the tensors lie in
``PREFIX.data-SSSSS-of-NNNNN`` beside it, which ``tensorflow_variables`` lays out. Texts are glue too; a
SavedModel's graph with its constants, saved_model.pb, is opaque. A part of a partitioned variable has its key
for a name, in which bytes that are no text are escaped.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats import limits, opaque
from sapwood.formats.cursor import elements, uint
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.layout import Layout, Tally, Tensor, fit
from sapwood.formats.protobuf import LEN, VARINT, Walker, varint

__all__ = ["FORMAT", "Stored", "matches", "read", "stored"]

FORMAT: Final = "tensorflow-checkpoint"

_MAGIC: Final = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER_BYTES: Final = 48
# Behind a block: how it is compressed, and a checksum.
_TRAILER_BYTES: Final = 5

# types.proto, DataType; of quantised types the plain integers. 7, 20 and 21 are no numbers.
_TYPES: Final = {
    1: "f32", 2: "f64", 3: "i32", 4: "u8", 5: "i16", 6: "i8", 8: "c64", 9: "i64", 10: "bool", 11: "i8",
    12: "u8", 13: "i32", 14: "bf16", 15: "i16", 16: "u16", 17: "u16", 18: "c128", 19: "f16", 22: "u32",
    23: "u64", 24: "f8_e5m2", 25: "f8_e4m3",
}  # fmt: skip
_TEXT: Final = 7


class Stored(NamedTuple):
    """One tensor: ``length`` bytes at ``offset`` of the ``shard``th of ``shards`` data files."""

    shard: int
    shards: int
    offset: int
    length: int
    tensor: Tensor


class _Entry(NamedTuple):
    """A key of a table and where its value lies, which is also a place to tell of."""

    key: bytes
    start: int
    end: int


def matches(head: memoryview, size: int, data: memoryview, /) -> bool:
    """The magic number at the end, and first an entry without a name: the header of a bundle."""
    return size > _FOOTER_BYTES and bytes(head[:2]) == b"\0\0" and bytes(data[-len(_MAGIC) :]) == _MAGIC


def read(data: memoryview) -> Layout:
    """The .index as one span, once it is known to be well-formed.

    Raises:
        MalformedModel: A table or a message in it breaks the rules.
    """
    for _ in stored(data):
        pass
    return Layout(FORMAT, len(data), opaque.read(data).spans)


def stored(data: memoryview) -> Iterator[Stored]:
    """Every tensor of the checkpoint.

    Raises:
        MalformedModel: As ``read``.
    """
    walker, tally = Walker(data), Tally()
    header: dict[int, int] | None = None
    for entry in _entries(data):
        tally.add(str(entry.key, "latin-1"), entry.start)
        if header is None:
            if entry.key:
                raise MalformedModel("the first entry is no header", offset=entry.start)
            header = _numbers(walker, entry)
            continue
        found = _tensor(walker, entry, header)
        if found is not None:
            yield found


def _numbers(walker: Walker, entry: _Entry) -> dict[int, int]:
    """The numbers among the fields of a message."""
    return {f.number: f.value for f in walker.fields(entry.start, entry.end) if f.wire == VARINT}


def _tensor(walker: Walker, entry: _Entry, header: dict[int, int]) -> Stored | None:
    # BundleEntryProto: dtype 1, shape 2, shard_id 3, offset 4, size 5. BundleHeaderProto: shards 1, order 2.
    values: dict[int, int] = {}
    shape: tuple[int, ...] = ()
    for field in walker.fields(entry.start, entry.end):
        if field.wire == VARINT:
            values[field.number] = field.value
        elif field.number == 2 and field.wire == LEN:
            shape = _shape(walker, field.start, field.end)
    kind, shard, offset, length = (values.get(number, 0) for number in (1, 3, 4, 5))
    # A partitioned variable has no bytes under its own name.
    if kind == _TEXT or not length:
        return None
    shards = header.get(1, 0)
    if shard >= shards or shards > limits.MAX_FOLDER_FILES or (offset | length) >> limits.MAX_LENGTH_BITS:
        raise MalformedModel("a tensor lies in no file of the checkpoint", offset=entry.start, found=shard)
    elements(shape, entry.start)
    dtype: DType = DTYPES.get(_TYPES.get(kind, ""), BYTES)
    if header.get(2, 0) and dtype.bits > 8:
        dtype = BYTES
    return Stored(shard, shards, offset, length, fit(_name(entry.key), dtype, shape, length))


def _name(key: bytes) -> str:
    text = str(key, "utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _shape(walker: Walker, start: int, end: int) -> tuple[int, ...]:
    """The sizes in a TensorShapeProto."""
    sizes: list[int] = []
    for dimension in walker.fields(start, end):
        if dimension.number != 2 or dimension.wire != LEN:
            continue
        if len(sizes) == limits.MAX_DIMENSIONS:
            raise MalformedModel("too many dimensions", offset=start)
        inner = walker.fields(dimension.start, dimension.end)
        sizes.append(next((f.value for f in inner if f.number == 1 and f.wire == VARINT), 0))
    return tuple(sizes)


def _entries(data: memoryview) -> Iterator[_Entry]:
    """The entries of all blocks that the table's index leads to, in its order."""
    footer = len(data) - _FOOTER_BYTES
    _, _, at = _handle(data, footer, len(data))
    offset, size, _ = _handle(data, at, len(data))
    end = 0
    for pointer in _block(data, offset, size):
        start, length, _ = _handle(data, pointer.start, pointer.end)
        # In a table of TensorFlow they follow each other, so none is looked at twice.
        if start < end:
            raise MalformedModel("a block comes before the one before it", offset=pointer.start, found=start)
        yield from _block(data, start, length)
        end = start + length


def _handle(data: memoryview, at: int, end: int) -> tuple[int, int, int]:
    """(offset, size, where the handle ends) of a block."""
    offset, at = varint(data, at, end)
    size, at = varint(data, at, end)
    return offset, size, at


def _block(data: memoryview, start: int, size: int) -> Iterator[_Entry]:
    end = start + size
    if size < 4 or end + _TRAILER_BYTES > len(data):
        raise MalformedModel("a block lies outside the file", offset=start, found=size)
    if data[end]:
        raise MalformedModel("a block is compressed", offset=end, found=data[end])
    end -= 4 + 4 * uint(data, end - 4, 4)
    if end < start:
        raise MalformedModel("a block has more restarts than it can hold", offset=start)
    key = b""
    at = start
    while at < end:
        entry_at = at
        shared, at = varint(data, at, end)
        rest, at = varint(data, at, end)
        length, at = varint(data, at, end)
        if shared > len(key) or shared + rest > limits.MAX_NAME_CHARS or at + rest + length > end:
            raise MalformedModel("an entry leads out of its block, or its name is too long", offset=entry_at)
        key = key[:shared] + bytes(data[at : at + rest])
        at += rest + length
        yield _Entry(key, at - length, at)
