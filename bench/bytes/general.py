"""Makes the corpus that the general model is trained on: many small files of many packages, by class.

    python -m bench.bytes.general [FOLDER]

Files land in FOLDER/CLASS; FOLDER is build/bytes/general by default. No package is one of the test corpus.
A class is many sources rather than much of one: what a model shall know of a message is what all of its
kind share.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.bytes import corpus, generated
from bench.bytes.sources import GENERAL, Source

PIECE: Final = 1 << 15
# Of each package in a class.
SHARE: Final = 12 * PIECE
_SEEDS: Final = range(101, 113)
_TRACED: Final = (
    "asyncio",
    "email.mime.text, http.server",
    "sqlite3, unittest",
    "xml.dom.minidom, logging.config",
    "pip",
    "blake3, rich.progress",
)


def make(folder: Path = corpus.FOLDER / "general") -> Path:
    """Make what is missing; the folder."""
    for name, sources in GENERAL.items():
        for source in sources:
            out = folder / name / (re.sub("==|@", "-", source.package) + ("-sdist" if source.sdist else ""))
            if not out.exists():
                _write(out, _spread(list(_pieces(source))))
    for name, files in _made_here().items():
        if not (folder / name).exists():
            _write(folder / name, files)
    return folder


def _write(folder: Path, pieces: list[bytes]) -> None:
    folder.mkdir(parents=True)
    for number, piece in enumerate(pieces):
        (folder / f"{number:03}").write_bytes(piece)


def _pieces(source: Source) -> Iterator[bytes]:
    for member in corpus.members(source, corpus.FOLDER / "downloads"):
        yield from (member[at : at + PIECE] for at in range(0, len(member), PIECE))


def _spread(pieces: list[bytes]) -> list[bytes]:
    """From all of a package, as much as is its share."""
    wanted = min(len(pieces), SHARE // max(1, sum(map(len, pieces)) // max(1, len(pieces))))
    return [pieces[i * len(pieces) // wanted] for i in range(wanted)]


def _made_here() -> dict[str, list[bytes]]:
    return {
        "log-web": [generated.access_log(seed, PIECE) for seed in _SEEDS],
        "log-imports": [corpus.imports(modules)[: 2 * PIECE] for modules in _TRACED],
        "telemetry-lines": [generated.telemetry_lines(seed, PIECE) for seed in _SEEDS],
        "telemetry-records": [generated.telemetry_records(seed, PIECE) for seed in _SEEDS],
    }


if __name__ == "__main__":
    print(make(*map(Path, sys.argv[1:2])))
