"""``sapwood compare``: several revisions side by side."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.log import number

__all__ = ["command"]


@click.command("compare")
@click.argument("revisions", nargs=-1, required=True)
@options.as_json
def command(*, revisions: tuple[str, ...], as_json: bool) -> None:
    """Show metrics, fields and files of several revisions side by side, and what differs from the first."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        infos = [repository.show(revision) for revision in revisions]
        sizes = [sum(entry.size for entry in repository.tree(info.id)) for info in infos]
        changed = [
            sum(len(one.tensors) for one in repository.diff(infos[0].id, info.id, measure=False))
            for info in infos
        ]
    if as_json:
        screen.print_json(
            [
                {**info.to_json(), "size": size, "changed_tensors": count}
                for info, size, count in zip(infos, sizes, changed, strict=True)
            ]
        )
        return
    rows = [
        ("commit", *(info.id[:7] for info in infos)),
        ("date", *(f"{info.commit.author.time:%Y-%m-%d %H:%M}" for info in infos)),
    ]
    for name in dict.fromkeys(name for info in infos for name in info.commit.metrics):
        values = [info.commit.metrics.get(name) for info in infos]
        rows.append((name, *("-" if value is None else number(value) for value in values)))
    names = dict.fromkeys(name for info in infos for name in info.commit.fields)
    rows += [(name, *(info.commit.fields.get(name, "-") for info in infos)) for name in names]
    rows.append(("size", *map(screen.size, sizes)))
    rows.append(("tensors changed", *("-" if not i else str(count) for i, count in enumerate(changed))))
    screen.print_table(("", *revisions), rows)
