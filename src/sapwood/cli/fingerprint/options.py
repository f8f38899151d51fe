"""Options that the commands below ``fingerprint`` share."""

import click

__all__ = ["database", "sketch_only"]

sketch_only = click.option(
    "--sketch", "sketch_only", is_flag=True, help="Make no digests, and read a few MB of a model only."
)

database = click.option(
    "--db", "database", required=True, metavar="FILE", help="The database: an SQLite file."
)
