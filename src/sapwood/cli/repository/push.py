"""``sapwood push``: send to a remote."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("push")
@click.argument("remote", required=False)
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All branches and tags.")
@click.option("-d", "--delete", is_flag=True, help="Remove REFS from the remote.")
@click.option("-f", "--force", is_flag=True, help="Though the remote's branch has commits that yours lacks.")
@options.as_json
def command(
    *, remote: str | None, refs: tuple[str, ...], everything: bool, delete: bool, force: bool, as_json: bool
) -> None:
    """Send branches and tags to REMOTE, and what they lead to; the branch that HEAD is on by default.

    Only what the remote lacks travels, and what was cut goes on. Of two who push at once, the later is
    refused.
    """
    from sapwood.repo.refs import short_name
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("push") as progress:
        done = repository.push(
            remote, *refs, everything=everything, delete=delete, force=force, progress=progress
        )
    if as_json:
        moved = {ref: {"old": old, "new": new} for ref, (old, new) in done.moved.items()}
        screen.print_json(
            {"remote": done.remote, "moved": moved, "objects": done.objects, "bytes": done.bytes}
        )
        return
    for ref, (old, new) in done.moved.items():
        click.echo(f"{(old or 'none')[:7]}..{(new or 'none')[:7]}  {screen.printable(short_name(ref))}")
    told = (
        f"{done.objects} objects, {screen.size(done.bytes)} sent"
        if done.moved
        else "everything is up to date"
    )
    click.echo(told)
