"""``sapwood git process``: git's filter for many files."""

import io
import sys
from typing import cast

import click

__all__ = ["command"]


@click.command("process")
def command() -> None:
    """For git: clean and smudge one file after the other, as git's protocol for long-running filters says.

    It ends when git does. What cannot be filtered is named on stderr, and fails by itself.
    """
    from sapwood.git.checkout import GitCheckout
    from sapwood.git.process import serve

    def tell(message: str) -> None:
        click.echo(f"sapwood: {message}", err=True)

    serve(GitCheckout(), cast(io.BufferedReader, sys.stdin.buffer), sys.stdout.buffer, tell)
