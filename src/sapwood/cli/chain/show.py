"""A chain as a table or as JSON, and a bar for links that are made one after the other."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from sapwood.cli import screen

if TYPE_CHECKING:
    from sapwood.chain.chain import Chain
    from sapwood.chain.container import Version

__all__ = ["link_bar", "print_chain"]


def link_bar() -> "contextlib.AbstractContextManager[Callable[[int, int], None] | None]":
    """Progress of the link in work."""
    return screen.progress_bar("link")


def print_chain(chain: "Chain", as_json: bool) -> None:
    """Versions and links."""
    patches = {link.number: chain.patch(link.number) for link in chain.links}
    if as_json:
        screen.print_json(
            {
                "size": chain.size,
                "unfinished": chain.unfinished,
                "versions": [_version(version) for version in chain.versions],
                "links": [
                    {
                        "number": link.number,
                        "from": link.number + chain.first - 1,
                        "to": link.number + chain.first,
                        "size": link.size,
                        "offset": link.offset,
                        "version_counter": link.version_counter,
                        "signed": patches[link.number].signed,
                        "key_id": patches[link.number].manifest.key_id.hex(),
                        "format": patches[link.number].manifest.format,
                    }
                    for link in chain.links
                ],
            }
        )
        return
    rows = []
    if chain.first:
        rows.append(_row(1, chain.versions[0], ()))
    for link in chain.links:
        patch = patches[link.number]
        signed = patch.manifest.key_id.hex() if patch.signed else "no"
        share = screen.share(link.size / link.target.size if link.target.size else None)
        cells = (str(link.number), screen.size(link.size), share, str(link.version_counter), signed)
        rows.append(_row(link.number + chain.first, link.target, cells))
    screen.print_table(
        ("version", chain.hash.label, "size", "link", "link size", "share", "counter", "signed by"),
        rows,
        left=2,
    )
    click.echo(f"\n{len(chain.links)} links, {screen.size(chain.size)}")
    if chain.unfinished:
        click.echo(
            f"{chain.unfinished} bytes behind the last link: an interrupted append, or a file cut short",
            err=True,
        )


def _version(version: "Version") -> dict[str, object]:
    shape = version.shape.name.lower()
    return {"shape": shape, "size": version.size, version.hash.label: version.digest.hex()}


def _row(number: int, version: "Version", link: tuple[str, ...]) -> tuple[str, ...]:
    cells = link or ("",) * 5
    return (str(number), version.digest.hex()[:16], screen.size(version.size), *cells)
