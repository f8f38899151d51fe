"""``sapwood status``: where the repository stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen

if TYPE_CHECKING:
    from sapwood.repo.status import FileChange, Status

__all__ = ["command"]

_WORDS = {"new": "new file:", "modified": "modified:", "deleted": "deleted:"}
_LETTERS = {"new": "A", "modified": "M", "deleted": "D"}


@click.command("status")
@click.option("-s", "--short", "short", is_flag=True, help="One line a file.")
@options.as_json
def command(*, short: bool, as_json: bool) -> None:
    """Show what the next commit would hold, what has changed since, and what is not tracked.

    A file whose size and times have not changed is not read.
    """
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        status = repository.status()
    if as_json:
        screen.print_json(_json(status))
    elif short:
        _print_short(status)
    else:
        _print_long(status)


def _branch(status: "Status") -> str | None:
    branch = status.head.branch
    return None if branch is None else branch.removeprefix("refs/heads/")


def _json(status: "Status") -> dict[str, object]:
    def rows(changes: "Sequence[FileChange]") -> list[dict[str, str]]:
        return [{"path": change.path, "state": change.difference.value} for change in changes]

    return {
        "branch": _branch(status),
        "commit": None if status.head.target is None else status.head.target.hex(),
        "staged": rows(status.staged),
        "unstaged": rows(status.unstaged),
        "untracked": list(status.untracked),
        "clean": status.clean,
    }


def _print_short(status: "Status") -> None:
    marks: dict[str, list[str]] = {}
    for column, changes in enumerate((status.staged, status.unstaged)):
        for change in changes:
            marks.setdefault(change.path, [" ", " "])[column] = _LETTERS[change.difference.value]
    for path, (staged, unstaged) in sorted(marks.items()):
        click.echo(
            click.style(staged, fg="green") + click.style(unstaged, fg="red") + f" {screen.printable(path)}"
        )
    for path in status.untracked:
        click.echo(click.style("??", fg="red") + f" {screen.printable(path)}")


def _print_long(status: "Status") -> None:
    branch, target = _branch(status), status.head.target
    click.echo(
        f"On branch {screen.printable(branch)}"
        if branch is not None
        else f"HEAD is on no branch, at {'' if target is None else target.hex()[:7]}"
    )
    if target is None:
        click.echo("\nNo commits yet")
    _section("Changes to be committed:", status.staged, "green")
    _section("Changes not staged for commit:", status.unstaged, "red")
    if status.untracked:
        click.echo("\nUntracked files:")
        for path in status.untracked:
            click.echo(click.style(f"    {screen.printable(path)}", fg="red"))
    if status.clean and not status.untracked:
        click.echo("nothing to commit, work tree clean")
    elif not status.staged:
        click.echo('\nnothing staged for commit (use "sapwood add" or "sapwood commit --all")')


def _section(title: str, changes: "Sequence[FileChange]", colour: str) -> None:
    if changes:
        click.echo(f"\n{title}")
    for change in changes:
        word = _WORDS[change.difference.value]
        click.echo(click.style(f"    {word:<10} {screen.printable(change.path)}", fg=colour))
