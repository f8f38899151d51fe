"""``sapwood git install``: set git up."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("install")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@options.as_json
def command(*, patterns: tuple[str, ...], as_json: bool) -> None:
    """Have git keep files of these patterns as pointers, in the repository that the working folder is in.

    Without patterns: *.safetensors, *.gguf, *.onnx, *.tflite, *.pt and *.npz. They go to .gitattributes,
    which is to be committed; the filter goes to the repository's own configuration: each clone needs it anew.
    """
    from sapwood.git.checkout import GitCheckout
    from sapwood.git.setup import PATTERNS, install

    checkout = GitCheckout()
    fresh = install(checkout, patterns or PATTERNS)
    if as_json:
        screen.print_json({"store": str(checkout.store), "patterns": fresh})
        return
    click.echo(f"The store is {screen.printable(str(checkout.store))}")
    for pattern in fresh:
        click.echo(f".gitattributes: {screen.printable(pattern)}")
