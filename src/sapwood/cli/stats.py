"""``sapwood stats``: what changed between two models."""

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.stats import show_repository
from sapwood.cli.tensor_table import print_tensors, tensor_json

__all__ = ["command"]


@click.command("stats")
@click.argument("base", required=False)
@click.argument("target", required=False)
@click.option(
    "--plot", metavar="FILE", help="Draw it by layer and role: .png, .svg or .pdf. Needs matplotlib."
)
@options.as_json
def command(*, base: str | None, target: str | None, plot: str | None, as_json: bool) -> None:
    """Show what changed between BASE and TARGET, tensor by tensor; or what the repository holds.

    BASE and TARGET are models. The rms and the largest change are given relative to the rms of the base's
    elements.
    Without both, it is told what the repository holds and what it takes.
    """
    if base is None:
        show_repository(as_json=as_json)
        return
    if target is None:
        raise click.UsageError("Give a TARGET too; see diff for revisions.")
    import sapwood

    with screen.progress_bar("stats") as progress:
        found = sapwood.stats(base, target, progress=progress)
    screen.warn(found.warnings)
    if plot is not None:
        found.plot(plot)
    if as_json:
        screen.print_json(
            {
                "base_size": found.base_size,
                "target_size": found.target_size,
                "changed_share": found.changed_share,
                "tensors": tensor_json(found.tensors),
            }
        )
        return
    print_tensors(found.tensors)
    click.echo(
        f"\n{len(found.tensors)} tensors; "
        f"{screen.share(found.changed_share)} of the elements that could be compared changed"
    )
