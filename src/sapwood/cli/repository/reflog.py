"""``sapwood reflog``: where a branch has been."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("reflog")
@click.argument("ref", default="HEAD")
@click.option("-n", "--max-count", "limit", type=click.IntRange(min=0), metavar="N", help="So many at most.")
@options.as_json
def command(*, ref: str, limit: int | None, as_json: bool) -> None:
    """Show where HEAD, or a branch, has pointed, the newest first: what a reset or an amend left behind.

    REF@{2} is where it was two moves ago.
    """
    from sapwood.errors import UnknownRevision
    from sapwood.repo.repository import Repository
    from sapwood.repo.resolve import find_ref

    with Repository() as repository:
        name = ref if ref == "HEAD" else find_ref(repository.refs, ref)
        if name is None:
            raise UnknownRevision("no branch or tag of that name", path=ref)
        entries = repository.refs.log(name, -1 if limit is None else limit)
    rows = [
        {
            "revision": f"{ref}@{{{number}}}",
            "old": None if entry.old is None else entry.old.hex(),
            "new": None if entry.new is None else entry.new.hex(),
            "who": entry.by.who,
            "time": entry.by.time.isoformat(),
            "why": entry.why,
        }
        for number, entry in enumerate(entries)
    ]
    if as_json:
        screen.print_json(rows)
        return
    for row in rows:
        short = click.style(str(row["new"] or "-")[:7], fg="yellow")
        click.echo(f"{short} {screen.printable(str(row['revision']))}: {screen.printable(str(row['why']))}")
