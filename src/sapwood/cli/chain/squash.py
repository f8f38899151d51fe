"""``sapwood chain squash``: one patch for several links."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("squash")
@click.argument("chain")
@click.option("-o", "--output", "out", required=True, metavar="PATCH", help="Where to write the patch.")
@click.option(
    "--base",
    metavar="MODEL",
    help="The model of the version it starts from, or of an earlier one: the patch is made anew.",
)
@click.option("--from", "start", metavar="VERSION", help="The version to start from.  [default: the first]")
@click.option("--to", metavar="VERSION", help="The version to lead to.  [default: the last]")
@options.level
@options.sign
@click.option("--verify-key", metavar="PUB", help="Refuse links that this public or shared key did not sign.")
@options.threads
@options.as_json
def command(
    *,
    chain: str,
    out: str,
    base: str | None,
    start: str | None,
    to: str | None,
    level: str,
    key: str | None,
    verify_key: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Make one patch that leads as far as several links of CHAIN.

    With --base it is made anew, as by diff. Without, it is put together from the links' blocks; where one
    link changes what another changed, that takes a model, and the command says so. Signatures are
    not kept: sign anew with --sign.
    """
    import sapwood

    with screen.progress_bar("squash") as progress:
        made = sapwood.chain_squash(
            chain,
            out,
            base=base,
            start=start,
            to=to,
            level=level,
            threads=threads,
            key=key,
            verify_key=verify_key,
            progress=progress,
        )
    if made.unsigned:
        click.echo("links were signed, and this patch is not: sign it with sapwood sign", err=True)
    if as_json:
        screen.print_json(
            {
                "output": out,
                "size": made.patch.size,
                "made": "composed" if made.composed else "anew",
                "from": made.start,
                "to": made.end,
                "links": made.end - made.start,
                "links_size": made.links_size,
                "signed": made.patch.signed,
            }
        )
        return
    how = "made anew from the models"
    if made.composed:
        how = "put together from the links' blocks, without a model"
    click.echo(
        f"{screen.printable(out)}: version {made.end} from {made.start}, {screen.size(made.patch.size)} for "
        f"links of {screen.size(made.links_size)}; {how}"
    )
