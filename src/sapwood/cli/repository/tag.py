"""``sapwood tag``: names for good."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("tag")
@click.argument("name", required=False)
@click.argument("revision", default="HEAD")
@click.option("-m", "--message", metavar="TEXT", help="Keep who gave the tag, when, and why.")
@click.option("-d", "--delete", is_flag=True, help="Delete NAME.")
@click.option("-f", "--force", is_flag=True, help="Replace a tag that is there.")
@options.as_json
def command(
    *, name: str | None, revision: str, message: str | None, delete: bool, force: bool, as_json: bool
) -> None:
    """List tags; or give REVISION the name NAME, which stays with it."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        if delete:
            if name is None:
                raise click.UsageError("Say which tag to delete.")
            repository.delete_tag(name)
            return
        if name is not None:
            repository.tag(name, revision, message=message, force=force)
            return
        tags = repository.tags()
    if as_json:
        screen.print_json(tags)
        return
    for one in tags:
        click.echo(screen.printable(one))
