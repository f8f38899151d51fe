"""Digests of models: 32 bytes, by BLAKE3 or by the hash that a patch names (SPEC, "Digests")."""

from collections.abc import Iterable
from typing import Final

from sapwood.codec.varint import put_bytes, put_unsigned
from sapwood.formats.model import Model
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import FileEntry, ModelIdentity, Shape

__all__ = ["Identifier", "folder_digest", "identify"]

# BLAKE3 hashes pieces that begin and end at such offsets as fast as all of it.
_STEP: Final = 256 << 10


def folder_digest(files: Iterable[tuple[FileEntry, bytes]], kind: HashKind = HashKind.BLAKE3) -> bytes:
    """Digest of a folder: of each file's path, size and digest, in the order of the paths."""
    listing = bytearray()
    for entry, digest in files:
        put_bytes(listing, entry.path.encode())
        put_unsigned(listing, entry.size)
        listing += digest
    return kind.digest(bytes(listing))


class Identifier:
    """The identity of an open model, whose bytes may be hashed while they are in the cache for other work."""

    def __init__(self, model: Model, threads: int = 1, kind: HashKind = HashKind.BLAKE3) -> None:
        """``threads`` hash what one call reaches."""
        self._model = model
        self._kind = kind
        self._threads = threads
        self._digests: list[bytes] = []
        # Of the file after those: where it starts in the stream, and how far it is hashed.
        self._start = 0
        self._hashed = 0
        self._hasher = kind.new(threads)

    def reach(self, offset: int) -> None:
        """Hash the model's stream as far as whole steps go below ``offset``, unless that was done."""
        files = self._model.files
        while len(self._digests) < len(files):
            data = files[len(self._digests)].data
            inside = offset - self._start
            if inside < len(data):
                self._hash(data, inside - inside % _STEP)
                return
            self._hash(data, len(data))
            self._digests.append(self._hasher.digest())
            self._start += len(data)
            self._hashed = 0
            self._hasher = self._kind.new(self._threads)

    def _hash(self, data: memoryview, end: int) -> None:
        if end > self._hashed:
            self._hasher.update(data[self._hashed : end])
            self._hashed = end

    def finish(self) -> ModelIdentity:
        """Hash what is left; shape, size and digest of the model."""
        files = self._model.files
        size = sum(len(file.data) for file in files)
        self.reach(size)
        if not self._model.is_folder:
            return ModelIdentity(Shape.FILE, size, self._digests[0], hash=self._kind)
        entries = tuple(FileEntry(file.path, len(file.data)) for file in files)
        whole = folder_digest(zip(entries, self._digests, strict=True), self._kind)
        return ModelIdentity(Shape.FOLDER, size, whole, entries, self._kind)


def identify(model: Model, threads: int = 1, kind: HashKind = HashKind.BLAKE3) -> ModelIdentity:
    """Shape, size and digest of an open model."""
    return Identifier(model, threads, kind).finish()
