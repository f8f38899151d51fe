"""``sapwood bench``: the learned coder beside others, on files of one's own."""

from pathlib import Path

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("bench")
@click.option(
    "--corpus", "folder", required=True, metavar="DIR", help="The files to code, with those in its folders."
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Times that each file is coded; the quickest counts.",
)
@click.option("--plot", metavar="FILE", help="Draw speeds and sizes: .png, .svg or .pdf. Needs matplotlib.")
@options.as_json
def command(*, folder: str, rounds: int, plot: str | None, as_json: bool) -> None:
    """Code the files in DIR by the learned coder and by others: sizes, speeds and memory.

    Beside the three levels of encode: zlib -6, zstd -19, brotli -11, xz -9e and lz4; brotli and lz4 need the
    packages of these names. Of each file the first 16 MiB are coded, on one thread. Speeds are by processor
    time. Memory is what coding added, with the coded and the decoded bytes in it.
    """
    from sapwood.bytecoder.comparison.coders import NAMES
    from sapwood.bytecoder.comparison.measure import Missing, Row, compare
    from sapwood.bytecoder.comparison.picture import picture
    from sapwood.bytecoder.picture import check_kind
    from sapwood.patch.atomic_file import atomic_output

    kind = check_kind(plot) if plot is not None else ""
    with screen.stages() as stages:
        progress = None if stages is None else lambda done, total: stages("compare", done, total)
        found = compare(NAMES, Path(folder), rounds=rounds, progress=progress)
    rows = [row for row in found if isinstance(row, Row)]
    missing = [row for row in found if isinstance(row, Missing)]
    if plot is not None:
        with atomic_output(plot) as file:
            file.write(picture(rows, kind))
    if as_json:
        screen.print_json(
            {
                "coders": [
                    {
                        "name": row.name,
                        "size": row.plain,
                        "coded": row.coded,
                        "ratio": row.ratio,
                        "bits_a_byte": row.bits_a_byte,
                        "encode_seconds": row.encode_seconds,
                        "decode_seconds": row.decode_seconds,
                        "memory": row.memory,
                    }
                    for row in rows
                ],
                "missing": {row.name: row.reason for row in missing},
            }
        )
        return
    screen.print_table(
        ["coder", "ratio", "bits a byte", "encode MB/s", "decode MB/s", "memory"],
        [
            [
                row.name,
                screen.share(row.ratio),
                f"{row.bits_a_byte:.4f}",
                _speed(row.plain, row.encode_seconds),
                _speed(row.plain, row.decode_seconds),
                "-" if row.memory is None else screen.size(row.memory),
            ]
            for row in rows
        ],
    )
    for row in missing:
        click.echo(f"{row.name} is missing: {row.reason}", err=True)


def _speed(size: int, seconds: float) -> str:
    return f"{size / max(seconds, 1e-9) / 1e6:.2f}"
