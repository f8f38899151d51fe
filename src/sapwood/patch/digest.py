"""Digests of models: BLAKE3, 32 bytes (SPEC, "Digests")."""

from collections.abc import Iterable

from blake3 import blake3

from sapwood.codec.varint import put_bytes, put_unsigned
from sapwood.formats.model import Model
from sapwood.patch.manifest import FileEntry, ModelIdentity, Shape

__all__ = ["file_digest", "folder_digest", "identify"]


def file_digest(data: bytes | memoryview, threads: int = 1) -> bytes:
    """Digest of one file's bytes."""
    return blake3(data, max_threads=threads).digest()


def folder_digest(files: Iterable[tuple[FileEntry, bytes]]) -> bytes:
    """Digest of a folder: of each file's path, size and digest, in the order of the paths."""
    listing = bytearray()
    for entry, digest in files:
        put_bytes(listing, entry.path.encode())
        put_unsigned(listing, entry.size)
        listing += digest
    return blake3(bytes(listing)).digest()


def identify(model: Model, threads: int = 1) -> ModelIdentity:
    """Shape, size and digest of an open model."""
    if not model.is_folder:
        data = model.files[0].data
        return ModelIdentity(Shape.FILE, len(data), file_digest(data, threads))
    entries = tuple(FileEntry(f.path, len(f.data)) for f in model.files)
    digests = [file_digest(f.data, threads) for f in model.files]
    size = sum(e.size for e in entries)
    return ModelIdentity(Shape.FOLDER, size, folder_digest(zip(entries, digests, strict=True)), entries)
