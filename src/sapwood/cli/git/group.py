"""``sapwood git``: models in an ordinary git repository."""

import click

from sapwood.cli.lazy_group import LazyGroup

__all__ = ["command"]


@click.group(
    "git",
    cls=LazyGroup,
    commands_in={
        "install": "sapwood.cli.git.install",
        "uninstall": "sapwood.cli.git.uninstall",
        "clean": "sapwood.cli.git.clean",
        "smudge": "sapwood.cli.git.smudge",
        "process": "sapwood.cli.git.process",
        "textconv": "sapwood.cli.git.textconv",
    },
)
def command() -> None:
    """Models in an ordinary git repository, as small pointers; git diff shows their tensors.

    The models themselves are in a store in the git folder, each version as what changed.
    """
