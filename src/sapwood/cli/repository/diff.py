"""What ``sapwood diff`` shows of a repository."""

import click

from sapwood.cli import screen

__all__ = ["show_changes"]


def show_changes(
    base: str | None,
    target: str | None,
    *,
    stat: bool,
    staged: bool,
    files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print what differs between two revisions, or between one and what is staged or in the work tree."""
    from sapwood.cli.repository.changes import print_changes, print_summary, summary_json
    from sapwood.repo.repository import Repository
    from sapwood.repo.revision import parse_range

    span = None if base is None else parse_range(base)
    if span is not None and target is None:
        base, target = span.since, span.until
    if staged and target is not None:
        raise click.UsageError("--staged compares with what is staged: give one revision at most.")
    with Repository() as repository:
        if span is not None and span.symmetric and base is not None and target is not None:
            base = repository.merge_base(base, target)
        if staged and base is None:
            base = "HEAD"
        changes = repository.diff(base, target, staged=staged, only=files, measure=not stat)
    if as_json:
        screen.print_json(summary_json(changes))
    elif not changes:
        return
    elif stat:
        print_summary(changes)
    else:
        print_changes(changes)
