"""``sapwood git smudge``: git's filter on the way out."""

import sys

import click

__all__ = ["command"]


@click.command("smudge")
@click.argument("path")
def command(*, path: str) -> None:
    """For git: print the model that the pointer on stdin means; what is no pointer is printed as it is.

    If the store lacks an object it is named on stderr and the pointer is printed: git goes on. If a pointer
    is wrong or the store is damaged the exit code says so, and git writes no file.
    """
    from sapwood.git.checkout import GitCheckout
    from sapwood.git.filter import smudge

    absent = smudge(GitCheckout().store, sys.stdin.buffer, path, sys.stdout.buffer)
    if absent is not None:
        click.echo(f"sapwood: {absent}", err=True)
