"""A group of commands whose modules are imported only when they run or are listed."""

import importlib
from collections.abc import Mapping
from typing import Any, Final

import click

__all__ = ["BROKEN_PIPE", "LazyGroup"]

# As a shell reports a command that a signal ended: 128 and the signal's number.
BROKEN_PIPE: Final = 141


class LazyGroup(click.Group):
    """Commands by name, each the ``command`` of its module; listed in the order given."""

    def __init__(self, *args: Any, commands_in: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules = commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of a user's work and not of the alphabet."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn a closed pipe into its exit code: click would say 1, as for any failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            ctx.exit(BROKEN_PIPE)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Without the indentation that click gives it."""
        if self.epilog:
            formatter.write("\n" + self.epilog.removeprefix("\b\n") + "\n")
