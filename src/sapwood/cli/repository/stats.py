"""What ``sapwood stats`` shows of a repository."""

import dataclasses

from sapwood.cli import screen

__all__ = ["show_repository"]


def show_repository(*, as_json: bool) -> None:
    """Print what the repository holds, and what it takes."""
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        found = repository.stats()
    if as_json:
        screen.print_json(dataclasses.asdict(found))
        return
    objects = ", ".join(f"{count} {name}" for name, count in found.objects.items())
    saved = f", {found.checked_out / found.stored:.1f} times less" if found.stored else ""
    screen.print_facts(
        {
            "commits": f"{found.commits} on {found.branches} branches and {found.tags} tags",
            "objects": objects,
            "differences": f"{found.deltas}, at most {found.deepest} to be decoded",
            "all versions as copies": screen.size(found.checked_out),
            "each content once": screen.size(found.content),
            "stored": screen.size(found.stored) + saved,
        }
    )
