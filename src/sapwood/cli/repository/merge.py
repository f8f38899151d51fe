"""``sapwood merge``: join branches."""

from typing import Any

import click

from sapwood.cli import options, screen
from sapwood.cli.repository.options import fields, message, metrics, otherwise, strategy

__all__ = ["command", "read_parameters"]


@click.command("merge")
@click.argument("revisions", nargs=-1, required=True)
@strategy
@otherwise
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.read_metadata,
    help="Of the strategy: weights=1,3, t=0.5 (slerp), density=0.2 (ties, dare), scale=1, seed=0 (dare).",
)
@click.option(
    "--everywhere",
    is_flag=True,
    help="Let the strategy make each tensor that is not the same on all sides.",
)
@click.option(
    "--no-ff", "no_forward", is_flag=True, help="Make a commit even where moving the branch would do."
)
@message
@metrics
@fields
@options.as_json
def command(
    *,
    revisions: tuple[str, ...],
    strategy: str,
    otherwise: str,
    parameters: dict[str, str],
    everywhere: bool,
    no_forward: bool,
    message: str | None,
    metrics: dict[str, float],
    fields: dict[str, str],
    as_json: bool,
) -> None:
    """Join REVISIONS into this branch, tensor by tensor.

    What only one side has changed since the common ancestor is taken from it. The strategy is for what both
    changed; without one that is a conflict, and nothing is changed.
    """
    from sapwood.repo.merge.strategy import named_strategy
    from sapwood.repo.repository import Repository

    with Repository() as repository:
        result = repository.merge(
            *revisions,
            strategy=named_strategy(strategy, **read_parameters(parameters)),
            otherwise=otherwise,
            everywhere=everywhere,
            message=message,
            metrics=metrics,
            fields=fields,
            fast_forward=not no_forward,
        )
    if as_json:
        mixed = [{"file": file, "tensor": name} for file, name in result.mixed]
        screen.print_json({"commit": result.commit, "how": result.how, "mixed": mixed})
    elif result.how == "up to date":
        click.echo("Already up to date.")
    elif result.how == "fast-forward":
        click.echo(f"Fast-forward to {result.commit[:7]}")
    else:
        click.echo(f"Merged as {result.commit[:7]}, {len(result.mixed)} tensors made by {strategy}")


def read_parameters(texts: dict[str, str]) -> dict[str, Any]:
    """Parameters of a strategy: numbers, rows of numbers, yes and no."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            if name == "weights":
                found[name] = tuple(float(one) for one in text.split(","))
            elif name == "elect":
                found[name] = {"yes": True, "no": False}[text]
            else:
                found[name] = int(text) if name == "seed" else float(text)
        except (ValueError, KeyError) as error:
            raise click.BadParameter(f"{name}={text} is no value of a strategy") from error
    return found
