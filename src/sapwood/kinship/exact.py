"""What a model is, to the last bit: its digest, and that of its tensors' contents. All is read once."""

from collections.abc import Callable
from typing import Final, NamedTuple

from blake3 import blake3

from sapwood.formats.model import Model, ModelFile
from sapwood.patch.digest import folder_digest
from sapwood.patch.manifest import FileEntry

__all__ = ["Digests", "Progress", "digests_of"]

Progress = Callable[[int, int], None]

# Looked at by two digests in turn: small enough for a processor's cache to share among threads.
_PIECE: Final = 4 << 20


class Digests(NamedTuple):
    """BLAKE3 of a model.

    Attributes:
        model: The digest that patches for hosts name their base by (SPEC, "Digests").
        contents: That of the sorted, distinct digests of its tensors' bytes: whatever the format, the names
            and the order, and however often a shared tensor is stored.
        parts: Those of ``parts_of`` the model.
    """

    model: bytes
    contents: bytes
    parts: tuple[bytes, ...]


def digests_of(model: Model, threads: int = 1, progress: Progress | None = None) -> Digests:
    """All digests of an open model; ``progress`` is called with bytes done and in all."""
    read = _Reader(threads, progress, sum(len(file.data) for file in model.files))
    files, parts = [], []
    for file in model.files:
        digest, inside = read.file(file)
        files.append(digest)
        parts += inside
    # Without tensors the files are the parts, but those without bytes.
    held = parts or [d for d, file in zip(files, model.files, strict=True) if len(file.data)]
    if model.is_folder:
        entries = (FileEntry(file.path, len(file.data)) for file in model.files)
        whole = folder_digest(zip(entries, files, strict=True))
    else:
        whole = files[0]
    return Digests(whole, blake3(b"".join(sorted(set(held)))).digest(), tuple(held))


class _Reader:
    """Reads files span by span, and counts."""

    def __init__(self, threads: int, progress: Progress | None, total: int) -> None:
        self._threads = threads
        self._progress = progress
        self._total = total
        self._done = 0

    def file(self, file: ModelFile) -> tuple[bytes, list[bytes]]:
        """The digest of a file, and those of its tensors."""
        whole = blake3(max_threads=self._threads)
        parts = []
        for span in file.layout.spans:
            part = blake3(max_threads=self._threads) if span.tensor is not None else None
            end = span.offset + span.length
            for at in range(span.offset, end, _PIECE):
                piece = file.data[at : min(at + _PIECE, end)]
                whole.update(piece)
                if part is not None:
                    part.update(piece)
                self._done += len(piece)
            if part is not None:
                parts.append(part.digest())
            if self._progress is not None:
                self._progress(self._done, self._total)
        return whole.digest(), parts
