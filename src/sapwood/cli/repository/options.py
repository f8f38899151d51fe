"""Options that several commands of a repository share."""

import click

from sapwood.cli.options import read_metadata

__all__ = [
    "author",
    "fields",
    "force",
    "message",
    "metrics",
    "otherwise",
    "read_metrics",
    "remote_options",
    "strategy",
]

force = click.option("-f", "--force", is_flag=True, help="Give up changes that are in no commit.")

message = click.option("-m", "--message", metavar="TEXT", help="Why; the first line is the title.")

author = click.option("--author", metavar="WHO", help='Who made the change: "Name <address>".')


def read_metrics(
    _context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, float]:
    """``NAME=NUMBER`` as given more than once; the last one of a name counts."""
    parsed = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        try:
            parsed[name] = float(text)
        except ValueError as error:
            raise click.BadParameter(f"{pair!r} is not NAME=NUMBER") from error
        if not name or not equals:
            raise click.BadParameter(f"{pair!r} is not NAME=NUMBER")
    return parsed


metrics = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME=NUMBER",
    callback=read_metrics,
    help="What was measured, such as acc=0.91; may be given more than once.",
)

fields = click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=TEXT",
    callback=read_metadata,
    help="A free text; may be given more than once.",
)

strategy = click.option(
    "-s",
    "--strategy",
    type=click.Choice(
        ["fail", "ours", "theirs", "average", "weighted", "slerp", "ties", "dare", "task-arithmetic"]
    ),
    default="fail",
    show_default=True,
    help="For tensors that both sides changed.",
)

otherwise = click.option(
    "--otherwise",
    type=click.Choice(["fail", "ours", "theirs"]),
    default="fail",
    show_default=True,
    help="For what the strategy cannot do, such as a mean of integers.",
)

remote_options = click.option(
    "--option",
    "remote_options",
    multiple=True,
    metavar="NAME=TEXT",
    callback=read_metadata,
    help="For the object store, such as endpoint=... or region=...; credentials belong in the environment.",
)
