"""``sapwood init``: make a repository."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("init")
@click.argument("folder", default=".")
@click.option("-b", "--branch", default="main", show_default=True, metavar="NAME", help="The first branch.")
@options.as_json
def command(*, folder: str, branch: str, as_json: bool) -> None:
    """Make a repository in FOLDER, for the models in it."""
    from sapwood.repo.repository import Repository

    with Repository.init(folder, branch=branch) as repository:
        if as_json:
            screen.print_json({"repository": str(repository.folder), "branch": branch})
        else:
            click.echo(f"Made an empty repository in {screen.printable(str(repository.folder))}")
