"""``sapwood link``: streams both ways over a serial line or TCP."""

import contextlib
from typing import TYPE_CHECKING

import click

from sapwood.cli import link_options, options
from sapwood.errors import WrongCall

if TYPE_CHECKING:
    from sapwood.link.station import Station

__all__ = ["command"]

KINDS = ("bytes", "file", "patch", "byte-model", "telemetry", "device-model")


@click.command("link")
@link_options.line_options(timeout=0)
@click.option(
    "--push", "files", multiple=True, metavar="FILE", help="Send this file. May be given more than once."
)
@click.option(
    "--push-as",
    "kinds",
    multiple=True,
    type=(click.Choice(KINDS), str),
    metavar="KIND FILE",
    help=f"Send this file as one of: {', '.join(KINDS)}.",
)
@link_options.compress
@link_options.model
@click.option("--into", "folder", metavar="FOLDER", help="Take what the other end pushes, into this folder.")
@click.option("--stay", is_flag=True, help="Do not end when all is pushed.")
@link_options.max_size
@options.as_json
def command(
    *,
    port: str,
    baud: int,
    flow: str,
    timeout: float,
    files: tuple[str, ...],
    kinds: tuple[tuple[str, str], ...],
    compress: str | None,
    model: str | None,
    folder: str | None,
    stay: bool,
    max_size: int | None,
    as_json: bool,
) -> None:
    """Push files, patches and models to the other end, and take what it pushes, both at once.

    The other end is sapwood link too, or a device with Sapwood's update engine. With nothing to push, it runs
    until it is interrupted. What was cut goes on when both ends run again. Files in FOLDER are replaced by
    those of the same name; a file that is there already is not sent again.
    """
    from sapwood.cli.link_models import users_models
    from sapwood.cli.link_screen import watching
    from sapwood.cli.link_sources import push_of
    from sapwood.link.frames import StreamType
    from sapwood.link.places import IntoFolder
    from sapwood.link.station import Station, failure_of_push

    if not files and not kinds and folder is None:
        raise WrongCall("nothing to push and nowhere to receive", advice="Use --push or --into.")
    line = link_options.port_of(port, baud, flow)
    level, prior = link_options.coding_of(compress, model)
    pushes = [push_of(file, level, model=prior) for file in files]
    pushes += [
        push_of(file, level, kind=StreamType[kind.upper().replace("-", "_")], model=prior)
        for kind, file in kinds
    ]
    stay = stay or not pushes
    with (
        watching() as watch,
        Station(
            line,
            place=IntoFolder(folder, max_size) if folder is not None else None,
            models=users_models(),
            silence=link_options.silence_of(timeout),
            watch=watch,
        ) as station,
    ):
        receiving = station.receiving

        def is_finished() -> bool:
            return not stay and station.pushing.is_finished and not (receiving and receiving.is_busy)

        for push in pushes:
            station.pushing.push(push)
        # An interruption is how it is meant to end when it stays; what is half done goes on the next time.
        with contextlib.suppress(KeyboardInterrupt) if stay else contextlib.nullcontext():
            while True:
                station.run(is_finished)
                if is_finished():
                    break
                # The other end began something while this one was about to leave.
        _report(station, as_json)
    for push in pushes:
        failure = failure_of_push(push)
        if failure is not None and push.result is not None:
            raise failure


def _report(station: "Station", as_json: bool) -> None:
    from sapwood.cli import screen

    arrivals = station.receiving.arrivals if station.receiving else []
    if as_json:
        screen.print_json(
            {
                "pushed": [
                    {"name": push.name, "size": push.sent, "result": push.result, "text": push.text}
                    for push in station.pushing.pushes
                ],
                "received": [
                    {
                        "name": arrival.opening.name,
                        "size": arrival.received,
                        "result": arrival.result,
                        "text": str(arrival.failure or arrival.text),
                    }
                    for arrival in arrivals
                ],
                **link_options.counts_of(station),
            }
        )
        return
    rows = [
        ("pushed", push.name, screen.size(push.sent), _result(push.result)) for push in station.pushing.pushes
    ]
    rows += [
        ("received", arrival.opening.name, screen.size(arrival.received), _result(arrival.result))
        for arrival in arrivals
    ]
    if rows:
        screen.print_table(("", "name", "size", "result"), rows, left=2)


def _result(result: int | None) -> str:
    from sapwood.link.frames import Result

    if result is None:
        return "under way"
    return Result(result).name.lower().replace("_", " ") if result in set(Result) else f"update {64 - result}"
