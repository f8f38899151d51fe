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
@click.option(
    "--model",
    default="general",
    show_default=True,
    metavar="FILE|general|none",
    help="The trained model that IN may need. For a message, the one that it was encoded with.",
)
@click.option("--message", is_flag=True, help="IN is a message, of encode --message.")
@options.threads
@options.as_json
def command(
    *,
    source: str,
    out: str | None,
    max_size: int | None,
    model: str,
    message: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Write the bytes that encode made the stream IN of.

    IN and OUT may be - for a pipe. In a pipe, blocks are written once they are checked; a wrong whole ends
    with an error behind them. A file appears only if all is right.
    """
    from sapwood.bytecoder import MessageCoder, decode_stream
    from sapwood.bytecoder.message import LONGEST_CODED, MOST_MESSAGE

    prior = byte_files.prior_of(model)
    with byte_files.told_of(source), byte_files.opened(source, out) as (reader, writer):

        def from_message() -> tuple[int, int]:
            # One byte more than a message can have tells that it is none.
            data = reader.read(LONGEST_CODED + 1)
            limit = MOST_MESSAGE if max_size is None else min(max_size, MOST_MESSAGE)
            return len(data), writer.write(MessageCoder(prior).decode(data, max_size=limit))

        def from_stream() -> tuple[int, int]:
            priors = [prior] if prior else []
            with byte_files.progress("decode", None) as progress:
                return decode_stream(
                    reader, writer, max_size=max_size, priors=priors, threads=threads, progress=progress
                )

        byte_files.run_and_report(from_message if message else from_stream, 1, out=out, as_json=as_json)
