"""``sapwood rx``: one stream from a serial line or TCP."""

import json
import sys

import click

from sapwood.cli import link_options, options
from sapwood.errors import WrongCall

__all__ = ["command"]

STANDARD = "-"


@click.command("rx")
@link_options.line_options(timeout=60)
@click.option("-o", "--output", "out", metavar="OUT", help="The file to write.  [default: standard output]")
@link_options.max_size
@options.as_json
def command(
    *,
    port: str,
    baud: int,
    flow: str,
    timeout: float,
    out: str | None,
    max_size: int | None,
    as_json: bool,
) -> None:
    """Receive one stream from the other end, where sapwood tx runs.

    OUT appears when all of it came and its digest is right. Until then the bytes are in OUT.part, and rx goes
    on from there when it was stopped and started again.
    """
    from sapwood.cli.link_models import users_models
    from sapwood.cli.link_screen import speed, watching
    from sapwood.link.frames import Result, StreamType
    from sapwood.link.places import IntoFile, IntoPipe
    from sapwood.link.receiving import Arrival, Place
    from sapwood.link.station import Station, failure_of_arrival

    piped = out is None or out == STANDARD
    place: Place
    if out is None or out == STANDARD:
        if sys.stdout.isatty():
            raise WrongCall("the output would go to a terminal", advice="Name a file with -o, or use a pipe.")
        place = IntoPipe(sys.stdout.buffer, max_size)
    else:
        place = IntoFile(out, max_size)

    def is_model(arrival: Arrival) -> bool:
        return arrival.opening.type == StreamType.BYTE_MODEL

    def that_ended(arrivals: list[Arrival]) -> list[Arrival]:
        # A trained model comes before what is coded with it; one that cannot be taken is the end.
        known = [one for one in arrivals if one.result is not None]
        return [one for one in known if not (is_model(one) and one.result == Result.WHOLE)]

    def ended(arrivals: list[Arrival]) -> bool:
        done = that_ended(arrivals)
        # A file whose digest is wrong is thrown away, and the other end sends it once more.
        again = [one.result for one in done] == [Result.WRONG_DIGEST] and (not piped or is_model(done[0]))
        return bool(done) and not again

    with (
        watching() as watch,
        Station(
            link_options.port_of(port, baud, flow),
            place=place,
            models=users_models(),
            silence=link_options.silence_of(timeout),
            watch=watch,
        ) as station,
    ):
        receiving = station.receiving
        if receiving is None:
            raise WrongCall("nothing can be received")
        station.run(lambda: ended(receiving.arrivals) and not receiving.is_busy)
        arrival = that_ended(receiving.arrivals)[-1]
    failure = failure_of_arrival(arrival)
    if failure is not None:
        raise failure
    if as_json:
        facts = {"size": arrival.received, "name": arrival.opening.name, **link_options.counts_of(station)}
        click.echo(json.dumps(facts, indent=2), err=piped)
    elif not piped:
        click.echo(f"received {speed(arrival.received, station.seconds)}")
