"""Takes a patch apart and seals it again after a change, so that a test's damage lies behind every digest."""

import dataclasses
import io
import zlib
from collections.abc import Callable

from sapwood.codec.block import Block, put_block, read_block
from sapwood.codec.varint import ByteReader, put_unsigned
from sapwood.patch.container import chunk_digest, opening_bytes, read_opening
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import Chunk, Manifest, ModelIdentity
from tests.oracle.container import Content, identity_of


@dataclasses.dataclass
class Parts:
    """A patch as its manifest, and the coded bytes of each chunk."""

    manifest: Manifest
    chunks: list[bytes]
    signed: bool = False

    def blocks(self, chunk: int) -> list[Block]:
        reader = ByteReader(self.chunks[chunk])
        size = self.manifest.base_size + sum(length for _, length in self.manifest.kept)
        found, position = [], 0
        while reader.left:
            block, position = read_block(reader, position, size)
            found.append(dataclasses.replace(block, payload=bytes(block.payload)))
        return found

    def put_blocks(self, chunk: int, blocks: list[Block]) -> None:
        out, position = bytearray(), 0
        for block in blocks:
            position = put_block(out, block, position)
        self.chunks[chunk] = bytes(out)

    def all_blocks(self) -> list[Block]:
        return [block for i in range(len(self.chunks)) for block in self.blocks(i)]

    def seal(self, *, decoded: list[int] | None = None) -> bytes:
        """The patch again, every digest and the CRC-32 made anew; ``decoded`` replaces the chunks' claims."""
        claims = [c.decoded for c in self.manifest.chunks] if decoded is None else decoded
        chunks = tuple(
            Chunk(claim, len(coded), chunk_digest(coded, 8, self.manifest.hash))
            for claim, coded in zip(claims, self.chunks, strict=True)
        )
        head = opening_bytes(dataclasses.replace(self.manifest, chunks=chunks))
        return head + b"".join(self.chunks)


def parts(patch: bytes) -> Parts:
    stream = io.BytesIO(patch)
    opening = read_opening(stream)
    return Parts(
        opening.manifest, [stream.read(c.coded) for c in opening.manifest.chunks], bool(opening.signature)
    )


def _by_sha256(known: ModelIdentity, content: Content | None) -> ModelIdentity:
    if content is None:
        return known
    digest = identity_of(content, HashKind.SHA256)[2]
    return dataclasses.replace(known, digest=digest, hash=HashKind.SHA256)


def with_sha256(patch: bytes, base: Content | None, target: Content, also: Content | None = None) -> bytes:
    """The patch from ``base`` to ``target``, unsigned, with every digest made by SHA-256."""
    found = parts(patch)
    found.manifest = dataclasses.replace(
        found.manifest,
        base=_by_sha256(found.manifest.base, base),
        target=_by_sha256(found.manifest.target, target),
        second_base=_by_sha256(found.manifest.second_base, also),
    )
    return found.seal()


def with_blocks(patch: bytes, change: Callable[[list[Block]], list[Block]]) -> bytes:
    """A sealed patch whose blocks are what ``change`` makes of them, all in one chunk."""
    found = parts(patch)
    out = Parts(found.manifest, [b""])
    out.put_blocks(0, change(found.all_blocks()))
    return out.seal(decoded=[found.manifest.target.size])


def manifest_body(patch: bytes) -> tuple[int, bytes, bytes]:
    """Where the manifest begins, its bytes, and what comes behind its CRC-32."""
    reader = ByteReader(patch)
    reader.take(6, "head")
    body = bytes(reader.prefixed("manifest"))
    return reader.at - len(body), body, patch[reader.at + 4 :]


def with_manifest(patch: bytes, body: bytes) -> bytes:
    """The patch with another manifest and a CRC-32 that fits."""
    _, _, rest = manifest_body(patch)
    head = bytearray(patch[:6])
    put_unsigned(head, len(body))
    head += body
    return bytes(head) + zlib.crc32(head).to_bytes(4, "little") + rest


def with_payload(block: Block, payload: bytes) -> Block:
    """The block with other coded bytes."""
    return dataclasses.replace(block, payload=payload)
