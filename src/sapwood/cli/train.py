"""``sapwood train``: a model of bytes for encode, of files of one's own."""

import json
from pathlib import Path

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("train")
@click.argument("corpus", nargs=-1, required=True)
@click.option("-o", "--output", "out", required=True, metavar="MODEL", help="Where to write it.")
@click.option(
    "--text", type=click.IntRange(1), metavar="BYTES", help="Of the model's text.  [default: 524288]"
)
@click.option(
    "--steps", type=click.IntRange(0), metavar="N", help="Of training the weights, a level.  [default: 64]"
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="Of all choices.")
@click.option("--licence", default="", metavar="TEXT", help="Of the corpus, for the record.")
@click.option("--plot", metavar="FILE", help="Draw the curves: .png, .svg or .pdf. Needs matplotlib.")
@options.threads
@options.as_json
def command(
    *,
    corpus: tuple[str, ...],
    out: str,
    text: int | None,
    steps: int | None,
    seed: int,
    licence: str,
    plot: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train a model of bytes on the files of CORPUS: files, or folders whose folders are kinds of content.

    Messages of such kinds then take fewer bytes: see encode --model. One file in ten is held out, and tells
    how good the model is. Beside MODEL, a file of the same name with .json tells what it was made of. MODEL
    holds pieces of the corpus as they are: who has it can read them.
    """
    from sapwood.bytecoder.picture import check_kind
    from sapwood.bytecoder.training import train
    from sapwood.bytecoder.training.picture import picture
    from sapwood.bytecoder.training.run import STEPS, TEXT
    from sapwood.patch.atomic_file import atomic_output

    kind = check_kind(plot) if plot is not None else ""
    with screen.stages() as progress:
        trained = train(
            corpus,
            text_size=TEXT if text is None else text,
            steps=STEPS if steps is None else steps,
            seed=seed,
            licence=licence,
            threads=threads,
            progress=progress,
        )
    with atomic_output(out) as file:
        file.write(trained.prior.data)
    with atomic_output(Path(out).with_suffix(".json")) as file:
        file.write((json.dumps(trained.meta, indent=2) + "\n").encode())
    if plot is not None:
        with atomic_output(plot) as file:
            file.write(picture(trained.curve, kind))
    if as_json:
        screen.print_json(trained.meta)
        return
    click.echo(f"{out}: {screen.size(len(trained.prior.data))}, identity {trained.prior.identity.hex()}")
    held_out = trained.meta["held_out_bits_a_byte"]
    kinds = sorted({kind for level in held_out.values() for of in level.values() for kind in of})
    columns = [(level, size) for level in held_out for size in held_out[level]]
    rows = [
        [
            kind,
            *(
                f"{held_out[level][size][kind]:.3f}" if kind in held_out[level][size] else "-"
                for level, size in columns
            ),
        ]
        for kind in kinds
    ]
    if rows:
        click.echo("Bits a byte of held-out messages, by level and size:")
        screen.print_table(["kind", *(f"{level} {size}" for level, size in columns)], rows)
