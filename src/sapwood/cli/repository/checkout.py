"""``sapwood checkout``: switch, or restore files, as git's does."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import force
from sapwood.cli.repository.switch import tell

__all__ = ["command"]


@click.command("checkout")
@click.argument("revision", required=False)
@click.argument("paths", nargs=-1)
@click.option("-b", "create", metavar="NAME", help="Make the branch NAME at REVISION, and go there.")
@force
@options.as_json
def command(
    *, revision: str | None, paths: tuple[str, ...], create: str | None, force: bool, as_json: bool
) -> None:
    """Go to a branch, or to any REVISION; or write and stage PATHS as they are in REVISION.

    "checkout REVISION PATHS..." gives up changes to these files that are in no commit.
    """
    from sapwood.repo.refs import BRANCHES
    from sapwood.repo.repository import Repository

    if create is not None:
        tell(create, start=revision or "HEAD", create=True, detach=False, force=force, as_json=as_json)
        return
    if revision is None:
        raise click.UsageError("Say which branch or revision.")
    with Repository() as repository:
        if paths:
            restored = repository.restore(paths, source=revision)
            repository.restore(paths, source=revision, staged=True)
            work = repository.work
            if as_json:
                screen.print_json({"restored": restored, "shared": work.shared, "copied": work.copied})
            return
        detach = repository.refs.get(BRANCHES + revision) is None
    tell(revision, start="HEAD", create=False, detach=detach, force=force, as_json=as_json)
