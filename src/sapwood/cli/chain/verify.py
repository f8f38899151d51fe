"""``sapwood chain verify``: check a chain without using it."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("verify")
@click.argument("chain")
@click.option("--base", metavar="BASE", help="Also build all versions after BASE, which is any of them.")
@click.option("--key", metavar="PUB", help="Also check that this public or shared key signed every link.")
@options.threads
@options.as_json
def command(*, chain: str, base: str | None, key: str | None, threads: int | None, as_json: bool) -> None:
    """Check every link of CHAIN, as far as what is given allows.

    Without --base seals, digests and the order of the links are checked; with it, or where the first link
    needs none, that they build their targets. Nothing is written.
    """
    import sapwood

    opened = sapwood.open_chain(chain)
    with screen.progress_bar("verify") as progress:
        opened.verify(base, key=key, threads=threads, progress=progress)
    built = base is not None or opened.first == 0
    checked = {"links": len(opened.links), "signatures": key is not None, "targets": built}
    if as_json:
        screen.print_json({"chain": chain, "checked": checked})
        return
    done = [f"{len(opened.links)} links lead from one version to the next, and are whole"]
    done += ["all signatures are by this key"] if key is not None else []
    done += ["they build their targets"] if built else []
    click.echo(f"{screen.printable(chain)}: good; {', '.join(done)}")
