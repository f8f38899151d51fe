"""``sapwood fingerprint add``: put models into a database."""

import click

from sapwood.cli import options, screen
from sapwood.cli.fingerprint.options import database, sketch_only

__all__ = ["command"]


@click.command("add")
@click.argument("models", nargs=-1, required=True)
@database
@sketch_only
@options.threads
@options.as_json
def command(
    *, models: tuple[str, ...], database: str, sketch_only: bool, threads: int | None, as_json: bool
) -> None:
    """Put MODELS, or saved fingerprints, into a database, which is made where there is none.

    Each is kept under its absolute path; one that is there already is replaced.
    """
    import sapwood

    with screen.progress_bar("fingerprint") as progress:
        added = sapwood.fingerprint_add(
            models, database, exact=not sketch_only, threads=threads, progress=progress
        )
    if as_json:
        screen.print_json(
            {
                "added": [
                    {"path": path, "size": one.size, "tensors": len(one.sketch.tensors)}
                    for path, one in added
                ]
            }
        )
        return
    rows = [(path, str(len(one.sketch.tensors)), screen.size(one.size)) for path, one in added]
    screen.print_table(("added", "tensors", "size"), rows)
