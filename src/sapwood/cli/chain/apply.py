"""``sapwood chain apply``: from one version to a later one."""

from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen

if TYPE_CHECKING:
    from sapwood.chain.chain import Route

__all__ = ["command"]


@click.command("apply")
@click.argument("models", nargs=-1, required=True, metavar="[BASE] CHAIN")
@click.option("-o", "--output", "out", metavar="OUT", help="Where to write the version.")
@click.option("--in-place", is_flag=True, help="Replace BASE by the version, in one step.")
@click.option(
    "--from-any", is_flag=True, help="BASE may be any version of the chain; its digest says which it is."
)
@click.option("--to", metavar="VERSION", help="The version to build.  [default: the last one]")
@options.verify_key
@options.min_version
@options.max_size
@options.device
@options.threads
@options.as_json
def command(
    *,
    models: tuple[str, ...],
    out: str | None,
    in_place: bool,
    from_any: bool,
    to: str | None,
    key: str | None,
    min_version: int,
    max_size: int | None,
    device: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Build the last version of CHAIN from BASE, over all links between.

    BASE is version 1 unless --from-any is given; it is left out where the first link needs none. Every
    version on the way is checked by its digest. On any error BASE and OUT are as they were.
    """
    import sapwood

    if (out is None) is not in_place:
        raise click.UsageError("Give either -o OUT or --in-place.")
    if len(models) > 2:
        raise click.UsageError("Give one BASE and one CHAIN.")
    base, chain = (None, *models)[-2:]
    opened = sapwood.open_chain(chain or "")
    ways: list[Route] = []
    with screen.progress_bar("apply") as progress:
        opened.apply(
            base,
            out,
            from_any=from_any,
            to=to,
            verify_key=key,
            min_version=min_version,
            max_size=max_size,
            device=device,
            in_place=in_place,
            threads=threads,
            progress=progress,
            routed=ways.append,
        )
    way = ways[0]
    target = opened.versions[way.end - 1]
    written = (base if out is None else out) or ""
    if as_json:
        screen.print_json(
            {
                "output": written,
                "size": target.size,
                target.hash.label: target.digest.hex(),
                "from": way.start,
                "to": way.end,
                "links": way.end - way.start,
                "links_size": way.size,
            }
        )
        return
    click.echo(
        f"{screen.printable(written)}: version {way.end} from {way.start}, {way.end - way.start} links, "
        f"{screen.size(way.size)}; {screen.size(target.size)}, {target.hash.label} {target.digest.hex()}"
    )
