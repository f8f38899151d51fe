"""Options that several commands share, with one meaning and one help text each."""

import click

__all__ = [
    "also",
    "as_json",
    "device",
    "guards",
    "level",
    "max_size",
    "metadata",
    "min_version",
    "read_metadata",
    "sign",
    "threads",
    "verify_key",
    "version_counter",
]

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")

also = click.option("--also", metavar="OLDER", help="The second base, of a patch that was made with one.")

threads = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Threads to use.  [default: all processors]"
)

level = click.option(
    "--level",
    type=click.Choice(["fast", "default", "max"]),
    default="default",
    show_default=True,
    help="How much time to spend on a smaller patch.",
)


sign = click.option(
    "--sign", "key", metavar="KEY", help="Sign with this private or shared key, a file that keygen made."
)

version_counter = click.option(
    "--version-counter",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="N",
    help="The target's place in the order of versions, for apply --min-version.",
)

verify_key = click.option(
    "--verify-key", "key", metavar="PUB", help="Refuse a patch that this public or shared key did not sign."
)

min_version = click.option(
    "--min-version",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="N",
    help="Refuse a patch whose version counter is lower.",
)

max_size = click.option(
    "--max-size",
    type=click.IntRange(0),
    metavar="BYTES",
    help="Refuse a patch whose target is larger, before anything is written.",
)

device = click.option(
    "--device",
    metavar="FACTS",
    help="Refuse a patch whose guards do not fit the device that this JSON file describes.",
)


def read_metadata(
    _context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    """``KEY=VALUE`` as given more than once; the last one of a key counts."""
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        parsed[key] = value
    return parsed


metadata = click.option(
    "--meta",
    "metadata",
    multiple=True,
    metavar="KEY=VALUE",
    callback=read_metadata,
    help="Text to carry in the patch; may be given more than once.",
)

guards = click.option(
    "--guard",
    "guards",
    multiple=True,
    metavar="NAME=VALUE",
    callback=read_metadata,
    help="What a device must be: arena_bytes, runtime_abi, operator_set, io_schema, family or model_version; "
    "or a vendor's number, from 256 on, with bytes in hexadecimal. May be given more than once.",
)
