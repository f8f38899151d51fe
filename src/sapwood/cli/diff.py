"""``sapwood diff``: make a patch."""

import dataclasses
from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.diff import show_changes

if TYPE_CHECKING:
    from sapwood.patch.report import DiffReport

__all__ = ["command", "print_report"]


@click.command("diff")
@click.argument("base", required=False)
@click.argument("target", required=False)
@click.option("-o", "--output", "out", metavar="PATCH", help="Make a patch, and write it there.")
@click.option("--stat", is_flag=True, help="Of revisions: one line a file, without reading tensors.")
@click.option("--staged", is_flag=True, help="Of revisions: against what is staged, not the work tree.")
@click.option(
    "--file", "files", multiple=True, metavar="PATH", help="Of revisions: this file or folder alone."
)
@options.level
@options.sign
@options.threads
@options.metadata
@options.version_counter
@click.option(
    "--profile",
    type=click.Choice(["host", "device"]),
    default="host",
    show_default=True,
    help="device: for a decoder with a few KB of memory; one file, and --level counts for nothing.",
)
@click.option(
    "--state",
    type=click.Choice(["512", "2048"]),
    help="Bytes of the device decoder's model.  [default: 2048]",
)
@click.option(
    "--behind",
    type=click.IntRange(min=0),
    metavar="BYTES",
    help="For a device that writes TARGET over BASE: how far before the place where it writes it can still "
    "read BASE; 0 for not at all.  [default: any]",
)
@click.option(
    "--integers", is_flag=True, help="For a device whose decoder is built without floats (SWD_FLOATS=0)."
)
@click.option("--auto-meta", is_flag=True, help="Guard the patch by what a TFLite TARGET tells of its needs.")
@options.guards
@click.option(
    "--adapter",
    metavar="FILE",
    help="A low-rank adapter, as PEFT writes it, that was merged into TARGET; one is found without it too.",
)
@click.option(
    "--also",
    metavar="OLDER",
    help="A second, older base: where TARGET follows from both. Apply then needs it too.",
)
@options.as_json
def command(
    *,
    base: str | None,
    target: str | None,
    out: str | None,
    stat: bool,
    staged: bool,
    files: tuple[str, ...],
    level: str,
    key: str | None,
    threads: int | None,
    metadata: dict[str, str],
    version_counter: int,
    profile: str,
    state: str | None,
    behind: int | None,
    integers: bool,
    auto_meta: bool,
    guards: dict[str, str],
    adapter: str | None,
    also: str | None,
    as_json: bool,
) -> None:
    """Make the patch that turns BASE into TARGET; or show what differs between revisions of a repository.

    With --output both are files or folders. The patch is decoded and compared before it is written.

    Without it both are revisions, and each tensor that differs is shown, with the share of its elements that
    changed and the rms of the change, relative to the base's. BASE alone is compared with the work tree;
    without BASE what is staged is, and with --staged HEAD with what is staged.
    """
    import sapwood

    if out is None:
        show_changes(base, target, stat=stat, staged=staged, files=files, as_json=as_json)
        return
    if base is None or target is None:
        raise click.UsageError("A patch is made of a BASE and a TARGET.")
    with screen.progress_bar("diff") as progress:
        patch = sapwood.diff(
            base,
            target,
            out,
            level=level,
            threads=threads,
            metadata=metadata,
            version_counter=version_counter,
            key=key,
            profile=profile,
            state=None if state is None else int(state),
            behind=behind,
            integers=integers,
            guardrails=guards,
            auto_meta=auto_meta,
            adapter=adapter,
            also=also,
            progress=progress,
        )
    print_report(patch.report, as_json)


def print_report(report: "DiffReport | None", as_json: bool) -> None:
    """What a diff did, by kind of tensor."""
    if report is None:
        return
    screen.warn(report.warnings)
    if as_json:
        kinds = {
            name: {**dataclasses.asdict(totals), "changed_share": totals.changed_share}
            for name, totals in report.kinds.items()
        }
        screen.print_json({**dataclasses.asdict(report), "kinds": kinds, "share": report.share})
        return
    rows = [
        (
            name,
            screen.share(totals.changed_share),
            screen.size(totals.bytes_in),
            screen.size(totals.bytes_out),
            screen.share(totals.bytes_out / totals.bytes_in if totals.bytes_in else None),
        )
        for name, totals in sorted(
            report.kinds.items(), key=lambda item: (item[0] == "glue", -item[1].bytes_in)
        )
    ]
    rows.append(
        (
            "patch",
            "",
            screen.size(report.target_size),
            screen.size(report.patch_size),
            screen.share(report.share),
        )
    )
    screen.print_table(("kind", "changed", "bytes in", "bytes out", "share"), rows)
    click.echo(
        f"\nratio {report.target_size / report.patch_size:.2f}, made in {report.seconds:.2f} s: "
        f"{report.megabytes_per_second:.0f} MB/s with {report.threads} threads at level {report.level}"
    )
