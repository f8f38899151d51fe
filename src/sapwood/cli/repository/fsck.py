"""``sapwood fsck``: is everything there, and sound?"""

import dataclasses

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("fsck")
@options.as_json
def command(*, as_json: bool) -> None:
    """Read everything, and name what is damaged or missing and the commits that need it.

    The exit code is that of DamagedStore if anything is.
    """
    from sapwood.errors import DamagedStore
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        faults = repository.fsck()
    if as_json:
        screen.print_json([dataclasses.asdict(fault) for fault in faults])
    for fault in () if as_json else faults:
        what = f"object {fault.object[:16]}" if fault.object else fault.place
        click.echo(f"{screen.printable(what)}: {screen.printable(fault.message)}")
        for commit in fault.commits:
            click.echo(f"    needed by commit {commit[:12]}")
    if faults:
        raise click.exceptions.Exit(DamagedStore.exit_code)
    if not as_json:
        click.echo("everything is there and sound")
