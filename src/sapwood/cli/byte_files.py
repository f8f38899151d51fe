"""What encode and decode share: files or pipes by name, outputs that appear whole, and a report."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from sapwood.cli import screen
from sapwood.errors import WrongCall

if TYPE_CHECKING:
    from sapwood.bytecoder import Prior

__all__ = ["length_of", "model_in", "opened", "prior_of", "progress", "run_and_report", "told_of"]

STANDARD = "-"


def length_of(path: str) -> int | None:
    """Bytes of a plain file, None for what tells its end only when it comes."""
    return Path(path).stat().st_size if path != STANDARD and Path(path).is_file() else None


def prior_of(name: str) -> "Prior | None":
    """The trained model that an option names: ``general``, ``none`` or a file."""
    from sapwood.bytecoder import general

    if name in ("general", "none"):
        return general() if name == "general" else None
    return model_in(name)


def model_in(path: str) -> "Prior":
    """The trained model in a file."""
    from sapwood.bytecoder import Prior
    from sapwood.bytecoder.prior import MOST_FILE

    with told_of(path), Path(path).open("rb") as file:
        return Prior(file.read(MOST_FILE + 1))


@contextlib.contextmanager
def opened(source: str, out: str | None) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Both ends; ``-`` is a pipe. A file that is written appears whole or not at all."""
    from sapwood.patch.atomic_file import atomic_output

    with contextlib.ExitStack() as stack:
        reader = sys.stdin.buffer if source == STANDARD else stack.enter_context(Path(source).open("rb"))
        if out is None or out == STANDARD:
            if sys.stdout.isatty():
                raise WrongCall(
                    "the output would go to a terminal", advice="Name a file with -o, or use a pipe."
                )
            yield reader, sys.stdout.buffer
        else:
            yield reader, stack.enter_context(atomic_output(out))


@contextlib.contextmanager
def told_of(source: str) -> Iterator[None]:
    """Name the source in errors about what was read."""
    from sapwood.errors import BadData

    try:
        yield
    except BadData as error:
        error.path = error.path or ("standard input" if source == STANDARD else source)
        raise


@contextlib.contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None] | None]:
    """A callback that takes counts of bytes and draws how far they have come; None where nobody looks."""
    with screen.progress_bar(what) as draw:
        if draw is None:
            yield None
            return
        done = 0

        def add(count: int) -> None:
            nonlocal done
            done += count
            draw(done, total)

        yield add


def run_and_report(work: Callable[[], tuple[int, int]], raw: int, *, out: str | None, as_json: bool) -> None:
    """Do the work and say what it came to: on stderr in a pipe, where stdout is the data.

    Args:
        work: Does it; bytes read and written.
        raw: Which of the two is the plain content: 0 or 1.
        out: Where the data go.
        as_json: One object instead of a line.
    """
    started = time.perf_counter()
    counts = work()
    seconds = time.perf_counter() - started
    plain, coded = counts[raw], counts[1 - raw]
    piped = out is None or out == STANDARD
    if as_json:
        facts = {"size": plain, "coded": coded, "seconds": round(seconds, 3)}
        if piped:
            import json

            click.echo(json.dumps(facts), err=True)
        else:
            screen.print_json(facts)
    elif not piped:
        ratio = f"{coded / plain:.2%}, {8 * coded / plain:.3f} bits a byte" if plain else "nothing in it"
        click.echo(f"{screen.size(plain)} as {screen.size(coded)}: {ratio}")
