"""``sapwood import``: models from elsewhere into the repository."""

from typing import TYPE_CHECKING, TextIO

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import message

if TYPE_CHECKING:
    from sapwood.repo.ingesting import Ingested

__all__ = ["command"]


@click.command("import")
@click.argument("models", nargs=-1)
@click.option(
    "--as", "as_path", metavar="PATH", help="All are versions of this file, or folder, one after another."
)
@message
@click.option(
    "--ray",
    "cluster",
    metavar="ADDRESS",
    help="Have a Ray cluster take them into a remote: local, auto, HOST:PORT or ray://HOST:PORT.",
)
@click.option("--remote", metavar="NAME", help="With --ray: the remote.  [default: origin, or the only one]")
@click.option(
    "--list",
    "listed",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="With --ray: further models, one a line, each with a tab and its name behind it if need be.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="With --ray: processors for one model.",
)
@click.option("--scratch", metavar="FOLDER", help="With --ray: where machines keep bases.")
@options.as_json
def command(
    *,
    models: tuple[str, ...],
    as_path: str | None,
    message: str | None,
    cluster: str | None,
    remote: str | None,
    listed: TextIO | None,
    threads: int,
    scratch: str | None,
    as_json: bool,
) -> None:
    """Commit models that lie anywhere, one commit each, in the order given: checkpoints of a run, say.

    The work tree stays as it is. A model that changes nothing is passed over.

    With --ray machines of a cluster code thousands of models, each against the nearest of its kin, and
    send them to a remote; commits follow in steps. Called again, it goes on where it was.
    """
    from sapwood.repo.repository import Repository

    if cluster is not None:
        if as_path is not None:
            raise click.UsageError("--as gives all models one name, and a cluster takes them in in any order")
        chosen = _named(models, listed)
        with Repository() as repository, screen.progress_bar("import") as progress:
            told = repository.ingest(
                chosen,
                cluster=cluster,
                remote=remote,
                message=message,
                threads=threads,
                scratch=scratch,
                progress=progress,
            )
        _tell(told, as_json=as_json)
        return
    if not models or listed is not None:
        raise click.UsageError("name the models; --list goes with --ray")
    with Repository() as repository, screen.progress_bar("import") as progress:
        made = repository.import_models(models, as_path=as_path, message=message, progress=progress)
        infos = [repository.show(digest) for digest in made]
    if as_json:
        screen.print_json([info.to_json() for info in infos])
        return
    for info in infos:
        click.echo(f"{info.id[:7]} {screen.printable(info.commit.title)}")


def _named(models: tuple[str, ...], listed: TextIO | None) -> dict[str, str]:
    """The models by the names that they get."""
    from sapwood.errors import WrongCall
    from sapwood.repo.paths import name_of

    pairs = [(name_of(model), model) for model in models]
    for line in listed or ():
        source, tab, name = line.rstrip("\r\n").partition("\t")
        if source:
            pairs.append((name if tab else name_of(source), source))
    if not pairs:
        raise click.UsageError("name the models, as arguments or by --list")
    named: dict[str, str] = {}
    for name, source in pairs:
        if name in named:
            raise WrongCall(
                "two models would get one name",
                path=name,
                found=f"{named[name]} and {source}",
                advice="Give them names by --list.",
            )
        named[name] = source
    return named


def _tell(told: "Ingested", *, as_json: bool) -> None:
    if as_json:
        screen.print_json(
            {
                "remote": told.remote,
                "commits": list(told.commits),
                "new": list(told.new),
                "same": list(told.same),
                "failed": {name: str(error) for name, error in told.failed.items()},
                "read": told.read,
                "sent": told.sent,
            }
        )
    else:
        for commit in told.commits:
            click.echo(commit[:7])
        click.echo(
            f"{len(told.new)} new, {len(told.same)} the same, {len(told.failed)} failed; "
            f"{screen.size(told.read)} read, {screen.size(told.sent)} sent"
        )
    for name, error in told.failed.items():
        click.echo(f"{screen.printable(name)}: {error}", err=True)
    if told.failed:
        click.get_current_context().exit(next(iter(told.failed.values())).exit_code)
