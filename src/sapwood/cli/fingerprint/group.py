"""``sapwood fingerprint``: what a model is, and whose kin."""

import click

from sapwood.cli.lazy_group import LazyGroup

__all__ = ["command"]

_DEFAULT = "show"


class _Group(LazyGroup):
    """Takes a first word that is none of its commands for a model to show."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the word that was left out."""
        if args and args[0] not in (*self.list_commands(ctx), *ctx.help_option_names):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(
    "fingerprint",
    cls=_Group,
    commands_in={
        "show": "sapwood.cli.fingerprint.show",
        "compare": "sapwood.cli.fingerprint.compare",
        "add": "sapwood.cli.fingerprint.add",
        "find": "sapwood.cli.fingerprint.find",
    },
)
def command() -> None:
    """Tell what a model is, and find its kin. "fingerprint MODEL" shows one.

    A fingerprint holds exact digests, which take reading everything, and a sketch, which takes reading a few
    MB. The sketch tells fine-tunes, merges, casts, quantised and renamed copies from models that are only
    built alike.
    """
