"""``sapwood reset``: move a branch."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("reset")
@click.argument("revision", default="HEAD")
@click.option("--soft", is_flag=True, help="Leave alone what is staged.")
@click.option("--hard", is_flag=True, help="The work tree too; gives up changes that are in no commit.")
@options.as_json
def command(*, revision: str, soft: bool, hard: bool, as_json: bool) -> None:
    """Move the branch that HEAD is on to REVISION, and stage what that commit has.

    Where it was is kept in the log: HEAD@{1}.
    """
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("reset") as progress:
        digest = repository.reset(revision, soft=soft, hard=hard, progress=progress)
        title = repository.show(digest).commit.title
        work = repository.work
    if as_json:
        screen.print_json({"commit": digest, "shared": work.shared, "copied": work.copied})
    else:
        click.echo(f"HEAD is now at {digest[:7]} {screen.printable(title)}")
