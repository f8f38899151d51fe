"""What is in a remote's pack: the heads of its records, without the payloads.

A remote's pack is a pack as a store has it, every payload right behind its head, with a seal. Its list is the
magic and the heads: so offsets follow from sizes. Both have one name, BLAKE3 of the list, and never change.
"""

import dataclasses
import secrets
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from blake3 import blake3

from sapwood.errors import BadData
from sapwood.store.kinds import Description, Form, Kind, StoredForm, object_digest
from sapwood.store.record import MOST_HEAD, PACK_MAGIC, Record, put_record, put_seal, read_head

__all__ = ["Member", "PackList", "list_path", "pack_path", "packed", "read_list"]

PACK: Final = 16 << 20
"""Bytes of a pack at which it is sent; larger objects get one of their own."""
_MOST_LIST: Final = 256 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """An object in a remote's pack: its record, the pack's name, and where the payload begins there."""

    record: Record
    pack: str
    offset: int


class PackList:
    """A pack in the making: the heads, and the payloads where they are."""

    def __init__(self) -> None:
        self._heads: list[bytes] = []
        self._payloads: list[memoryview] = []
        self.size = len(PACK_MAGIC)
        self.objects = 0

    def add(self, form: StoredForm) -> None:
        """One more object."""
        record = Record(
            form.description,
            form.length,
            form.form,
            form.depth,
            len(form.payload),
            form.crc,
            form.digest,
            form.base,
        )
        head = put_record(record, self.size, 1)
        self._heads.append(head)
        self._payloads.append(form.payload)
        self.size += len(head) + len(form.payload)
        self.objects += 1

    def rename(self) -> None:
        """Get another name, by an object that no other pack has."""
        data = secrets.token_bytes(16)
        what = Description(Kind.GLUE)
        digest = object_digest(what, data)
        self.add(StoredForm(digest, what, len(data), Form.RAW, None, memoryview(data), crc=zlib.crc32(data)))

    def list_bytes(self) -> bytes:
        """The list."""
        return PACK_MAGIC + b"".join(self._heads)

    def pack_pieces(self) -> list[bytes | memoryview]:
        """The pack."""
        pieces: list[bytes | memoryview] = [PACK_MAGIC]
        for head, payload in zip(self._heads, self._payloads, strict=True):
            pieces += (head, payload)
        return [*pieces, put_seal(len(PACK_MAGIC))]

    def name(self) -> str:
        """The name of both."""
        return blake3(self.list_bytes()).hexdigest()


def packed(forms: Iterable[StoredForm]) -> Iterator[PackList]:
    """Objects in packs of some MB."""
    pack = PackList()
    for form in forms:
        if pack.objects and pack.size + len(form.payload) > PACK:
            yield pack
            pack = PackList()
        pack.add(form)
    if pack.objects:
        yield pack


def list_path(name: str) -> str:
    """Where a list is, in a remote."""
    return f"lists/{name}"


def pack_path(name: str) -> str:
    """Where a pack is, in a remote."""
    return f"packs/{name}"


def read_list(data: bytes, name: str, place: str) -> list[Member]:
    """The objects of a pack by its list.

    Raises:
        BadData: These bytes are not what the name says, or no list.
    """
    if len(data) > _MOST_LIST or blake3(data).hexdigest() != name:
        raise BadData("a list of the remote is not what its name says", path=place, expected=name)
    return list(_members(memoryview(data), name, place))


def _members(view: memoryview, name: str, place: str) -> Iterator[Member]:
    at = offset = len(PACK_MAGIC)
    if bytes(view[:at]) != PACK_MAGIC:
        raise BadData("a list of the remote is none", path=place)
    while at < len(view):
        found = read_head(view[at : at + MOST_HEAD])
        record, size, bare = (None, 0, 0) if found is None else found
        if not isinstance(record, Record) or size != bare:
            raise BadData("a list of the remote is none", path=place, offset=at)
        yield Member(record, name, offset + size)
        at += size
        offset += size + record.payload_size
