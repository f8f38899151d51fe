"""``sapwood stats``: what changed between two models."""

import dataclasses

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("stats")
@click.argument("base")
@click.argument("target")
@click.option(
    "--plot", metavar="FILE", help="Draw it by layer and role: .png, .svg or .pdf. Needs matplotlib."
)
@options.as_json
def command(*, base: str, target: str, plot: str | None, as_json: bool) -> None:
    """Show what changed between BASE and TARGET, tensor by tensor.

    The rms and the largest change are given relative to the rms of the base's elements.
    """
    import sapwood

    with screen.progress_bar("stats") as progress:
        found = sapwood.stats(base, target, progress=progress)
    screen.warn(found.warnings)
    if plot is not None:
        found.plot(plot)
    if as_json:
        rows = [
            {**dataclasses.asdict(row), "change": row.change.value, "changed_share": row.changed_share}
            for row in found.tensors
        ]
        screen.print_json(
            {
                "base_size": found.base_size,
                "target_size": found.target_size,
                "changed_share": found.changed_share,
                "tensors": rows,
            }
        )
        return
    screen.print_table(
        ("tensor", "dtype", "shape", "state", "changed", "rms", "largest"),
        [
            (
                (f"{row.file}:{row.name}" if row.file else row.name)
                + (f" (was {row.source})" if row.source else ""),
                row.dtype,
                "x".join(map(str, row.shape)) or "scalar",
                row.change.value,
                screen.share(row.changed_share),
                _number(row.rms),
                _number(row.max),
            )
            for row in found.tensors
        ],
        left=4,
    )
    click.echo(
        f"\n{len(found.tensors)} tensors; "
        f"{screen.share(found.changed_share)} of the elements that could be compared changed"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
