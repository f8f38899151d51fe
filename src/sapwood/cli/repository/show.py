"""``sapwood show``: one commit, or one file of it."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.log import describe

__all__ = ["command"]


@click.command("show")
@click.argument("revision", default="HEAD")
@options.as_json
def command(*, revision: str, as_json: bool) -> None:
    """Show a commit: who, when, why, what was measured, and which tensors it changed."""
    from sapwood.cli.repository.changes import print_summary, summary_json
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        info = repository.show(revision)
        changes = repository.diff(info.parents[0] if info.parents else None, info.id, measure=False)
    if as_json:
        screen.print_json({**info.to_json(), "files": summary_json(changes)})
        return
    click.echo("\n".join(describe(info)) + "\n")
    print_summary(changes)
