"""Messages of 256, 1024 and 4096 bytes, each coded alone: Sapwood with its general model and without, zstd,
brotli.

    python -m bench.bytes.messages [--json FILE] [--model FILE] [--each N]

Bytes coded per byte of content, of the test corpus alone. zstd has level 19 and a dictionary that was
trained on the corpus of the general model (bench/bytes/general.py): one of 110 KiB, zstd's usual size, and
one as large as the model's text; the better one of both in each cell is the column "best". brotli has
quality 11 and its own dictionary. Frames are as small as each can make them: zstd's without magic,
checksum, content size and dictionary's number, brotli's as it is, ours without the check. The last column
says what ours takes with its CRC-32C.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import zstandard

from bench.bytes import corpus, general
from sapwood import bytecoder
from sapwood.bytecoder import Level, MessageCoder, Prior

SIZES: Final = (256, 1024, 4096)
USUAL_DICTIONARY: Final = 112640
COLUMNS: Final = (
    "zstd 110 KiB",
    "zstd large",
    "brotli",
    "none, default",
    "none, max",
    "live",
    "default",
    "max",
    "default / best zstd",
    "max / best zstd",
    "max with check",
)

Coder = Callable[[bytes], bytes]


def coders(prior: Prior) -> dict[str, Coder]:
    """By column: what makes a message of a content."""
    import brotli

    with_model, alone = MessageCoder(prior, check=False), MessageCoder(None, check=False)
    checked = MessageCoder(prior)
    samples = _samples()
    return {
        "zstd 110 KiB": _zstd(zstandard.train_dictionary(USUAL_DICTIONARY, samples)),
        "zstd large": _zstd(zstandard.train_dictionary(len(prior.text), samples)),
        "brotli": lambda content: bytes(brotli.compress(content, quality=11)),
        "none, default": lambda content: alone.encode(content, Level.DEFAULT),
        "none, max": lambda content: alone.encode(content, Level.MAX),
        "live": lambda content: with_model.encode(content, Level.LIVE),
        "default": lambda content: with_model.encode(content, Level.DEFAULT),
        "max": lambda content: with_model.encode(content, Level.MAX),
        "max with check": lambda content: checked.encode(content, Level.MAX),
    }


def _samples() -> list[bytes | bytearray | memoryview[int]]:
    """What the model was trained on, in pieces as long as the longest message."""
    files = (path.read_bytes() for path in sorted(general.make().rglob("*")) if path.is_file())
    return [data[at : at + SIZES[-1]] for data in files for at in range(0, len(data), SIZES[-1])]


def _zstd(dictionary: zstandard.ZstdCompressionDict) -> Coder:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0, write_checksum=0, write_dict_id=0
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=dictionary).compress


def messages(data: bytes, size: int, count: int) -> list[bytes]:
    """So many pieces of a file, at even distances."""
    count = min(count, max(1, len(data) // size))
    return [data[at : at + size] for at in (i * (len(data) - size) // count for i in range(count))]


def measure(prior: Prior, count: int) -> dict[int, dict[str, dict[str, float]]]:
    """Bytes coded per byte: by size, class and column."""
    chosen = coders(prior)
    decoder = MessageCoder(prior)
    result: dict[int, dict[str, dict[str, float]]] = {}
    for size in SIZES:
        result[size] = {}
        for path in corpus.make()["test"]:
            of = messages(path.read_bytes(), size, count)
            row = {}
            for name, coder in chosen.items():
                coded = [coder(content) for content in of]
                row[name] = sum(map(len, coded)) / sum(map(len, of))
                if name in ("live", "default", "max", "max with check"):
                    assert [decoder.decode(message) for message in coded] == of
            best = min(row["zstd 110 KiB"], row["zstd large"])
            row["default / best zstd"] = row["default"] / best
            row["max / best zstd"] = row["max"] / best
            result[size][path.name] = row
    return result


def table(size: int, rows: dict[str, dict[str, float]]) -> str:
    """One size as Markdown, with a row of means."""
    lines = [f"| {size} bytes | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    means = {name: sum(row[name] for row in rows.values()) / len(rows) for name in COLUMNS}
    for label, row in (*rows.items(), ("mean", means)):
        lines.append(f"| {label} | {' | '.join(f'{row[name]:.3f}' for name in COLUMNS)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--model", type=Path, help="another model than the general one")
    parser.add_argument("--each", type=int, default=40, help="messages of each class and size")
    options = parser.parse_args(arguments)
    prior = Prior(options.model.read_bytes()) if options.model else bytecoder.general()
    result = measure(prior, options.each)
    for size, rows in result.items():
        print(table(size, rows), end="\n\n")
    if options.json:
        options.json.write_text(json.dumps({"model": prior.identity.hex(), "sizes": result}, indent=1))


if __name__ == "__main__":
    main()
