"""``sapwood export``: the files of a revision, elsewhere."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("export")
@click.argument("revision")
@click.argument("folder")
@click.option("--file", "files", multiple=True, metavar="PATH", help="This file or folder alone.")
@options.as_json
def command(*, revision: str, folder: str, files: tuple[str, ...], as_json: bool) -> None:
    """Write the files of REVISION into FOLDER. The work tree stays as it is."""
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("export") as progress:
        written = repository.export(folder, revision, only=files, progress=progress)
    if as_json:
        screen.print_json({"written": written})
