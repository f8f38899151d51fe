"""``sapwood fetch``: get from a remote."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("fetch")
@click.argument("remote", required=False)
@click.option(
    "--depth", type=click.IntRange(min=1), metavar="N", help="Only the files of the N newest commits."
)
@click.option("--file", "files", multiple=True, metavar="PATH", help="Only this file or folder.")
@click.option("--lazy", is_flag=True, help="Commits alone, without files.")
@options.as_json
def command(
    *, remote: str | None, depth: int | None, files: tuple[str, ...], lazy: bool, as_json: bool
) -> None:
    """Get what the branches and tags of REMOTE lead to. Its main is then origin/main; nothing is merged."""
    from sapwood.repo.refs import short_name
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("fetch") as progress:
        done = repository.fetch(remote, depth=depth, only=files, lazy=lazy, progress=progress)
    if as_json:
        moved = {ref: {"old": old, "new": new} for ref, (old, new) in done.moved.items()}
        screen.print_json({"remote": done.remote, "moved": moved, "objects": done.objects})
        return
    for ref, (old, new) in done.moved.items():
        click.echo(f"{(old or 'none')[:7]}..{(new or 'none')[:7]}  {screen.printable(short_name(ref))}")
    click.echo(f"{done.objects} objects of files fetched")
