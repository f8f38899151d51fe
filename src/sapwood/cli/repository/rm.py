"""``sapwood rm``: take files out of the next commit."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import force

__all__ = ["command"]


@click.command("rm")
@click.argument("paths", nargs=-1, required=True)
@click.option("--cached", is_flag=True, help="Keep the files in the work tree.")
@force
@options.as_json
def command(*, paths: tuple[str, ...], cached: bool, force: bool, as_json: bool) -> None:
    """Remove files from the work tree and from the next commit. Earlier commits keep them."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        removed = repository.remove(paths, cached=cached, force=force)
    if as_json:
        screen.print_json({"removed": removed})
    for path in () if as_json else removed:
        click.echo(f"rm {screen.printable(path)}")
