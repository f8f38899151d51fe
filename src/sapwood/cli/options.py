"""Options that several commands share, with one meaning and one help text each."""

import click

__all__ = ["as_json", "level", "read_metadata", "threads"]

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")

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
