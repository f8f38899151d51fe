"""``sapwood switch``: go to a branch."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import force

__all__ = ["command", "tell"]


@click.command("switch")
@click.argument("branch")
@click.argument("start", default="HEAD")
@click.option("-c", "--create", is_flag=True, help="Make the branch first, at START.")
@click.option("-d", "--detach", is_flag=True, help="Go to any revision, and be on no branch.")
@force
@options.as_json
def command(*, branch: str, start: str, create: bool, detach: bool, force: bool, as_json: bool) -> None:
    """Go to BRANCH: the files of the work tree become those of its last commit.

    Changes that are in no commit stay if they can, and are never overwritten without --force.
    """
    tell(branch, start=start, create=create, detach=detach, force=force, as_json=as_json)


def tell(revision: str, *, start: str, create: bool, detach: bool, force: bool, as_json: bool) -> None:
    """Switch, and say where HEAD is now."""
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("switch") as progress:
        head = repository.switch(
            revision, create=create, start=start, detach=detach, force=force, progress=progress
        )
        work = repository.work
        title = "" if head.target is None else repository.show(head.target.hex()).commit.title
    if as_json:
        commit = None if head.target is None else head.target.hex()
        facts = {"branch": None if head.branch is None else revision, "commit": commit}
        screen.print_json({**facts, "shared": work.shared, "copied": work.copied})
    elif head.branch is not None:
        new = "a new branch" if create else "branch"
        click.echo(f"Switched to {new} '{screen.printable(revision)}'", err=True)
    elif head.target is not None:
        click.echo(f"HEAD is now at {head.target.hex()[:7]} {screen.printable(title)}", err=True)
