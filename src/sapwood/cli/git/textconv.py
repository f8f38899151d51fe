"""``sapwood git textconv``: a model as text, for git diff."""

from pathlib import Path

import click

from sapwood.cli import screen

__all__ = ["command"]


@click.command("textconv")
@click.argument("file")
def command(*, file: str) -> None:
    """For git: print a line for each tensor of a model.

    A line has the tensor's name, type and shape, the root mean square of its elements, and the beginning of
    its object's name, which tells whether two tensors are the same.
    """
    from sapwood.git.text import model_lines

    for line in model_lines(Path(file)):
        click.echo(screen.printable(line))
