"""``sapwood keygen``: keys for signing."""

import click

from sapwood.cli import screen

__all__ = ["command"]

_ED25519 = "ed25519"


@click.command("keygen")
@click.argument("path")
@click.option(
    "--type",
    "kind",
    type=click.Choice([_ED25519, "aes-128-cmac", "aes-256-cmac"]),
    default=_ED25519,
    show_default=True,
    help="Ed25519: a pair. AES-CMAC: one key that publisher and devices share, for devices without Ed25519.",
)
def command(*, path: str, kind: str) -> None:
    """Make a pair of Ed25519 keys, PATH and PATH.pub; or, by --type, a shared key, PATH alone.

    PATH signs, and is yours alone: it is not encrypted. Give PATH.pub to those who apply your patches. No
    file is overwritten.

    A shared key both signs and checks: whoever reads it out of one device can sign patches for all that have
    it. Prefer Ed25519 where a device can do it.
    """
    import sapwood

    name = screen.printable(path)
    if kind == _ED25519:
        sapwood.generate_key(path)
        click.echo(f"{name}: private key, keep it secret\n{name}.pub: public key, give it to those who apply")
        return
    sapwood.generate_mac_key(path, kind)
    click.echo(
        f"{name}: shared key for {kind.upper()}, keep it secret\n"
        "warning: whoever can check a patch with it can also sign one",
    )
