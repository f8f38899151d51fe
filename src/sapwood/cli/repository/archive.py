"""``sapwood archive``: the files of a revision in one."""

import sys

import click

__all__ = ["command"]


@click.command("archive")
@click.argument("revision", default="HEAD")
@click.option(
    "-o", "--output", "out", required=True, metavar="FILE", help=".tar, .tar.gz, .tgz; - for stdout."
)
@click.option("--file", "files", multiple=True, metavar="PATH", help="This file or folder alone.")
def command(*, revision: str, out: str, files: tuple[str, ...]) -> None:
    """Write the files of REVISION as a tar archive."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        repository.archive(sys.stdout.buffer if out == "-" else out, revision, only=files)
