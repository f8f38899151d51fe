"""A group of commands whose modules are imported only when they run or are listed."""

import importlib
from collections.abc import Mapping
from typing import Any, Final

import click

__all__ = ["BROKEN_PIPE", "LazyGroup"]

# As a shell reports a command that a signal ended: 128 and the signal's number.
BROKEN_PIPE: Final = 141


class LazyGroup(click.Group):
    """Commands by name, each the ``command`` of its module; listed in the order given.

    ``sections``: titles, and the first command below each.
    """

    def __init__(
        self,
        *args: Any,
        commands_in: Mapping[str, str],
        sections: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._modules = commands_in
        self._sections = {first: title for title, first in (sections or {}).items()}

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, under the titles of their sections."""
        rows: dict[str, list[tuple[str, str]]] = {}
        title = "Commands"
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))
        for name in names:
            title = self._sections.get(name, title)
            command = self.get_command(ctx, name)
            if command is not None:
                rows.setdefault(title, []).append((name, command.get_short_help_str(limit)))
        for title, listed in rows.items():
            with formatter.section(title):
                formatter.write_dl(listed)

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
