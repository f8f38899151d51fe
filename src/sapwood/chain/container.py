"""The chain file: a head, then links; each is a whole patch between a record and a seal (SPEC, "Chain file").

    offset  size  field
    0       4     magic 89 53 57 43
    4       1     version, 1
    5       1     flags, 0
    6             links, one behind the other

    a link: record (106 bytes), patch, seal (32 bytes)

The records are the index: who reads them and skips the patches knows every version. A link counts once its
seal is there, which is written last. What an interrupted append leaves is always at the end, and is told
apart from damage: it is a record with a good CRC-32 whose link the file is too short for, or less than that.
"""

import dataclasses
import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from blake3 import blake3

from sapwood.errors import BrokenChain, CorruptPatch, LimitExceeded, UnsupportedPatch
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import Manifest, ModelIdentity, Shape

__all__ = [
    "HEAD",
    "MAGIC",
    "MARK",
    "MAX_LINKS",
    "RECORD_SIZE",
    "SEAL_SIZE",
    "Link",
    "Links",
    "Version",
    "check_connected",
    "check_manifest",
    "check_one_hash",
    "link_of",
    "read_links",
    "record_bytes",
    "seal_of",
    "version_of",
]

MAGIC: Final = b"\x89SWC"
VERSION: Final = 1
HEAD: Final = MAGIC + bytes([VERSION, 0])
MAX_LINKS: Final = 1 << 16
"""Links of a chain."""

MARK: Final = b"LINK"
# Mark, bytes of the patch, version counter, then base and target: shape and hash, bytes, digest.
_RECORD: Final = struct.Struct("<4s Q Q B Q 32s B Q 32s")
_HASH_SHIFT: Final = 4
_SHAPE_MASK: Final = (1 << _HASH_SHIFT) - 1
_CRC_SIZE: Final = 4
RECORD_SIZE: Final = _RECORD.size + _CRC_SIZE
SEAL_SIZE: Final = 32
_NO_DIGEST: Final = bytes(32)
_PIECE: Final = 1 << 20
_ADVICE: Final = "Fetch the chain again, or make it anew from its good links (chain extract)."


class Version(NamedTuple):
    """A model by what tells it from all others; of shape NONE before a first link without a base."""

    shape: Shape
    size: int
    digest: bytes
    hash: HashKind = HashKind.BLAKE3


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """One link as its record says.

    Attributes:
        number: From 1 on.
        base: The version it leads from.
        target: The version it leads to.
        offset: Where its patch begins in the chain file.
        size: Bytes of the patch.
        version_counter: The patch's.
    """

    number: int
    base: Version
    target: Version
    offset: int
    size: int
    version_counter: int

    @property
    def end(self) -> int:
        """Where the next link begins."""
        return self.offset + self.size + SEAL_SIZE


class Links(NamedTuple):
    """All whole links, where they end, and how many bytes of an unfinished one follow."""

    links: tuple[Link, ...]
    end: int
    unfinished: int


def version_of(identity: ModelIdentity) -> Version:
    """The version that a manifest or a model's identity means."""
    return Version(identity.shape, identity.size, identity.digest or _NO_DIGEST, identity.hash)


def link_of(links: Sequence[Link], manifest: Manifest, size: int) -> Link:
    """The link behind ``links`` whose patch has this manifest and ``size`` bytes.

    Raises:
        BrokenChain: It does not lead on from the last one, or leads back.
        LimitExceeded: There are too many.
    """
    if len(links) >= MAX_LINKS:
        raise LimitExceeded("too many links in a chain", expected=MAX_LINKS)
    link = Link(
        number=len(links) + 1,
        base=version_of(manifest.base),
        target=version_of(manifest.target),
        offset=(links[-1].end if links else len(HEAD)) + RECORD_SIZE,
        size=size,
        version_counter=manifest.version_counter,
    )
    _check_one_base(link, manifest)
    check_connected([*links, link])
    return link


def _check_one_base(link: Link, manifest: Manifest) -> None:
    if manifest.second_base.shape is not Shape.NONE:
        raise BrokenChain(
            f"link {link.number} needs a second base, and a chain gives none",
            found=manifest.second_base.digest.hex(),
            advice="Make the patch without a second base (diff --also).",
        )


def _fields(version: Version) -> tuple[int, int, bytes]:
    return version.shape | version.hash << _HASH_SHIFT, version.size, version.digest


def record_bytes(link: Link) -> bytes:
    """The record of a link."""
    body = _RECORD.pack(MARK, link.size, link.version_counter, *_fields(link.base), *_fields(link.target))
    return body + zlib.crc32(body).to_bytes(_CRC_SIZE, "little")


def seal_of(record: bytes, pieces: BinaryIO, size: int) -> bytes:
    """The seal of a link: BLAKE3 of its record and the next ``size`` bytes of ``pieces``."""
    hasher = blake3(record)
    while size and (data := pieces.read(min(size, _PIECE))):
        hasher.update(data)
        size -= len(data)
    return hasher.digest()


def _damaged(message: str, number: int, at: int) -> CorruptPatch:
    return CorruptPatch(f"link {number}: {message}", offset=at, advice=_ADVICE)


def _version(number: int, at: int, kind: int, size: int, digest: bytes, *, optional: bool) -> Version:
    shape, hash_kind = kind & _SHAPE_MASK, kind >> _HASH_SHIFT
    if shape not in ((0, 1, 2) if optional else (1, 2)):
        raise _damaged("unknown shape of a model", number, at)
    if shape == Shape.NONE and (hash_kind or size or digest != _NO_DIGEST):
        raise _damaged("no model has no size and no digest", number, at)
    if hash_kind not in tuple(HashKind):
        raise UnsupportedPatch(
            f"link {number} names its versions by a hash that this version lacks",
            offset=at,
            found=hash_kind,
            advice="Update sapwood.",
        )
    return Version(Shape(shape), size, digest, HashKind(hash_kind))


def _read_record(data: bytes, number: int, at: int) -> Link:
    mark, size, counter, *fields = _RECORD.unpack(data[:-_CRC_SIZE])
    if mark != MARK or zlib.crc32(data[:-_CRC_SIZE]) != int.from_bytes(data[-_CRC_SIZE:], "little"):
        raise _damaged("its record is damaged", number, at)
    base = _version(number, at, *fields[:3], optional=number == 1)
    target = _version(number, at, *fields[3:], optional=False)
    return Link(number, base, target, at + RECORD_SIZE, size, counter)


def _is_zero_to_the_end(stream: BinaryIO, at: int) -> bool:
    """Whether all that is left is zero: room that was taken, and a power cut before it was written."""
    stream.seek(at)
    while data := stream.read(_PIECE):
        if data.count(0) != len(data):
            return False
    return True


def read_links(stream: BinaryIO, size: int) -> Links:
    """Read the records of a chain file of ``size`` bytes; the patches are skipped.

    Raises:
        CorruptPatch: Not a chain, or damaged. UnsupportedPatch: Of a later version.
        LimitExceeded: Too many links. BrokenChain: The links do not lead from one to the next.
    """
    stream.seek(0)
    head = stream.read(len(HEAD))
    if head[: len(MAGIC)] != MAGIC:
        raise CorruptPatch(
            "not a chain", offset=0, expected=MAGIC.hex(), found=head[:4].hex(), advice="Check the path."
        )
    if len(head) < len(HEAD):
        raise CorruptPatch("the chain ends within its head", offset=len(head), advice=_ADVICE)
    if head != HEAD:
        raise UnsupportedPatch(
            "the chain is of a later version", offset=4, expected="1, 0", found=f"{head[4]}, {head[5]}"
        )
    at = len(HEAD)
    found: list[Link] = []
    while size - at >= RECORD_SIZE:
        number = len(found) + 1
        if number > MAX_LINKS:
            raise LimitExceeded("too many links in a chain", offset=at, expected=MAX_LINKS)
        stream.seek(at)
        data = stream.read(RECORD_SIZE)
        if len(data) < RECORD_SIZE:
            raise _damaged("the file was cut short while it was read", number, at)
        if not any(data) and _is_zero_to_the_end(stream, at):
            break
        link = _read_record(data, number, at)
        if link.end > size:
            break
        found.append(link)
        at = link.end
    check_connected(found)
    return Links(tuple(found), at, size - at)


def check_connected(links: Sequence[Link]) -> None:
    """Refuse links of which one does not begin where the one before it ends, or that come back to a version.

    Raises:
        BrokenChain: With the number of the link, and the digests expected and found.
    """
    # Versions are counted from 1: without a base, the first link makes version 1.
    before = 1 if links and links[0].base.shape is not Shape.NONE else 0
    seen = {links[0].base: before} if links else {}
    for i, link in enumerate(links):
        if i:
            check_one_hash(link.number, links[i - 1].target, link.base)
        check_one_hash(link.number, link.base, link.target)
        if i and link.base != links[i - 1].target:
            raise BrokenChain(
                f"link {link.number} does not begin where link {link.number - 1} ends",
                expected=links[i - 1].target.digest.hex(),
                found=link.base.digest.hex(),
                advice="Put the missing link between them, or the links in order.",
            )
        if link.target in seen:
            raise BrokenChain(
                f"link {link.number} leads back to version {seen[link.target]}",
                expected="a version that is not in the chain",
                found=link.target.digest.hex(),
                advice="A chain only goes forward: begin a new one.",
            )
        seen[link.target] = before + link.number


def check_one_hash(number: int, before: Version, version: Version) -> None:
    """Refuse link ``number`` if a version of it and one before have digests that cannot be compared.

    Raises:
        BrokenChain: With the names of the two hashes.
    """
    if Shape.NONE not in (before.shape, version.shape) and before.hash is not version.hash:
        raise BrokenChain(
            f"link {number} names a version by another hash than what is before it",
            expected=before.hash.label,
            found=version.hash.label,
            advice="Make all its patches with one profile: those for devices have a hash of their own.",
        )


def check_manifest(link: Link, manifest: Manifest) -> None:
    """Refuse a patch that is not the one its link's record tells of.

    Raises:
        BrokenChain: With the number of the link, and the digests expected and found.
    """
    _check_one_base(link, manifest)
    pairs = ((link.base, version_of(manifest.base)), (link.target, version_of(manifest.target)))
    for what, (told, is_there) in zip(("from", "to"), pairs, strict=True):
        if told != is_there:
            raise BrokenChain(
                f"link {link.number} holds another patch: not {what} the version that its record says",
                expected=told.digest.hex(),
                found=is_there.digest.hex(),
                advice=_ADVICE,
            )
    if link.version_counter != manifest.version_counter:
        raise BrokenChain(
            f"link {link.number} holds another patch: its version counter differs",
            expected=link.version_counter,
            found=manifest.version_counter,
            advice=_ADVICE,
        )
