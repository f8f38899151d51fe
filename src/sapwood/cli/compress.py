"""``sapwood compress``: a model on its own, smaller."""

import click

from sapwood.cli import options, screen
from sapwood.cli.diff import print_report

__all__ = ["command"]


@click.command("compress")
@click.argument("model")
@click.option("-o", "--output", "out", required=True, metavar="FILE", help="Where to write it.")
@options.level
@options.threads
@options.as_json
def command(*, model: str, out: str, level: str, threads: int | None, as_json: bool) -> None:
    """Write MODEL smaller, as a patch that needs no base. See decompress."""
    import sapwood

    with screen.progress_bar("compress") as progress:
        patch = sapwood.compress(model, out, level=level, threads=threads, progress=progress)
    print_report(patch.report, as_json)
