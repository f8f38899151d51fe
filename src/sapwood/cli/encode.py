"""``sapwood encode``: any bytes, smaller, by the learned coder."""

import click

from sapwood.cli import byte_files, options

__all__ = ["command"]


@click.command("encode")
@click.argument("source", metavar="IN")
@click.option(
    "-o", "--output", "out", metavar="OUT", help="Where to write the stream.  [default: standard output]"
)
@click.option(
    "--level",
    type=click.Choice(["live", "default", "max"]),
    default="default",
    show_default=True,
    help="The model's size: 2, 6 or 22 MB a thread.",
)
@options.threads
@options.as_json
def command(*, source: str, out: str | None, level: str, threads: int | None, as_json: bool) -> None:
    """Write the bytes of IN smaller, by a model that learns as it goes. See decode.

    IN and OUT may be - for a pipe. A thread codes a block at a time: of 1, 17 or 34 MB, by the level.
    """
    from sapwood.bytecoder import Level, encode_stream

    with byte_files.opened(source, out) as (reader, writer):
        byte_files.run_and_report(
            lambda: encode_stream(
                reader, writer, Level[level.upper()], length=byte_files.length_of(source), threads=threads
            ),
            0,
            out=out,
            as_json=as_json,
        )
