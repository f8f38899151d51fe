"""``sapwood git uninstall``: take back what install set up."""

import click

__all__ = ["command"]


@click.command("uninstall")
def command() -> None:
    """Take the filter and its lines in .gitattributes away.

    Files of the work tree and the store stay as they are; what is committed stays a pointer.
    """
    from sapwood.git.checkout import GitCheckout
    from sapwood.git.setup import uninstall

    if not uninstall(GitCheckout()):
        click.echo("Nothing was installed.", err=True)
