"""The learned byte coder beside others, on the corpus's test files.

    python -m bench.bytes [--rounds N] [--folder DIR] [--json FILE]

A row for each file, in bits a byte, and one for each coder: means, speeds and memory. Beside the coders of
``sapwood bench``: zstd -19 with a dictionary trained on the training files, and zpaq's strongest method.
Make the corpus first: python -m bench.bytes.corpus.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

import zstandard

from bench.bytes.corpus import FOLDER
from sapwood.bytecoder.comparison.coders import NAMES, Coder
from sapwood.bytecoder.comparison.measure import Missing, Row, compare, files_of, measured

_DICTIONARY: Final = 112 << 10
_SAMPLE: Final = 4 << 10


def _with_dictionary(training: Path) -> Coder:
    """What the files of the training part have in common, as zstd knows it."""
    samples: list[bytes | bytearray | memoryview] = [
        data[at : at + _SAMPLE]
        for data in (path.read_bytes() for path in files_of(training))
        for at in range(0, len(data), _SAMPLE)
    ]
    dictionary = zstandard.train_dictionary(_DICTIONARY, samples)
    encoder = zstandard.ZstdCompressor(level=19, dict_data=dictionary)
    decoder = zstandard.ZstdDecompressor(dict_data=dictionary)
    return Coder("zstd -19, dictionary", encoder.compress, decoder.decompress)


def _zpaq(program: str) -> Coder:
    """Method 5, one thread. Its time is another process's, so that only its size is of use here."""

    def run(data: bytes, name: str, *words: str, out: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / name).write_bytes(data)
            subprocess.run([program, *words], cwd=folder, check=True, capture_output=True)
            return (Path(folder) / out).read_bytes()

    def encode(data: bytes) -> bytes:
        return run(data, "x", "add", "a.zpaq", "x", "-method", "5", "-threads", "1", out="a.zpaq")

    def decode(data: bytes) -> bytes:
        return run(data, "a.zpaq", "extract", "a.zpaq", "-threads", "1", out="x")

    return Coder("zpaq -method 5", encode, decode)


def _rows(folder: Path, rounds: int) -> list[Row | Missing]:
    test = folder / "test"
    rows = compare(NAMES, test, rounds=rounds)
    rows.append(measured(_with_dictionary(folder / "train"), test, files_of(test), rounds))
    program = shutil.which("zpaq")
    if program is None:
        rows.append(Missing("zpaq -method 5", "no program zpaq (Debian package: zpaq)"))
    else:
        rows.append(measured(_zpaq(program), test, files_of(test), 1))
    rows += [Missing(name, "neither Debian nor PyPI has it") for name in ("bsc", "lpaq1")]
    return rows


def _print(rows: list[Row | Missing]) -> None:
    found = [row for row in rows if isinstance(row, Row)]
    print("| bits a byte |", " | ".join(row.name for row in found), "|")
    print("|---" * (len(found) + 1) + "|")
    files = list(found[0].coded)
    for name in files:
        print(f"| {name} |", " | ".join(f"{row.bits(name):.4f}" for row in found), "|")
    print("| mean |", " | ".join(f"{row.bits_a_byte:.4f}" for row in found), "|")
    print("\n| coder | encode MB/s | decode MB/s | memory MB |\n|---|---|---|---|")
    for row in found:
        timed = row.encode_seconds > 0 and not row.name.startswith("zpaq")
        speeds = [
            f"{row.plain / seconds / 1e6:.2f}" if timed else "-"
            for seconds in (row.encode_seconds, row.decode_seconds)
        ]
        memory = "-" if row.memory is None or not timed else f"{row.memory / 1e6:.1f}"
        print(f"| {row.name} |", " | ".join([*speeds, memory]), "|")
    for missing in rows:
        if isinstance(missing, Missing):
            print(f"missing: {missing.name}: {missing.reason}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="times for each file; the quickest counts")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the corpus")
    parser.add_argument("--json", type=Path, help="write all of it there")
    arguments = parser.parse_args()
    rows = _rows(arguments.folder, arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    _print(rows)


if __name__ == "__main__":
    main()
