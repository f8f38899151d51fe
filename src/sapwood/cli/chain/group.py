"""``sapwood chain``: several patches in one file."""

import click

from sapwood.cli.lazy_group import LazyGroup

__all__ = ["command"]


@click.group(
    "chain",
    cls=LazyGroup,
    commands_in={
        "create": "sapwood.cli.chain.create",
        "append": "sapwood.cli.chain.append",
        "info": "sapwood.cli.chain.info",
        "verify": "sapwood.cli.chain.verify",
        "apply": "sapwood.cli.chain.apply",
        "squash": "sapwood.cli.chain.squash",
        "extract": "sapwood.cli.chain.extract",
    },
)
def command() -> None:
    """Patches from version to version in one file (.swchain).

    A chain holds whole patches, one for each link, from version 1 to the last. Versions are named by their
    number or by 8 digits or more of their digest.
    """
