"""``sapwood tx``: one stream over a serial line or TCP."""

import json

import click

from sapwood.cli import link_options, options

__all__ = ["command"]


@click.command("tx")
@click.argument("source", metavar="[FILE]", default="-")
@link_options.line_options(timeout=60)
@link_options.compress
@link_options.model
@click.option("--name", metavar="NAME", help="What to call it.  [default: FILE's name]")
@options.as_json
def command(
    *,
    source: str,
    port: str,
    baud: int,
    flow: str,
    timeout: float,
    compress: str | None,
    model: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Send FILE, or standard input, to the other end, where sapwood rx runs.

    Ends when the other end has all of it, checked and safe. A plain file goes on where it was when either
    side was stopped and started again; a pipe does if the receiver was.
    """
    from sapwood.cli.link_screen import speed, watching
    from sapwood.cli.link_sources import push_of
    from sapwood.link.station import Station, failure_of_push

    line = link_options.port_of(port, baud, flow)
    level, prior = link_options.coding_of(compress, model)
    push = push_of(source, level, name, model=prior)
    with (
        watching() as watch,
        Station(line, silence=link_options.silence_of(timeout), watch=watch) as station,
    ):
        station.pushing.push(push)
        station.run(lambda: station.pushing.is_finished)
    failure = failure_of_push(push)
    if failure is not None:
        raise failure
    if as_json:
        click.echo(json.dumps({"size": push.sent, **link_options.counts_of(station)}, indent=2))
    else:
        click.echo(f"sent {speed(push.sent, station.seconds)}")
