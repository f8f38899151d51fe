"""``sapwood keygen``: a pair of keys for signing."""

import click

from sapwood.cli import screen

__all__ = ["command"]


@click.command("keygen")
@click.argument("path")
def command(*, path: str) -> None:
    """Make a pair of Ed25519 keys: PATH and PATH.pub.

    PATH signs, and is yours alone: it is not encrypted. Give PATH.pub to those who apply your patches. No
    file is overwritten.
    """
    import sapwood

    sapwood.generate_key(path)
    name = screen.printable(path)
    click.echo(f"{name}: private key, keep it secret\n{name}.pub: public key, give it to those who apply")
