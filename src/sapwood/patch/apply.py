"""Base + patch -> target: checked before, while and after it is built, and visible only when it is right."""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO

from sapwood._core import MAX_BLOCK, Factors
from sapwood.codec.block import Block, Codec, read_block
from sapwood.codec.decode import BaseReader, decode_block, decode_factors
from sapwood.codec.varint import ByteReader
from sapwood.errors import (
    CorruptPatch,
    DigestMismatch,
    LimitExceeded,
    RollbackRefused,
    SapwoodError,
)
from sapwood.formats.model import Model
from sapwood.patch import limits
from sapwood.patch.byte_stream import ByteStream
from sapwood.patch.check_base import BaseCheck, check_shapes
from sapwood.patch.container import Opening, check_end, read_chunk, read_opening
from sapwood.patch.digest import folder_digest
from sapwood.patch.kept_bytes import KeptBytes, NotYetMade
from sapwood.patch.kept_spans import KeptSpans
from sapwood.patch.manifest import FileEntry, Shape, reads_whole_base
from sapwood.patch.signing import VerifyingKey, check_signature
from sapwood.patch.target_writer import TargetWriter
from sapwood.patch.workers import Workers

__all__ = [
    "Progress",
    "open_checked",
    "rebuild",
]

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


def open_checked(
    stream: BinaryIO,
    key: VerifyingKey | None = None,
    min_version: int = 0,
    max_size: int | None = None,
) -> Opening:
    """Read a patch's opening and refuse what the caller does not trust.

    Raises:
        BadSignature: ``key`` is given and did not sign the patch.
        RollbackRefused: The patch's version counter is below ``min_version``.
        LimitExceeded: The target would take more than ``max_size`` bytes.
    """
    opening = read_opening(stream, None if key is None else partial(check_signature, key))
    if opening.manifest.version_counter < min_version:
        raise RollbackRefused(
            "the patch is older than what is allowed",
            expected=f"version counter {min_version} or more",
            found=opening.manifest.version_counter,
            advice="Fetch the newest patch.",
        )
    size = opening.manifest.target.size
    if max_size is not None and size > max_size:
        raise LimitExceeded(
            "the target is larger than what is allowed",
            expected=f"at most {max_size} bytes",
            found=f"{size} bytes",
            advice="Allow more if you trust whoever made the patch.",
        )
    return opening


@dataclasses.dataclass(frozen=True, slots=True)
class _Located:
    """A block, the offset of its chunk, the size of the base it sees, and the chunk's factors so far."""

    at: int
    block: Block
    base_size: int
    factors: Factors | None


def _blocks(stream: BinaryIO, opening: Opening) -> Iterator[_Located]:
    """Every block that makes bytes. A chunk is parsed only after its digest was checked."""
    at = opening.size
    manifest = opening.manifest
    kept = KeptSpans(manifest.kept)
    made = 0
    for chunk in manifest.chunks:
        reader = ByteReader(read_chunk(stream, chunk, at, manifest.hash), at)
        base_position = 0
        decoded = 0
        factors = None
        factor_blocks = 0
        while reader.left:
            base_size = manifest.base_size + kept.before(made + decoded)
            block, base_position = read_block(reader, base_position, base_size)
            decoded += block.length
            if decoded > chunk.decoded:
                break
            if block.codec is Codec.DEVICE and not reads_whole_base(manifest):
                raise CorruptPatch("a DEVICE block needs a base that is one file below 4 GiB", offset=at)
            if block.codec is Codec.FACTORS:
                factor_blocks += 1
                if factor_blocks > limits.MAX_FACTORS:
                    raise LimitExceeded(
                        "too many FACTORS blocks in a chunk", offset=at, expected=limits.MAX_FACTORS
                    )
                with _within(at):
                    factors = decode_factors(block, factors)
            else:
                yield _Located(at, block, base_size, factors)
        if decoded != chunk.decoded:
            raise CorruptPatch(
                "a chunk makes another length than the manifest says",
                offset=at,
                expected=chunk.decoded,
                found=decoded,
                advice="Fetch the patch again, or make it anew.",
            )
        at += chunk.coded
        made += decoded
    check_end(stream, at)


@contextlib.contextmanager
def _within(at: int) -> Iterator[None]:
    """Errors in a block tell the offset of its chunk: their own are within the payload."""
    try:
        yield
    except SapwoodError as error:
        error.offset = at
        raise


class _Rooms:
    """Memory for decoded blocks, used again: the page faults of new memory cost more than decoding."""

    def __init__(self, target_size: int) -> None:
        self._free: deque[bytearray] = deque()
        # All of one size, so that each serves every block.
        self._size = min(MAX_BLOCK, target_size)

    def take(self, length: int) -> bytearray:
        """As many bytes or more."""
        try:
            room = self._free.pop()
        except IndexError:
            room = bytearray(self._size)
        return room if len(room) >= length else bytearray(length)

    def give(self, room: bytearray) -> None:
        """It is not used any more."""
        self._free.append(room)


@dataclasses.dataclass(slots=True)
class _Decoded:
    pieces: Iterable[bytes | memoryview] = ()
    room: bytearray | None = None


def _with_kept(base: ByteStream, kept: KeptBytes, check: BaseCheck) -> BaseReader:
    """Reads the base's stream as blocks see it: the kept bytes of the target are behind the bases."""

    def read(offset: int, length: int) -> memoryview:
        inside = min(max(base.size - offset, 0), length)
        check.coming(offset + inside)
        if inside == length:
            return base.read(offset, length)
        behind = kept.read(offset + inside - base.size, length - inside)
        return memoryview(bytes(base.read(offset, inside)) + behind) if inside else behind

    return read


def _pieces(
    stream: BinaryIO, opening: Opening, read_base: BaseReader, workers: Workers
) -> Iterator[bytes | memoryview]:
    """The target's bytes in order. A piece is good until the next is asked for."""
    rooms = _Rooms(opening.manifest.target.size)

    def located(item: _Located, decoded: _Decoded) -> Iterator[bytes | memoryview]:
        def room(length: int) -> memoryview:
            if decoded.room is None:
                decoded.room = rooms.take(length)
            return memoryview(decoded.room)[:length]

        with _within(item.at):
            yield from decode_block(item.block, item.base_size, read_base, item.factors, room)

    def decode(item: _Located) -> _Decoded:
        decoded = _Decoded()
        # A splice is taken piece by piece: a few bytes of one may say petabytes of copies.
        if item.block.codec is not Codec.SPLICE:
            with contextlib.suppress(NotYetMade):
                decoded.pieces = list(located(item, decoded))
                return decoded
        # In its turn, when everything before it is made.
        decoded.pieces = located(item, decoded)
        return decoded

    for decoded in workers.map(decode, _blocks(stream, opening)):
        yield from decoded.pieces
        if decoded.room is not None:
            rooms.give(decoded.room)


def _bases(opening: Opening, base: Model | None, also: Model | None) -> ByteStream:
    needs_base = base is not None and opening.manifest.base.shape is not Shape.NONE
    models = [base, also] if needs_base else []
    return ByteStream([file.data for model in models if model is not None for file in model.files])


def _write(
    pieces: Iterator[bytes | memoryview],
    opening: Opening,
    out: TargetWriter,
    kept: KeptBytes,
    tell: Callable[[int], None],
) -> bytes:
    """The target's files into ``out``; returns their digest. ``tell`` hears of all bytes so far."""
    target = opening.manifest.target
    entries = target.files if target.shape is Shape.FOLDER else (FileEntry("", target.size),)
    left = memoryview(b"")
    digests = []
    done = 0
    for entry in entries:
        out.start(entry.path)
        hasher = target.hash.new()
        missing = entry.size
        while missing:
            if not left:
                left = memoryview(next(pieces, b""))
                if not left:
                    raise CorruptPatch(
                        "the blocks end before the target does", expected=target.size, found=done
                    )
            part = left[:missing]
            left = left[len(part) :]
            missing -= len(part)
            done += len(part)
            hasher.update(part)
            out.write(part)
            kept.take(part)
            tell(done)
        digests.append((entry, hasher.digest()))
    if left or next(pieces, None) is not None:
        raise CorruptPatch("the blocks go on after the target's end", expected=target.size)
    return digests[0][1] if target.shape is Shape.FILE else folder_digest(digests, target.hash)


def rebuild(
    stream: BinaryIO,
    opening: Opening,
    base: Model | None,
    out: TargetWriter,
    *,
    also: Model | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    folder: str | None = None,
) -> None:
    """Decode the target into ``out`` and check the digests of bases and target.

    What ``out`` took counts only once this returns: the base is checked beside the decoding.
    ``folder``: where more than 64 MiB of the target wait that are read again; the system's by default.

    Raises:
        WrongBase: ``base`` or ``also`` is not what the patch was made for, whatever else is wrong.
        CorruptPatch: Damaged in a way its digests did not show.
        DigestMismatch: What was built is not the target.
    """
    manifest = opening.manifest
    check_shapes(manifest, base, also)
    with contextlib.ExitStack() as resources, Workers(threads) as workers:
        check = BaseCheck(manifest, base, also, workers)

        def tell(done: int) -> None:
            check.tell()
            if progress is not None:
                progress(done, manifest.target.size)

        try:
            tell(0)
            kept = KeptBytes(KeptSpans(manifest.kept), folder, resources)
            read_base = _with_kept(_bases(opening, base, also), kept, check)
            found = _write(_pieces(stream, opening, read_base, workers), opening, out, kept, tell)
        except SapwoodError:
            # A wrong base may look like a damaged patch.
            check.finish()
            raise
        check.finish()
    if found != manifest.target.digest:
        raise DigestMismatch(
            "what the patch builds is not its target",
            expected=manifest.target.digest.hex(),
            found=found.hex(),
            advice="Fetch the patch again, or make it anew.",
        )
