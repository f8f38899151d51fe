"""``sapwood chain extract``: a link as a patch."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("extract")
@click.argument("chain")
@click.argument("link", type=click.IntRange(min=1))
@click.option("-o", "--output", "out", required=True, metavar="PATCH", help="Where to write the patch.")
@options.as_json
def command(*, chain: str, link: int, out: str, as_json: bool) -> None:
    """Write the patch of one LINK, counted from 1, to a file of its own.

    It is the patch that was put in, byte for byte; a signature stays good.
    """
    import sapwood

    opened = sapwood.open_chain(chain)
    patch = opened.extract(link, out)
    if as_json:
        screen.print_json({"output": out, "link": link, "size": patch.size, "signed": patch.signed})
        return
    click.echo(f"{screen.printable(out)}: link {link}, {screen.size(patch.size)}")
