"""``sapwood chain create``: make a chain."""

import click

from sapwood.cli import options
from sapwood.cli.chain import show

__all__ = ["command"]


@click.command("create")
@click.argument("versions", nargs=-1, required=True)
@click.option("-o", "--output", "out", required=True, metavar="CHAIN", help="Where to write the chain.")
@options.level
@options.sign
@click.option(
    "--version-counter",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="N",
    help="The version counter of the first link; those after it count up. For models only.",
)
@options.metadata
@options.guards
@options.threads
@options.as_json
def command(
    *,
    versions: tuple[str, ...],
    out: str,
    level: str,
    key: str | None,
    version_counter: int,
    metadata: dict[str, str],
    guards: dict[str, str],
    threads: int | None,
    as_json: bool,
) -> None:
    """Make a chain of VERSIONS: models or patches, in order.

    Two models one behind the other become a link. A patch is a link as it is, its signature with it.
    """
    import sapwood

    with show.link_bar() as progress:
        chain = sapwood.chain_create(
            versions,
            out,
            level=level,
            threads=threads,
            version_counter=version_counter,
            key=key,
            metadata=metadata,
            guardrails=guards,
            progress=progress,
        )
    show.print_chain(chain, as_json)
