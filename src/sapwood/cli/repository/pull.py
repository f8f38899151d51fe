"""``sapwood pull``: fetch and merge."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import otherwise, strategy

__all__ = ["command"]


@click.command("pull")
@click.argument("remote", required=False)
@click.argument("branch", required=False)
@strategy
@otherwise
@options.as_json
def command(*, remote: str | None, branch: str | None, strategy: str, otherwise: str, as_json: bool) -> None:
    """Fetch from REMOTE, and merge its branch of the same name, or BRANCH, into the one that HEAD is on."""
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("pull") as progress:
        result = repository.pull(remote, branch, strategy=strategy, otherwise=otherwise, progress=progress)
    if as_json:
        screen.print_json({"commit": result.commit, "how": result.how})
    else:
        click.echo(f"{result.how}: {result.commit[:7]}")
