"""``sapwood config``: settings of a repository."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("config")
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.option("--unset", is_flag=True, help="Take NAME back.")
@options.as_json
def command(*, name: str | None, value: str | None, unset: bool, as_json: bool) -> None:
    """Show all settings, or NAME's, or give NAME a VALUE.

    user.name is who commits: "Name <address>". store.depth, store.level, store.compress, store.own_file and
    store.pack say how new objects are stored.
    """
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        settings = repository.settings
        if unset and name is not None:
            settings.unset(name)
            return
        if name is not None and value is not None:
            settings.set(name, value)
            return
        found = settings.all()
    if name is not None:
        if name not in found:
            raise click.exceptions.Exit(1)
        found = {name: found[name]}
    if as_json:
        screen.print_json(found)
    elif name is not None:
        click.echo(screen.printable(found[name]))
    else:
        for one, text in found.items():
            click.echo(f"{screen.printable(one)}={screen.printable(text)}")
