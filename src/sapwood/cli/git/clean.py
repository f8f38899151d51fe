"""``sapwood git clean``: git's filter on the way in."""

import sys

import click

__all__ = ["command"]


@click.command("clean")
@click.argument("path")
def command(*, path: str) -> None:
    """For git: put the model on stdin into the store, and print its pointer.

    PATH is the file's, from the root of the work tree. A pointer, and an empty file, are printed as they are.
    """
    from sapwood.git.checkout import GitCheckout
    from sapwood.git.filter import clean, open_store

    checkout = GitCheckout()
    with open_store(checkout.store, create=True) as store:
        sys.stdout.buffer.write(clean(store, sys.stdin.buffer, path, checkout.pointer(path)))
