"""``sapwood import``: models that lie elsewhere, each as a commit."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import message

__all__ = ["command"]


@click.command("import")
@click.argument("models", nargs=-1, required=True)
@click.option(
    "--as", "as_path", metavar="PATH", help="All are versions of this file, or folder, one after another."
)
@message
@options.as_json
def command(*, models: tuple[str, ...], as_path: str | None, message: str | None, as_json: bool) -> None:
    """Commit models that lie anywhere, one commit each, in the order given: checkpoints of a run, say.

    The work tree stays as it is. A model that changes nothing is passed over.
    """
    from sapwood.repo.repository import Repository

    with Repository() as repository, screen.progress_bar("import") as progress:
        made = repository.import_models(models, as_path=as_path, message=message, progress=progress)
        infos = [repository.show(digest) for digest in made]
    if as_json:
        screen.print_json([info.to_json() for info in infos])
        return
    for info in infos:
        click.echo(f"{info.id[:7]} {screen.printable(info.commit.title)}")
