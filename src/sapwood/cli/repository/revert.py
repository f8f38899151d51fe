"""``sapwood revert``: take a change back."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import message, otherwise, strategy

__all__ = ["command"]


@click.command("revert")
@click.argument("revision")
@message
@strategy
@otherwise
@options.as_json
def command(*, revision: str, message: str | None, strategy: str, otherwise: str, as_json: bool) -> None:
    """Take back the change of a commit by a new one. The history keeps both."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        digest = repository.revert(revision, message=message, strategy=strategy, otherwise=otherwise)
        title = repository.show(digest).commit.title
    if as_json:
        screen.print_json({"commit": digest})
    else:
        click.echo(f"{digest[:7]} {screen.printable(title)}")
