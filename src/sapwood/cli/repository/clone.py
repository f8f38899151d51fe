"""``sapwood clone``: a repository of one's own."""

from pathlib import PurePosixPath

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import remote_options

__all__ = ["command"]


@click.command("clone")
@click.argument("url")
@click.argument("folder", required=False)
@click.option("-b", "--branch", metavar="NAME", help="The branch to be on.  [default: the remote's]")
@click.option(
    "--depth", type=click.IntRange(min=1), metavar="N", help="Only the files of the N newest commits."
)
@click.option("--file", "files", multiple=True, metavar="PATH", help="Only this file or folder.")
@click.option("--lazy", is_flag=True, help="Files come when they are asked for.")
@click.option("--no-checkout", is_flag=True, help="Write no files.")
@remote_options
@options.as_json
def command(
    *,
    url: str,
    folder: str | None,
    branch: str | None,
    depth: int | None,
    files: tuple[str, ...],
    lazy: bool,
    no_checkout: bool,
    remote_options: dict[str, str],
    as_json: bool,
) -> None:
    """Make a repository in FOLDER with the history of URL: a folder, or an http, s3, gs or az URL.

    All commits come. What of their files does not come now, comes when it is asked for.
    """
    from sapwood.repo.repository import Repository

    place = folder or PurePosixPath(url.rstrip("/")).name
    with screen.progress_bar("clone") as progress:
        made = Repository.clone(
            url,
            place,
            branch=branch,
            depth=depth,
            only=files,
            lazy=lazy,
            checkout=not no_checkout,
            options=remote_options,
            progress=progress,
        )
    with made as repository:
        branches, commits = repository.branches(), len(repository.log())
        if as_json:
            screen.print_json(
                {"repository": str(repository.folder), "branches": branches, "commits": commits}
            )
        else:
            click.echo(f"Cloned {commits} commits into {screen.printable(place)}")
