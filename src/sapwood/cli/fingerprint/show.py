"""``sapwood fingerprint show``: the fingerprint of one model."""

import time

import click

from sapwood.cli import options, screen
from sapwood.cli.fingerprint.options import sketch_only

__all__ = ["command"]


@click.command("show")
@click.argument("model")
@sketch_only
@options.threads
@options.as_json
def command(*, model: str, sketch_only: bool, threads: int | None, as_json: bool) -> None:
    """Show the fingerprint of MODEL, or one that was saved.

    What --json prints can be saved and used in MODEL's place. "contents" is a digest of the tensors' bytes,
    whatever their names, their order and the file's format.
    """
    import sapwood

    started = time.monotonic()
    with screen.progress_bar("fingerprint") as progress:
        found = sapwood.fingerprint(model, exact=not sketch_only, threads=threads, progress=progress)
    seconds = time.monotonic() - started
    screen.warn(found.warnings)
    if as_json:
        screen.print_json(found.to_json())
        return
    screen.print_facts(
        {
            "digest": found.digest.hex() if found.digest else "-",
            "contents": found.contents.hex() if found.contents else "-",
            "size": f"{found.size} bytes",
            "format": ", ".join(found.formats) or "none",
            "tensors": str(len(found.sketch.tensors)),
            "sketch": f"{len(found.sketch.runs)} runs of up to 256 values",
            "time": f"{seconds:.2f} s",
        }
    )
