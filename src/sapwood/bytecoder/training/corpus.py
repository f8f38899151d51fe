"""What a model is trained on: files, each of a kind and a source, some of them held out."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blake3 import blake3

from sapwood.errors import MissingInput, WrongCall

__all__ = ["Corpus", "Sample", "read_corpus"]

# Of one file, and of all: more would only take longer.
_MOST_OF_FILE: Final = 1 << 20
_MOST: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """A file's beginning. ``kind`` is the first folder of its path, ``source`` the second or the file."""

    kind: str
    source: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training and held-out files; ``digest`` is of both, in the order of their names."""

    training: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    digest: bytes

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds, in order."""
        return tuple(sorted({sample.kind for sample in self.training}))


def read_corpus(paths: Sequence[str | os.PathLike[str]], held_out: float, seed: int) -> Corpus:
    """Read files, or all files of folders.

    Of each kind, the share ``held_out`` is kept from training, one file at least of two. Which ones follows
    from the seed and the files' names. Files that are equal count once, so that nothing is on both sides.

    Raises:
        MissingInput: A path is not there.
        WrongCall: There is nothing to train on.
    """
    found: dict[bytes, tuple[str, Sample]] = {}
    files = [entry for path in paths for entry in _files(Path(path))]
    room = max(1, _MOST // max(1, len(files)))
    total = sum(min(path.stat().st_size, _MOST_OF_FILE) for path, _ in files)
    for path, names in files:
        with path.open("rb") as file:
            content = file.read(_MOST_OF_FILE if total <= _MOST else min(room, _MOST_OF_FILE))
        if content:
            source = "/".join(names[:2]) if len(names) > 2 else "/".join(names)
            found.setdefault(blake3(content).digest(), ("/".join(names), Sample(names[0], source, content)))
    if not found:
        raise WrongCall("nothing to train on", advice="Name files, or folders of files, that are not empty.")
    by_kind: dict[str, list[tuple[bytes, str, Sample]]] = defaultdict(list)
    whole = blake3()
    for digest, (name, sample) in sorted(found.items(), key=lambda item: (item[1][0], item[0])):
        whole.update(digest)
        by_kind[sample.kind].append((blake3(f"{seed} {name}".encode()).digest(), name, sample))
    training: list[Sample] = []
    kept: list[Sample] = []
    for samples in by_kind.values():
        count = min(len(samples) - 1, max(1, round(held_out * len(samples)))) if held_out else 0
        drawn = {name for _, name, _ in sorted(samples)[:count]}
        for _, name, sample in samples:
            (kept if name in drawn else training).append(sample)
    return Corpus(tuple(training), tuple(kept), whole.digest())


def _files(path: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """Each file, and the names below ``path`` that lead to it; a kind always comes first."""
    if path.is_file():
        return [(path, (path.absolute().parent.name or "files", path.name))]
    if not path.is_dir():
        raise MissingInput("no such file or folder", path=str(path))
    out = []
    for file in sorted(path.rglob("*")):
        if file.is_file():
            names = file.relative_to(path).parts
            out.append((file, names if len(names) > 1 else (path.absolute().name or "files", *names)))
    return out
