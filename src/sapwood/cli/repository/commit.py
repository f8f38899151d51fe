"""``sapwood commit``: record what is staged."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import author, fields, message, metrics

__all__ = ["command"]


@click.command("commit")
@message
@click.option("-a", "--all", "everything", is_flag=True, help="Stage all tracked files that changed first.")
@click.option("--amend", is_flag=True, help="Replace the last commit; its message stays unless -m is given.")
@click.option("--allow-empty", is_flag=True, help="Commit though no file changed.")
@author
@metrics
@fields
@options.as_json
def command(
    *,
    message: str | None,
    everything: bool,
    amend: bool,
    allow_empty: bool,
    author: str | None,
    metrics: dict[str, float],
    fields: dict[str, str],
    as_json: bool,
) -> None:
    """Record what is staged as a new commit on this branch, with what was measured.

    It is on the disk when the command ends. Without -m an editor asks for the message.
    """
    from sapwood.repo.repository import Repository
    from sapwood.repo.status import tree_changes

    with Repository() as repository:
        if everything:
            with screen.progress_bar("add") as progress:
                repository.add_tracked(progress=progress)
        if message is None and not amend:
            message = _asked()
        digest = repository.commit(
            message=message or "",
            author=author,
            metrics=metrics,
            fields=fields,
            amend=amend,
            allow_empty=allow_empty,
        )
        info = repository.show(digest)
        tree = repository.tree(digest)
        before = repository.tree(info.parents[0]) if info.parents else None
        branch = repository.head.branch
        short = repository.short(bytes.fromhex(digest))
    if as_json:
        screen.print_json(info.to_json())
        return
    where = "detached HEAD" if branch is None else branch.removeprefix("refs/heads/")
    root = "" if info.parents else " (root commit)"
    click.echo(f"[{screen.printable(where)}{root} {short}] {screen.printable(info.commit.title)}")
    count = len(tree) if before is None else len(tree_changes(before, tree))
    click.echo(f" {count} file{'' if count == 1 else 's'} changed")


def _asked() -> str:
    text = click.edit("\n# Why this commit? The first line is its title. Lines with # are left out.\n")
    lines = [line for line in (text or "").splitlines() if not line.startswith("#")]
    found = "\n".join(lines).strip()
    if not found:
        raise click.UsageError("There is no message: give one with -m.")
    return found
