"""Digests of models: 32 bytes, by BLAKE3 or by the hash that a patch names (SPEC, "Digests")."""

from collections.abc import Iterable

from sapwood.codec.varint import put_bytes, put_unsigned
from sapwood.formats.model import Model
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import FileEntry, ModelIdentity, Shape

__all__ = ["folder_digest", "identify"]


def folder_digest(files: Iterable[tuple[FileEntry, bytes]], kind: HashKind = HashKind.BLAKE3) -> bytes:
    """Digest of a folder: of each file's path, size and digest, in the order of the paths."""
    listing = bytearray()
    for entry, digest in files:
        put_bytes(listing, entry.path.encode())
        put_unsigned(listing, entry.size)
        listing += digest
    return kind.digest(bytes(listing))


def identify(model: Model, threads: int = 1, kind: HashKind = HashKind.BLAKE3) -> ModelIdentity:
    """Shape, size and digest of an open model."""
    if not model.is_folder:
        data = model.files[0].data
        return ModelIdentity(Shape.FILE, len(data), kind.digest(data, threads), hash=kind)
    entries = tuple(FileEntry(f.path, len(f.data)) for f in model.files)
    digests = [kind.digest(f.data, threads) for f in model.files]
    size = sum(e.size for e in entries)
    whole = folder_digest(zip(entries, digests, strict=True), kind)
    return ModelIdentity(Shape.FOLDER, size, whole, entries, kind)
