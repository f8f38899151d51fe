"""The reference page of the commands, from their help: ``python -m sapwood.cli.reference > docs/CLI.md``."""

from collections.abc import Iterator

import click

from sapwood.cli.main import sapwood

__all__ = ["reference"]

_WIDTH = 100
_HEAD = """\
# The command line

Made from the commands' own help by `python -m sapwood.cli.reference`; a test checks that it is fresh.

Each command is one call of the Python library, of the same name where there is one. Results go to stdout;
warnings (`FormatWarning`) and errors go to stderr, one line each. With `--json` a command prints one object;
its keys are added to, never renamed. Sizes are in bytes, times in seconds, shares between 0 and 1. A progress
bar is drawn only where stderr is a terminal.
"""


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *_sections(sapwood, "sapwood", None)])


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    """A command and those below it."""
    with _context(command, name, parent) as context:
        yield _section(context.command_path, command.get_help(context))
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                if found is not None:
                    yield from _sections(found, below, context)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )


def _section(title: str, text: str) -> str:
    return f"## {title}\n```\n{text}\n```\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
