"""``sapwood fingerprint compare``: how two models stand to each other."""

import dataclasses

import click

from sapwood.cli import options, screen
from sapwood.cli.fingerprint.options import sketch_only

__all__ = ["command"]


@click.command("compare")
@click.argument("base")
@click.argument("target")
@sketch_only
@options.threads
@options.as_json
def command(*, base: str, target: str, sketch_only: bool, threads: int | None, as_json: bool) -> None:
    """Tell how TARGET stands to BASE: models, or fingerprints that were saved.

    identical, same tensors, cast, kin or stranger. Kinship is the share of sampled places that look alike: 1
    for a copy, about 0.01 for a stranger. The expected patch is an estimate.
    """
    import sapwood

    with screen.progress_bar("fingerprint") as progress:
        found = sapwood.fingerprint_compare(
            base, target, exact=not sketch_only, threads=threads, progress=progress
        )
    if as_json:
        screen.print_json({**dataclasses.asdict(found), "relation": found.relation.value})
        return
    click.echo(
        f"{found.relation.value}: kinship {found.kinship:.4f}, "
        f"a patch of about {screen.share(found.patch_share)} of {screen.printable(target)} is to be expected"
    )
    same = "unknown" if found.same is None else str(found.same)
    shapes = "as in the base" if found.same_shapes else "other than in the base"
    screen.print_facts(
        {
            "tensors": str(found.tensors),
            "with the same contents": same,
            "under another name": str(found.renamed),
            "sizes": shapes,
        }
    )
