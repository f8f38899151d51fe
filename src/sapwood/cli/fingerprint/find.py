"""``sapwood fingerprint find``: the best base of a model among many."""

import dataclasses
import time

import click

from sapwood.cli import options, screen
from sapwood.cli.fingerprint.options import database, sketch_only

__all__ = ["command"]


@click.command("find")
@click.argument("model")
@database
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    metavar="N",
    help="Models to show.",
)
@sketch_only
@options.threads
@options.as_json
def command(
    *, model: str, database: str, limit: int, sketch_only: bool, threads: int | None, as_json: bool
) -> None:
    """Find the models of a database from which MODEL may have been made, the best base first.

    MODEL may be a saved fingerprint. The expected patch is an estimate, as a share of MODEL.
    """
    import sapwood

    with sapwood.FingerprintDatabase(database) as opened:
        with screen.progress_bar("fingerprint") as progress:
            one = sapwood.fingerprint(model, exact=not sketch_only, threads=threads, progress=progress)
        started = time.monotonic()
        found = opened.find(one, limit=limit)
        seconds = time.monotonic() - started
        count = len(opened)
    screen.warn(one.warnings)
    if as_json:
        screen.print_json(
            {
                "models": count,
                "seconds": seconds,
                "found": [
                    {
                        "path": match.path,
                        "size": match.size,
                        **dataclasses.asdict(match.comparison),
                        "relation": match.comparison.relation.value,
                    }
                    for match in found
                ],
            }
        )
        return
    rows = [
        (
            match.path,
            match.comparison.relation.value,
            f"{match.comparison.kinship:.4f}",
            screen.share(match.comparison.patch_share),
            screen.size(match.size),
        )
        for match in found
    ]
    if rows:
        screen.print_table(("base", "relation", "kinship", "expected patch", "size"), rows, left=2)
        click.echo()
    click.echo(f"{len(rows) or 'no'} kin found among {count} models in {1000 * seconds:.1f} ms")
