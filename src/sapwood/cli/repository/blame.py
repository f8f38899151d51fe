"""``sapwood blame``: which commit last changed each tensor."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("blame")
@click.argument("file", required=False)
@click.option("-r", "--revision", default="HEAD", show_default=True, help="The commit to ask about.")
@options.as_json
def command(*, file: str | None, revision: str, as_json: bool) -> None:
    """Show for each tensor, of FILE or of all files, the commit that gave it the content it has."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        rows = repository.blame(revision, file=file)
        infos = {digest: repository.show(digest).commit for digest in {row.commit for row in rows}}
    if as_json:
        screen.print_json([{"file": row.file, "tensor": row.name, "commit": row.commit} for row in rows])
        return
    screen.print_table(
        ("commit", "date", "author", "tensor", "title"),
        [
            (
                row.commit[:7],
                f"{infos[row.commit].author.time:%Y-%m-%d}",
                infos[row.commit].author.who.partition(" <")[0],
                row.name if file is not None else f"{row.file}:{row.name}",
                infos[row.commit].title,
            )
            for row in rows
        ],
        left=5,
    )
