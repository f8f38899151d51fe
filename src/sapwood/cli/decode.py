"""``sapwood decode``: what encode wrote, as it was."""

import click

from sapwood.cli import byte_files, options

__all__ = ["command"]


@click.command("decode")
@click.argument("source", metavar="IN")
@click.option(
    "-o", "--output", "out", metavar="OUT", help="Where to write the bytes.  [default: standard output]"
)
@click.option("--max-size", type=click.IntRange(0), metavar="BYTES", help="Refuse a content of more bytes.")
@options.threads
@options.as_json
def command(
    *, source: str, out: str | None, max_size: int | None, threads: int | None, as_json: bool
) -> None:
    """Write the bytes that encode made the stream IN of.

    IN and OUT may be - for a pipe. In a pipe, blocks are written once they are checked; a wrong whole ends
    with an error behind them. A file appears only if all is right.
    """
    from sapwood.bytecoder import decode_stream

    with byte_files.told_of(source), byte_files.opened(source, out) as (reader, writer):
        byte_files.run_and_report(
            lambda: decode_stream(reader, writer, max_size=max_size, threads=threads),
            1,
            out=out,
            as_json=as_json,
        )
