"""``sapwood plan``: which patches a fleet needs."""

from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen

if TYPE_CHECKING:
    from sapwood.chain.fleet_plan import FleetPlan

__all__ = ["command"]


def _read_runs(
    _context: click.Context, _option: click.Parameter, groups: tuple[str, ...]
) -> dict[str | None, int]:
    """``VERSION`` or ``VERSION=DEVICES``, as given more than once."""
    parsed: dict[str | None, int] = {}
    for group in groups:
        name, equals, devices = group.rpartition("=")
        if not equals or not devices.isdecimal():
            name, devices = group, "1"
        version = None if name == "none" else name
        if version in parsed or not name:
            raise click.BadParameter(f"{group!r} is given twice, or names no version")
        parsed[version] = int(devices)
    return parsed


@click.command("plan")
@click.argument("patches", nargs=-1)
@click.option(
    "--runs",
    multiple=True,
    required=True,
    metavar="VERSION[=DEVICES]",
    callback=_read_runs,
    help="What some devices run: a model, 8 digits or more of its digest, or none. May be given often.",
)
@click.option("--to", required=True, metavar="VERSION", help="What all shall run: a model or a digest.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Also make the patch from each model in --runs to the one in --to, to tell which would save most; "
    "they are not kept.",
)
@options.level
@options.threads
@options.as_json
def command(
    *,
    patches: tuple[str, ...],
    runs: dict[str | None, int],
    to: str,
    fresh: bool,
    level: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Show which of PATCHES, patches and chains, a fleet needs, and which each of its devices takes.

    Each takes the way of fewest bytes. Only manifests are read; see verify. If a group has no way to the
    version wanted, the plan is shown and the exit code is that of BrokenChain.
    """
    import sapwood
    from sapwood.errors import BrokenChain

    with screen.progress_bar("diff") as progress:
        found = sapwood.plan(patches, runs, to, fresh=fresh, level=level, threads=threads, progress=progress)
    (_print_json if as_json else _print_table)(found)
    if found.unreachable:
        names = ", ".join(group.name for group in found.unreachable)
        devices = sum(group.devices for group in found.unreachable)
        raise BrokenChain(
            f"no patches lead from {names} to the version wanted: {devices} devices",
            expected=found.target.hex(),
            advice="Make a patch from there, or one without a base (compress).",
        )


def _print_json(found: "FleetPlan") -> None:
    screen.print_json(
        {
            "target": found.target.hex(),
            "sent": found.sent,
            "groups": [
                {
                    "name": group.name,
                    group.hash.label: group.version.hex() if any(group.version) else None,
                    "devices": group.devices,
                    "patches": None if group.way is None else [edge.name for edge in group.way.edges],
                    "size": None if group.way is None else group.way.size,
                    "sent": group.sent,
                }
                for group in found.groups
            ],
            "kept": [{"name": edge.name, "size": edge.size} for edge in found.kept],
            "unneeded": [{"name": edge.name, "size": edge.size} for edge in found.unneeded],
            "missing": [
                {"from": m.name, "size": m.size, "saved": m.saved, "reached": m.reached}
                for m in found.missing
            ],
        }
    )


def _print_table(found: "FleetPlan") -> None:
    rows = []
    for group in found.groups:
        way = "no way" if group.way is None else " > ".join(edge.name for edge in group.way.edges)
        size = "-" if group.way is None else screen.size(group.way.size)
        rows.append((group.name, way or "is there", str(group.devices), size, screen.size(group.sent)))
    screen.print_table(("runs", "takes", "devices", "each", "sent"), rows, left=2)
    click.echo(f"\n{screen.size(found.sent)} to send; {len(found.kept)} patches to keep")
    for edge in found.unneeded:
        click.echo(f"not needed: {screen.printable(edge.name)}, {screen.size(edge.size)}")
    for missing in found.missing:
        gains = [f"save {screen.size(missing.saved)}"] if missing.saved else []
        gains += [f"reach {missing.reached} devices"] if missing.reached else []
        click.echo(
            f"a patch from {screen.printable(missing.name)}, {screen.size(missing.size)}, would "
            + " and ".join(gains)
        )
