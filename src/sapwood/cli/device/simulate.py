"""``sapwood device simulate``: power cuts, before they happen."""

from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen
from sapwood.cli.device.options import part_options

if TYPE_CHECKING:
    from sapwood.device.part import Part

__all__ = ["command"]

FAILED = 1
_SHOWN = 20


@click.command("simulate")
@click.argument("base")
@click.argument("patch")
@part_options
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Cut at each N-th operation.",
)
@click.option(
    "--cut",
    "kinds",
    type=click.Choice(["before", "torn", "after"]),
    multiple=True,
    help="How the operation ends that loses power; more than once for several.  [default: all]",
)
@click.option(
    "--more",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Lose power so many times again, at random, before a run may finish.",
)
@options.device
@options.verify_key
@options.as_json
def command(
    *,
    base: str,
    patch: str,
    part: "Part",
    every: int,
    kinds: tuple[str, ...],
    more: int,
    device: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Cut the power at every flash operation of an update from BASE by PATCH, one run each.

    After each cut the device must boot the old or the new model, or know that an update in place is open; the
    next run must finish with the new model. The exit code is 1 if one does not.
    """
    import sapwood
    from sapwood.device.simulator import Cut

    chosen = tuple(Cut[kind.upper()] for kind in dict.fromkeys(kinds)) or tuple(Cut)
    with screen.progress_bar("power cuts") as progress:
        found = sapwood.device_simulate(
            base,
            patch,
            part=part,
            every=every,
            kinds=chosen,
            more=more,
            facts=device,
            key=key,
            progress=progress,
        )
    failures = [{"cut": kind, "operation": at, "failure": what} for kind, at, what in found.failures]
    if as_json:
        screen.print_json({"operations": found.operations, "cuts": found.points, "failures": failures})
    else:
        click.echo(
            f"{found.operations} flash operations, {found.points} power cuts, {len(failures)} failures"
        )
        for failure in failures[:_SHOWN]:
            click.echo("{cut} operation {operation}: {failure}".format_map(failure))
    if failures:
        raise click.exceptions.Exit(FAILED)
