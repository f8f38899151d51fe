"""``sapwood decompress``: a compressed model as it was."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("decompress")
@click.argument("file")
@click.option("-o", "--output", "out", required=True, metavar="OUT", help="Where to write the model.")
@options.threads
def command(*, file: str, out: str, threads: int | None) -> None:
    """Write the model of FILE, which compress made."""
    import sapwood

    opened = sapwood.open_patch(file)
    with screen.progress_bar("decompress") as progress:
        sapwood.decompress(opened, out, threads=threads, progress=progress)
    target = opened.manifest.target
    click.echo(f"{screen.printable(out)}: {screen.size(target.size)}, {target.name}")
