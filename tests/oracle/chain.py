"""A chain file and any of its versions -> the last one (SPEC, "Chain file")."""

import dataclasses
import zlib

from blake3 import blake3

from tests.oracle.container import Content, decode_patch, identity_of, read_patch
from tests.oracle.reader import Reader, Refused

__all__ = ["RECORD_SIZE", "Link", "decode_chain", "read_chain"]

RECORD_SIZE = 106
MAX_LINKS = 65536

Identity = tuple[int, int, bytes, int]  # shape, size, digest, hash


@dataclasses.dataclass
class Link:
    base: Identity
    target: Identity
    counter: int
    patch: bytes


def _identity(reader: Reader) -> Identity:
    kind = reader.byte()
    return kind & 15, int.from_bytes(reader.take(8), "little"), reader.take(32), kind >> 4


def read_chain(chain: bytes) -> tuple[list[Link], int]:
    """All links, their records and seals checked, and the bytes of an unfinished one."""
    reader = Reader(chain)
    if reader.take(6) != bytes.fromhex("895357430100"):
        raise Refused("not a chain of version 1")
    links: list[Link] = []
    while reader.left() >= RECORD_SIZE:
        start = reader.at
        if not any(chain[start:]):
            break
        record = reader.take(RECORD_SIZE)
        if record[:4] != b"LINK" or zlib.crc32(record[:102]) != int.from_bytes(record[102:], "little"):
            raise Refused("a damaged record")
        fields = Reader(record[4:])
        size, counter = (int.from_bytes(fields.take(8), "little") for _ in range(2))
        base, target = _identity(fields), _identity(fields)
        if reader.left() < size + 32:
            reader.at = start
            break
        patch = reader.take(size)
        if reader.take(32) != blake3(record + patch).digest():
            raise Refused("a wrong seal")
        links.append(Link(base, target, counter, patch))
    _check(links)
    return links, reader.left()


def _check(links: list[Link]) -> None:
    if len(links) > MAX_LINKS:
        raise Refused("too many links")
    seen = []
    for i, link in enumerate(links):
        if link.target[0] not in (1, 2) or link.base[0] not in ((1, 2) if i else (0, 1, 2)):
            raise Refused("an unknown shape")
        if link.base[0] == 0 and link.base != (0, 0, bytes(32), 0):
            raise Refused("no base has no size and no digest")
        if link.base[3] not in (0, 1) or link.target[3] not in (0, 1):
            raise Refused("an unknown hash")
        if i and link.base != links[i - 1].target:
            raise Refused("a gap")
        seen.append(link.base)
        if link.target in seen:
            raise Refused("a loop")
        manifest = read_patch(link.patch).manifest
        if 13 in manifest.records:
            raise Refused("a second base")
        base = manifest.base
        told = (base.shape, base.size, base.digest, manifest.hash) if base else (0, 0, bytes(32), 0)
        target = manifest.target
        counter = Reader(manifest.records[11]).unsigned() if 11 in manifest.records else 0
        if (told, (target.shape, target.size, target.digest, manifest.hash), counter) != (
            link.base,
            link.target,
            link.counter,
        ):
            raise Refused("a record that does not fit its patch")


def decode_chain(chain: bytes, base: Content) -> Content:
    """The last version, from any that the base is.

    Raises:
        Refused: The chain is not one, is damaged or unfinished, or does not know the base.
    """
    links, unfinished = read_chain(chain)
    if unfinished or not links:
        raise Refused("an unfinished chain")
    known = [link.base for link in links] + [links[-1].target]
    kind = known[-1][3]
    found = (*identity_of(base, kind), kind)
    if found not in known:
        raise Refused("a base that is none of the versions")
    for link in links[known.index(found) :]:
        base = decode_patch(link.patch, base)
    return base
