"""``sapwood gc``: give back room."""

import dataclasses

import click

from sapwood.cli import options, screen

__all__ = ["command"]

_DAY = 24 * 3600


@click.command("gc")
@click.option("-n", "--dry-run", is_flag=True, help="Only tell what would go.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Keep what is newer, though nothing leads to it.  [default: 14]",
)
@click.option(
    "--logs",
    type=click.FloatRange(min=0),
    default=90,
    show_default=True,
    metavar="DAYS",
    help="Forget where branches were before that.",
)
@options.as_json
def command(*, dry_run: bool, grace: float | None, logs: float, as_json: bool) -> None:
    """Forget what no branch, tag or log leads to, and give back its room.

    It is safe while others commit.
    """
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        done = repository.gc(
            grace=None if grace is None else int(grace * _DAY), log_seconds=int(logs * _DAY), dry_run=dry_run
        )
    if as_json:
        screen.print_json(dataclasses.asdict(done))
        return
    would = "would forget" if dry_run else "forgot"
    click.echo(f"{would} {done.collected.objects} objects of {screen.size(done.collected.stored)}")
    if done.repacked is not None and done.repacked.packs:
        click.echo(f"wrote {done.repacked.packs} packs anew: {screen.size(done.repacked.freed)} are free")
