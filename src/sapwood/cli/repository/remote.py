"""``sapwood remote``: where other copies of the repository are."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import remote_options

__all__ = ["command"]


@click.command("remote")
@click.argument("action", type=click.Choice(["list", "add", "remove"]), default="list")
@click.argument("name", required=False)
@click.argument("url", required=False)
@remote_options
@options.as_json
def command(
    *, action: str, name: str | None, url: str | None, remote_options: dict[str, str], as_json: bool
) -> None:
    """List remotes; "add NAME URL" names one, "remove NAME" forgets it.

    A URL is a folder, or an http, s3, gs or az URL. The first is called origin by habit.
    """
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        if action == "add":
            if name is None or url is None:
                raise click.UsageError("Give a NAME and a URL.")
            repository.add_remote(name, url, remote_options)
        elif action == "remove":
            if name is None:
                raise click.UsageError("Give a NAME.")
            repository.remove_remote(name)
        known = repository.remotes()
    if as_json:
        screen.print_json(known)
    elif action == "list":
        screen.print_facts(known)
