"""Options that tell what a device's flash is like."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    pass

__all__ = ["part_options"]

_OPTIONS = (
    click.option("--sector", default=4096, show_default=True, metavar="BYTES", help="Erased at once."),
    click.option("--unit", default=8, show_default=True, metavar="BYTES", help="Programmed at least."),
    click.option(
        "--state",
        type=click.Choice(["512", "2048"]),
        default="2048",
        show_default=True,
        help="Memory for the decoder's model.",
    ),
    click.option("--in-place", is_flag=True, help="One region for the model instead of two slots."),
    click.option(
        "--checkpoint",
        default=4,
        show_default=True,
        metavar="N",
        help="Sectors between two records of the decoder.",
    ),
    click.option(
        "--models",
        "models_size",
        type=int,
        metavar="BYTES",
        help="Flash for models.  [default: what it takes]",
    ),
    click.option(
        "--journal",
        "journal_size",
        type=int,
        metavar="BYTES",
        help="Flash for the journal.  [default: what it takes]",
    ),
)


def part_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options, and pass the part they describe as ``part``."""

    @functools.wraps(command)
    def with_part(
        *,
        sector: int,
        unit: int,
        state: str,
        in_place: bool,
        checkpoint: int,
        models_size: int | None,
        journal_size: int | None,
        **others: Any,
    ) -> None:
        from sapwood.device.part import Part

        part: Part = Part(
            sector=sector,
            unit=unit,
            state=int(state),
            in_place=in_place,
            checkpoint=checkpoint,
            models_size=models_size,
            journal_size=journal_size,
        )
        command(part=part, **others)

    for option in reversed(_OPTIONS):
        with_part = option(with_part)
    return with_part
