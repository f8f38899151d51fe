"""``sapwood restore``: give files back an earlier state."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("restore")
@click.argument("paths", nargs=-1, required=True)
@click.option("-s", "--source", metavar="REVISION", help="From there; else what is staged.")
@click.option("-S", "--staged", is_flag=True, help="Unstage instead: leave the work tree as it is.")
@options.as_json
def command(*, paths: tuple[str, ...], source: str | None, staged: bool, as_json: bool) -> None:
    """Write files as they are staged, or in a revision. Changes that are in no commit are lost."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        restored = repository.restore(paths, source=source, staged=staged)
        work = repository.work
    if as_json:
        screen.print_json({"restored": restored, "shared": work.shared, "copied": work.copied})
