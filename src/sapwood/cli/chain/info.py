"""``sapwood chain info``: what a chain says about itself."""

import click

from sapwood.cli import options
from sapwood.cli.chain import show

__all__ = ["command"]


@click.command("info")
@click.argument("chain")
@options.as_json
def command(*, chain: str, as_json: bool) -> None:
    """Show the versions and links of CHAIN.

    Only records and manifests are read; nothing is proved. See chain verify.
    """
    import sapwood

    show.print_chain(sapwood.open_chain(chain), as_json)
