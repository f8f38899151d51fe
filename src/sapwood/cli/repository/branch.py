"""``sapwood branch``: list, make, rename and delete branches."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("branch")
@click.argument("name", required=False)
@click.argument("start", required=False)
@click.option("-d", "--delete", is_flag=True, help="Delete NAME.")
@click.option("-m", "--move", is_flag=True, help="Rename: NAME NEW, or NEW alone for the branch HEAD is on.")
@click.option("-f", "--force", is_flag=True, help="Move a branch that is there; delete one not merged.")
@options.as_json
def command(
    *, name: str | None, start: str | None, delete: bool, move: bool, force: bool, as_json: bool
) -> None:
    """List branches; or make the branch NAME at START, without switching to it."""
    from sapwood.repo.refs import short_name
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        on = repository.head.branch
        current = None if on is None else short_name(on)
        if move:
            old, new = (name, start) if start is not None else (current, name)
            if old is None or new is None:
                raise click.UsageError("Say which branch to rename, and to what.")
            repository.rename_branch(old, new)
            return
        if delete:
            if name is None:
                raise click.UsageError("Say which branch to delete.")
            gone = repository.delete_branch(name, force=force)
            click.echo(f"Deleted branch {screen.printable(name)} (was {gone[:7]})")
            return
        if name is not None:
            repository.branch(name, start or "HEAD", force=force)
            return
        branches = repository.branches()
        titles = {found: repository.show(found).commit.title for found in set(branches.values())}
    if as_json:
        screen.print_json({"current": current, "branches": branches})
        return
    width = max(map(len, branches), default=0)
    for one, found in branches.items():
        mark = "* " if one == current else "  "
        shown = click.style(f"{screen.printable(one):<{width}}", fg="green" if one == current else None)
        click.echo(f"{mark}{shown} {found[:7]} {screen.printable(titles[found])}")
