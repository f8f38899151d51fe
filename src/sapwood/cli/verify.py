"""``sapwood verify``: check a patch without using it."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("verify")
@click.argument("patch")
@click.option("--base", metavar="BASE", help="Also build the target from BASE, and check its digest.")
@click.option("--key", metavar="PUB", help="Also check that this public or shared key signed the patch.")
@options.also
@options.threads
@options.as_json
def command(
    *,
    patch: str,
    base: str | None,
    key: str | None,
    also: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Check a patch, as far as what is given allows.

    Without --base the digests of all blocks are checked; with it, or for a patch without a base, that it
    builds its target. Nothing is written.
    """
    import sapwood
    from sapwood.patch.manifest import Shape

    opened = sapwood.open_patch(patch)
    with screen.progress_bar("verify") as progress:
        manifest = sapwood.verify(opened, base, also=also, key=key, threads=threads, progress=progress)
    built = base is not None or manifest.base.shape is Shape.NONE
    checked = {"blocks": True, "signature": key is not None, "target": built}
    if as_json:
        screen.print_json({"patch": patch, "checked": checked})
        return
    done = ["every block has its digest"]
    done += ["the signature is by this key"] if key is not None else []
    done += ["it builds its target"] if built else []
    click.echo(f"{screen.printable(patch)}: good; {', '.join(done)}")
    if opened.signed and key is None:
        click.echo("signed; the signature was not checked (give --key)")
