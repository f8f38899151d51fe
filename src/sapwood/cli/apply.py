"""``sapwood apply``: use a patch."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("apply")
@click.argument("base")
@click.argument("patch")
@click.option("-o", "--output", "out", metavar="OUT", help="Where to write the target.")
@click.option("--in-place", is_flag=True, help="Replace BASE by the target, in one step.")
@options.verify_key
@options.min_version
@options.max_size
@options.device
@options.also
@options.threads
@options.as_json
def command(
    *,
    base: str,
    patch: str,
    out: str | None,
    in_place: bool,
    key: str | None,
    min_version: int,
    max_size: int | None,
    device: str | None,
    also: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Build the target of PATCH from BASE.

    BASE and the result are checked before it appears under its name. On any error BASE and OUT are as they
    were.
    """
    import sapwood

    if (out is None) is not in_place:
        raise click.UsageError("Give either -o OUT or --in-place.")
    opened = sapwood.open_patch(patch)
    with screen.progress_bar("apply") as progress:
        opened.apply(
            base,
            out,
            also=also,
            verify_key=key,
            min_version=min_version,
            max_size=max_size,
            device=device,
            in_place=in_place,
            threads=threads,
            progress=progress,
        )
    target = opened.manifest.target
    written = base if out is None else out
    if as_json:
        screen.print_json({"output": written, "size": target.size, target.hash.label: target.digest.hex()})
    else:
        click.echo(f"{screen.printable(written)}: {screen.size(target.size)}, {target.name}")
