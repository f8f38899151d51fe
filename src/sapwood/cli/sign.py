"""``sapwood sign``: sign a patch that is there."""

import click

from sapwood.cli import screen

__all__ = ["command"]


@click.command("sign")
@click.argument("patch")
@click.option(
    "--key", required=True, metavar="KEY", help="The private or shared key, a file that keygen made."
)
@click.option("-o", "--output", "out", metavar="OUT", help="Where to write it.  [default: PATCH itself]")
def command(*, patch: str, key: str, out: str | None) -> None:
    """Sign PATCH, or sign it anew with another key. Its blocks stay as they are."""
    import sapwood

    written = patch if out is None else out
    signed = sapwood.sign(patch, key, written)
    name, how = screen.printable(written), signed.authentication.label
    click.echo(f"{name}: signed by key {signed.manifest.key_id.hex()} ({how})")
