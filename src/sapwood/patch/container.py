"""The patch file: magic, manifest, signature, blocks in chunks (SPEC, "Container"). Forward reading only.

    offset  size  field
    0       4     magic 89 53 57 50
    4       1     version, 1
    5       1     flags: 1 = signed by Ed25519, 2 = by AES-CMAC
    6       1-5   size of the manifest, an unsigned varint
            ...   manifest
            4     CRC-32 of everything before
            64,16 signature or MAC of everything before (signed patches)
            ...   chunks, as the manifest lists them

Every chunk's digest stands in the manifest and is checked before the chunk is parsed.
"""

import dataclasses
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final

from sapwood.codec.varint import put_unsigned
from sapwood.errors import CorruptPatch, LimitExceeded, UnsupportedPatch
from sapwood.patch import limits
from sapwood.patch.authentication import Authentication
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import Chunk, Manifest, read_manifest, write_manifest

__all__ = [
    "MAGIC",
    "PLAIN_DIGEST",
    "SIGNED_DIGEST",
    "Opening",
    "check_end",
    "chunk_digest",
    "opening_bytes",
    "read_chunk",
    "read_opening",
]

MAGIC: Final = b"\x89SWP"
VERSION: Final = 1
_FLAGS: Final = frozenset(Authentication)
SIGNED_DIGEST: Final = 32
PLAIN_DIGEST: Final = 8
_ADVICE: Final = "Fetch the patch again, or make it anew."


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """What stands before the blocks: manifest, signature or MAC (empty if unsigned), and size in bytes."""

    manifest: Manifest
    authentication: Authentication
    signature: bytes
    size: int


def chunk_digest(coded: bytes | memoryview, size: int, kind: HashKind = HashKind.BLAKE3) -> bytes:
    """Digest of a chunk's blocks, cut to ``size``: 32 bytes if signed; else 8, enough against accidents."""
    return kind.digest(coded)[:size]


def opening_bytes(manifest: Manifest, authentication: Authentication = Authentication.NONE) -> bytes:
    """Everything up to the signature or MAC.

    Raises:
        LimitExceeded: No reader would take a manifest of this size.
    """
    out = bytearray(MAGIC)
    out.append(VERSION)
    out.append(authentication)
    body = write_manifest(manifest)
    if len(body) > limits.MAX_MANIFEST:
        raise LimitExceeded("the manifest would be too large", expected=limits.MAX_MANIFEST, found=len(body))
    put_unsigned(out, len(body))
    out += body
    out += zlib.crc32(out).to_bytes(4, "little")
    return bytes(out)


def _read(stream: BinaryIO, size: int, at: int, what: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise CorruptPatch(
            f"the patch ends within its {what}",
            offset=at + len(data),
            expected=f"{size} bytes",
            found=f"{len(data)} bytes",
            advice=_ADVICE,
        )
    return data


def read_opening(
    stream: BinaryIO, check: Callable[[bytes, Authentication, bytes], None] | None = None
) -> Opening:
    """Read up to the first block.

    ``check`` gets the signed bytes, how they are signed, and the signature or MAC (empty without one) before
    the manifest is parsed; what it raises ends the reading.

    Raises:
        CorruptPatch: Not a patch, damaged, or cut short.
        UnsupportedPatch: Of a later version.
        LimitExceeded: The manifest claims to be too large.
    """
    head = bytearray(_read(stream, 6, 0, "header"))
    if head[:4] != MAGIC:
        raise CorruptPatch(
            "not a sapwood patch",
            offset=0,
            expected=MAGIC.hex(),
            found=head[:4].hex(),
            advice="Check the path.",
        )
    if head[4] != VERSION or head[5] not in _FLAGS:
        raise UnsupportedPatch(
            "the patch is of a later version",
            offset=4,
            expected=f"version {VERSION}, flags 0 to {max(_FLAGS)}",
            found=f"version {head[4]}, flags {head[5]}",
            advice="Update sapwood.",
        )
    size = 0
    for i in range(5):
        byte = _read(stream, 1, len(head), "header")[0]
        head.append(byte)
        size |= (byte & 127) << (7 * i)
        if byte < 128:
            break
    if head[-1] >= 128 or (head[-1] == 0 and len(head) > 7):
        raise CorruptPatch("the manifest's size is no proper integer", offset=6, advice=_ADVICE)
    if size > limits.MAX_MANIFEST:
        raise LimitExceeded("the manifest is too large", offset=6, expected=limits.MAX_MANIFEST, found=size)
    start = len(head)
    body = _read(stream, size, start, "manifest")
    crc = _read(stream, 4, start + size, "manifest")
    if zlib.crc32(bytes(head) + body) != int.from_bytes(crc, "little"):
        raise CorruptPatch("the manifest is damaged: its CRC-32 differs", offset=start, advice=_ADVICE)
    signed = bytes(head) + body + crc
    authentication = Authentication(head[5])
    signature = _read(stream, authentication.size, len(signed), "signature")
    if check is not None:
        check(signed, authentication, signature)
    manifest = read_manifest(body, start)
    if signature and any(len(chunk.digest) != SIGNED_DIGEST for chunk in manifest.chunks):
        raise CorruptPatch("a signed manifest binds its blocks by digests that are too short", offset=start)
    return Opening(manifest, authentication, signature, len(signed) + len(signature))


def read_chunk(stream: BinaryIO, chunk: Chunk, at: int, kind: HashKind) -> bytes:
    """Read the next chunk, which begins at ``at``, and check its digest, which is of ``kind``.

    Raises:
        CorruptPatch: Cut short, or its digest differs.
    """
    data = _read(stream, chunk.coded, at, "blocks")
    found = chunk_digest(data, len(chunk.digest), kind)
    if found != chunk.digest:
        raise CorruptPatch(
            "a chunk of blocks is damaged",
            offset=at,
            expected=chunk.digest.hex(),
            found=found.hex(),
            advice=_ADVICE,
        )
    return data


def check_end(stream: BinaryIO, at: int) -> None:
    """Refuse bytes behind the last chunk, which ends at ``at``.

    Raises:
        CorruptPatch: There are some: nothing vouches for them.
    """
    if stream.read(1):
        raise CorruptPatch("bytes are left over behind the last block", offset=at, advice=_ADVICE)
