"""``sapwood chain append``: make a chain longer."""

import click

from sapwood.cli import options
from sapwood.cli.chain import show

__all__ = ["command"]


@click.command("append")
@click.argument("chain")
@click.argument("versions", nargs=-1, required=True)
@click.option(
    "--base",
    metavar="MODEL",
    help="The model of any version in the chain, from which that of the last one is built. A model needs it "
    "unless the chain begins with a patch that needs no base.",
)
@options.level
@options.sign
@options.version_counter
@options.metadata
@options.guards
@options.threads
@options.as_json
def command(
    *,
    chain: str,
    versions: tuple[str, ...],
    base: str | None,
    level: str,
    key: str | None,
    version_counter: int,
    metadata: dict[str, str],
    guards: dict[str, str],
    threads: int | None,
    as_json: bool,
) -> None:
    """Put VERSIONS, models or patches, behind the last version of CHAIN.

    The file is changed in place: what stands in it is not touched. An append that is interrupted leaves the
    chain with an unfinished link, which the next append cuts.
    """
    import sapwood

    with show.link_bar() as progress:
        grown = sapwood.chain_append(
            chain,
            versions,
            base=base,
            level=level,
            threads=threads,
            version_counter=version_counter,
            key=key,
            metadata=metadata,
            guardrails=guards,
            progress=progress,
        )
    show.print_chain(grown, as_json)
