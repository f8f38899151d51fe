"""``sapwood add``: stage files."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("add")
@click.argument("paths", nargs=-1)
@click.option("-A", "--all", "everything", is_flag=True, help="All files of the work tree.")
@click.option("-f", "--force", is_flag=True, help="Files that .sapwoodignore leaves out too.")
@options.as_json
def command(*, paths: tuple[str, ...], everything: bool, force: bool, as_json: bool) -> None:
    """Put files, or all files of folders, into the store, and stage them for the next commit.

    Only what is new in them takes room. A staged file that is gone from the work tree is unstaged.
    """
    from sapwood.repo.repository import Repository

    if not paths and not everything:
        raise click.UsageError("Say which files, or --all.")
    with Repository() as repository, screen.progress_bar("add") as progress:
        given = [*paths, str(repository.path)] if everything else [*paths]
        found = repository.add(given, force=force, progress=progress)
    if as_json:
        screen.print_json({"staged": found})
    for path in () if as_json else found:
        click.echo(f"staged {screen.printable(path)}")
