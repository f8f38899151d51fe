"""``sapwood encode``: any bytes, smaller, by the learned coder."""

from typing import Final

import click

from sapwood.cli import byte_files, options

__all__ = ["command"]

# Longer ones gain less than one per cent, and pay for the learning of the model's text.
_SHORT: Final = 1 << 20


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
@click.option(
    "--model",
    default="auto",
    show_default=True,
    metavar="FILE|general|none|auto",
    help="The trained model to begin with: a file that train made, the one that comes with Sapwood, or none. "
    "auto takes the general one for files up to 1 MB and for messages.",
)
@click.option(
    "--message",
    is_flag=True,
    help="Write a message: a head of a few bytes, which names no model. IN is short.",
)
@options.threads
@options.as_json
def command(
    *, source: str, out: str | None, level: str, model: str, message: bool, threads: int | None, as_json: bool
) -> None:
    """Write the bytes of IN smaller, by a model that learns as it goes. See decode.

    IN and OUT may be - for a pipe. A thread codes a block at a time: of 1, 17 or 34 MB, by the level.
    A trained model makes short files smaller; decode needs the same one, and has the general one.
    """
    from sapwood.bytecoder import Level, MessageCoder, encode_stream
    from sapwood.bytecoder.message import MOST_MESSAGE

    length = byte_files.length_of(source)
    if model == "auto":
        model = "general" if message or (length is not None and length <= _SHORT) else "none"
    prior = byte_files.prior_of(model)
    chosen = Level[level.upper()]

    with byte_files.opened(source, out) as (reader, writer):

        def as_message() -> tuple[int, int]:
            # One byte more than is allowed tells that there is more.
            content = reader.read(MOST_MESSAGE + 1)
            return len(content), writer.write(MessageCoder(prior).encode(content, chosen))

        def as_stream() -> tuple[int, int]:
            with byte_files.progress("encode", length) as progress:
                return encode_stream(
                    reader, writer, chosen, length=length, prior=prior, threads=threads, progress=progress
                )

        byte_files.run_and_report(as_message if message else as_stream, 0, out=out, as_json=as_json)
