"""``sapwood device image``: a device's flash, as a file."""

from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen
from sapwood.cli.device.options import part_options

if TYPE_CHECKING:
    from sapwood.device.part import Part

__all__ = ["command"]


@click.command("image")
@click.argument("model")
@click.option("-o", "--output", "out", required=True, metavar="FLASH", help="Where to write the image.")
@click.option(
    "--counter",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    metavar="N",
    help="The model's version counter: patches with a lower one are refused.",
)
@part_options
@options.as_json
def command(*, model: str, out: str, counter: int, part: "Part", as_json: bool) -> None:
    """Write the flash of a device that runs MODEL: models in front, the journal behind them."""
    import sapwood

    image = sapwood.device_image(model, out, part=part, counter=counter)
    if as_json:
        screen.print_json(
            {"output": out, "size": image.size, "models": image.models_size, "journal": image.journal_size}
        )
        return
    click.echo(
        f"{screen.printable(out)}: {image.size} bytes; models from 0, the journal from {image.models_size}"
    )
