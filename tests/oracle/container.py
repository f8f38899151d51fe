"""A patch and the base -> target (SPEC, "Container", "Manifest", "Digests")."""

import dataclasses
import hashlib
import zlib
from collections.abc import Mapping

from blake3 import blake3

from tests.oracle.blocks import decode_chunk
from tests.oracle.reader import Reader, Refused

__all__ = ["Content", "Manifest", "Patch", "decode_patch", "identity_of", "read_patch", "varint"]

MAGIC = b"\x89SWP"
FILE, FOLDER = 1, 2
BASE, FORMAT, TARGET, METADATA, BASE_FILES, KEY_ID, TARGET_FILES, PROFILE = range(1, 9)
CHUNKS, INTEGERS, VERSION_COUNTER, SECOND_BASE, HASH, GUARDRAILS, KEPT = 9, 10, 11, 13, 15, 17, 19
KNOWN = frozenset({*range(1, 12), 13, 15, 17, 19})
BLAKE3, SHA256 = 0, 1
SIGNATURE_SIZES = {0: 0, 1: 64, 2: 16}  # by flags: none, Ed25519, AES-CMAC
MAX_MANIFEST = 16 << 20
MAX_RECORDS = 256
MAX_FILES = 100_000
MAX_GUARDS, MAX_GUARD = 64, 1024
MAX_PATH, MAX_SLASHES = 4096, 64
MAX_CHUNK = 4 << 20
MAX_KEPT = 1 << 18

Content = bytes | Mapping[str, bytes]


@dataclasses.dataclass
class Identity:
    shape: int
    size: int
    digest: bytes
    files: list[tuple[str, int]]


@dataclasses.dataclass
class Manifest:
    base: Identity | None
    target: Identity
    chunks: list[tuple[int, int, bytes]]  # decoded size, coded size, digest
    records: dict[int, bytes]
    second_base: tuple[int, int, bytes] | None = None  # shape, size, digest
    hash: int = BLAKE3
    kept: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # offset, length


@dataclasses.dataclass
class Patch:
    manifest: Manifest
    signed: bytes
    signature: bytes  # or MAC
    chunks: bytes


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused("text is not UTF-8") from error


def _files(data: bytes) -> list[tuple[str, int]]:
    reader = Reader(data)
    files: list[tuple[str, int]] = []
    count = reader.unsigned()
    if count > MAX_FILES:
        raise Refused("too many files")
    for _ in range(count):
        coded = reader.prefixed()
        path = _text(coded)
        parts = path.split("/")
        if len(coded) > MAX_PATH or len(parts) > MAX_SLASHES + 1:
            raise Refused("too long or too deep a path")
        if any(part in ("", ".", "..") for part in parts) or any(c in path for c in "\\:\0"):
            raise Refused(f"a path that leads out of its folder: {path!r}")
        if files and path.encode() <= files[-1][0].encode():
            raise Refused("files are not in order")
        files.append((path, reader.unsigned()))
    if reader.left():
        raise Refused("bytes left over after the files")
    taken = {path for path, _ in files}
    for path in taken:
        parts = path.split("/")
        if any("/".join(parts[:i]) in taken for i in range(1, len(parts))):
            raise Refused("a file is also a folder")
    return files


def _identity(records: dict[int, bytes], tag: int, files_tag: int) -> Identity | None:
    if tag not in records:
        if files_tag in records:
            raise Refused("files without a model")
        return None
    reader = Reader(records[tag])
    shape, size, digest = reader.byte(), reader.unsigned(), reader.take(32)
    if shape not in (FILE, FOLDER) or reader.left() or (shape == FOLDER) != (files_tag in records):
        raise Refused("a model's record is wrong")
    files = _files(records[files_tag]) if shape == FOLDER else [("", size)]
    if sum(size for _, size in files) != size:
        raise Refused("the files do not add up")
    return Identity(shape, size, digest, files)


def _second_base(records: dict[int, bytes]) -> tuple[int, int, bytes] | None:
    if SECOND_BASE not in records:
        return None
    reader = Reader(records[SECOND_BASE])
    shape, size, digest = reader.byte(), reader.unsigned(), reader.take(32)
    if shape not in (FILE, FOLDER) or reader.left() or BASE not in records or PROFILE in records:
        raise Refused("a second base's record is wrong, or does not belong")
    return shape, size, digest


def _kept(records: dict[int, bytes], target: int) -> list[tuple[int, int]]:
    if KEPT not in records:
        return []
    reader = Reader(records[KEPT])
    spans: list[tuple[int, int]] = []
    end = 0
    while reader.left():
        start = end + reader.unsigned()
        length = reader.unsigned()
        end = start + length
        if length == 0 or end > target or len(spans) == MAX_KEPT:
            raise Refused("a kept span is empty or outside, or one too many")
        spans.append((start, length))
    if not spans or PROFILE in records:
        raise Refused("kept spans that do not belong")
    return spans


def _chunks(data: bytes) -> list[tuple[int, int, bytes]]:
    reader = Reader(data)
    digest_size = reader.byte()
    chunks: list[tuple[int, int, bytes]] = []
    if digest_size not in (8, 32) and reader.left():
        raise Refused("chunk digests of unknown size")
    while reader.left():
        decoded, coded = reader.unsigned(), reader.unsigned()
        if decoded == 0 or not 0 < coded <= MAX_CHUNK:
            raise Refused("a chunk is empty or too large")
        chunks.append((decoded, coded, reader.take(digest_size)))
    return chunks


def _check_guards(data: bytes) -> None:
    reader = Reader(data)
    last = -1
    count = 0
    while reader.left():
        kind, content = reader.unsigned(), reader.prefixed()
        count += 1
        if kind <= last or count > MAX_GUARDS or len(content) > MAX_GUARD:
            raise Refused("guards are not in order, or too many, or too long")
        last = kind
        if kind == 1:
            arena = Reader(content)
            arena.unsigned()
            if arena.left():
                raise Refused("bytes left over after an arena")
        elif kind in (5, 7) and len(content) != 8:
            raise Refused("a hash has 8 bytes")
        elif kind in (2, 3, 9):
            _text(content)


def _check_optional(records: dict[int, bytes]) -> None:
    _text(records.get(FORMAT, b""))
    if len(records.get(KEY_ID, bytes(8))) != 8:
        raise Refused("a key's id has 8 bytes")
    metadata = Reader(records.get(METADATA, b""))
    last = None
    while metadata.left():
        key = metadata.prefixed()
        _text(key)
        _text(metadata.prefixed())
        if last is not None and key <= last:
            raise Refused("metadata keys are not in order")
        last = key
    _check_guards(records.get(GUARDRAILS, b""))
    if PROFILE in records:
        profile = Reader(records[PROFILE])
        if profile.byte() == 1:
            for _ in ("state", "window", "behind"):
                profile.unsigned()
            if profile.left():
                raise Refused("bytes left over after the profile")
    if INTEGERS in records:
        integers = Reader(records[INTEGERS])
        if integers.byte() == 1 and integers.left():
            raise Refused("bytes left over after what elements are")
    if VERSION_COUNTER in records:
        counter = Reader(records[VERSION_COUNTER])
        counter.unsigned()
        if counter.left():
            raise Refused("bytes left over after the version counter")


def _hash(records: dict[int, bytes]) -> int:
    if HASH not in records:
        return BLAKE3
    if records[HASH] != bytes([SHA256]):
        raise Refused("no such hash")
    return SHA256


def _manifest(data: bytes) -> Manifest:
    reader = Reader(data)
    records: dict[int, bytes] = {}
    last = 0
    while reader.left():
        tag = reader.unsigned()
        if tag <= last:
            raise Refused("records are not in order")
        last = tag
        if tag not in KNOWN and tag % 2:
            raise Refused(f"unknown record {tag}")
        records[tag] = reader.prefixed()
        if len(records) > MAX_RECORDS:
            raise Refused("too many records")
    base = _identity(records, BASE, BASE_FILES)
    target = _identity(records, TARGET, TARGET_FILES)
    if target is None or CHUNKS not in records:
        raise Refused("no target or no chunks")
    chunks = _chunks(records[CHUNKS])
    if sum(decoded for decoded, _, _ in chunks) != target.size:
        raise Refused("the chunks do not make the target")
    _check_optional(records)
    kept = _kept(records, target.size)
    return Manifest(base, target, chunks, records, _second_base(records), _hash(records), kept)


def read_patch(patch: bytes) -> Patch:
    """Everything but the blocks, checked; the signature itself is not."""
    reader = Reader(patch)
    if reader.take(4) != MAGIC or reader.byte() != 1:
        raise Refused("not a patch of version 1")
    flags = reader.byte()
    if flags not in SIGNATURE_SIZES:
        raise Refused("unknown flags")
    size = reader.unsigned(5)
    if size > MAX_MANIFEST:
        raise Refused("the manifest is too large")
    body = reader.take(size)
    found = zlib.crc32(patch[: reader.at])
    if int.from_bytes(reader.take(4), "little") != found:
        raise Refused("the manifest is damaged")
    signed = patch[: reader.at]
    signature = reader.take(SIGNATURE_SIZES[flags])
    manifest = _manifest(body)
    if flags and any(len(digest) != 32 for _, _, digest in manifest.chunks):
        raise Refused("short digests of chunks bind nothing")
    return Patch(manifest, signed, signature, patch[reader.at :])


def _digest(data: bytes, kind: int) -> bytes:
    return hashlib.sha256(data).digest() if kind == SHA256 else blake3(data).digest()


def _stream(model: Content, kind: int) -> tuple[int, bytes, bytes]:
    """A model's shape, bytes and digest."""
    if isinstance(model, bytes):
        return FILE, model, _digest(model, kind)
    listing = bytearray()
    paths = sorted(model, key=str.encode)
    for path in paths:
        listing += varint(len(path.encode())) + path.encode()
        listing += varint(len(model[path])) + _digest(model[path], kind)
    return FOLDER, b"".join(model[path] for path in paths), _digest(bytes(listing), kind)


def identity_of(model: Content, kind: int = BLAKE3) -> tuple[int, int, bytes]:
    """A model's shape, size and digest by a hash."""
    shape, stream, digest = _stream(model, kind)
    return shape, len(stream), digest


def varint(value: int) -> bytes:
    """An unsigned integer."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def decode_patch(patch: bytes, base: Content = b"", also: Content | None = None) -> Content:
    """The target: bytes for a file, bytes by path for a folder. Everything is checked but the signature.

    Raises:
        Refused: The patch is not one, is damaged, or is not for this base.
    """
    parsed = read_patch(patch)
    manifest, reader = parsed.manifest, Reader(parsed.chunks)
    stream = b""
    if manifest.base is not None:
        shape, stream, digest = _stream(base, manifest.hash)
        if (shape, len(stream), digest) != (manifest.base.shape, manifest.base.size, manifest.base.digest):
            raise Refused("the patch is for another base")
    if manifest.second_base is not None:
        if also is None:
            raise Refused("the patch needs a second base")
        shape, second, digest = _stream(also, manifest.hash)
        if (shape, len(second), digest) != manifest.second_base:
            raise Refused("the patch is for another second base")
        stream += second
    out = bytearray()
    whole = manifest.base is None or (manifest.base.shape == FILE and manifest.base.size < 1 << 32)
    whole = whole and manifest.second_base is None and not manifest.kept
    for decoded, coded, digest in manifest.chunks:
        data = reader.take(coded)
        if _digest(data, manifest.hash)[: len(digest)] != digest:
            raise Refused("a chunk is damaged")
        decode_chunk(data, stream, decoded, out, kept=manifest.kept, whole=whole)
    if reader.left():
        raise Refused("bytes after the last chunk")
    target: Content = bytes(out)
    if manifest.target.shape == FOLDER:
        files = {}
        at = 0
        for path, size in manifest.target.files:
            files[path] = bytes(out[at : at + size])
            at += size
        target = files
    if _stream(target, manifest.hash)[2] != manifest.target.digest:
        raise Refused("the target has another digest")
    return target
