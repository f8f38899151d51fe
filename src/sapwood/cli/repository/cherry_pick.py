"""``sapwood cherry-pick``: make a change again."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import otherwise, strategy

__all__ = ["command"]


@click.command("cherry-pick")
@click.argument("revisions", nargs=-1, required=True)
@strategy
@otherwise
@options.as_json
def command(*, revisions: tuple[str, ...], strategy: str, otherwise: str, as_json: bool) -> None:
    """Make the changes of commits again on this branch, each as a commit with its message and author."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        made = [repository.cherry_pick(one, strategy=strategy, otherwise=otherwise) for one in revisions]
        titles = [repository.show(digest).commit.title for digest in made]
    if as_json:
        screen.print_json({"commits": made})
        return
    for digest, title in zip(made, titles, strict=True):
        click.echo(f"{digest[:7]} {screen.printable(title)}")
