"""``sapwood device plan``: what an update takes on a part."""

import dataclasses
from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen
from sapwood.cli.device.options import part_options

if TYPE_CHECKING:
    from sapwood.device.part import Part

__all__ = ["command"]


@click.command("plan")
@click.argument("base")
@click.argument("patch")
@part_options
@click.option("--erase-ms", default=25.0, show_default=True, metavar="MS", help="Time to erase a sector.")
@click.option("--program-us", default=16.0, show_default=True, metavar="US", help="Time to program a unit.")
@click.option(
    "--link", default=11520.0, show_default=True, metavar="BYTES", help="Bytes a second of the link."
)
@options.device
@options.verify_key
@options.as_json
def command(
    *,
    base: str,
    patch: str,
    part: "Part",
    erase_ms: float,
    program_us: float,
    link: float,
    device: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Tell what PATCH takes on a device that runs BASE: memory, flash, time and wear.

    The update runs on a simulated device; the counts are exact. Times are of the link and of the flash,
    by the numbers given; decoding is not in them.
    """
    import sapwood

    timed = dataclasses.replace(part, erase_ms=erase_ms, program_us=program_us, link=link)
    plan = sapwood.device_plan(base, patch, part=timed, facts=device, key=key)
    if as_json:
        screen.print_json(dataclasses.asdict(plan))
        return
    share = plan.programmed / max(1, plan.target_size)
    screen.print_facts(
        {
            "patch": f"{plan.patch_size} bytes, {plan.link_seconds:.2f} s on the link",
            "memory": f"{plan.memory} bytes at most, and the stack and the platform's digest",
            "chunks": f"{plan.chunks}: SWD_CHUNKS must be that or more",
            "flash": f"{plan.part.models_size} bytes for models, {plan.part.journal_size} for the journal",
            "programmed": f"{plan.programmed} bytes, {share:.2f} of the model",
            "erased": f"{plan.erased} sectors; the most worn one {plan.most_erased} times",
            "flash time": f"{plan.flash_seconds:.2f} s",
        }
    )
