"""``sapwood device``: updates of models in flash, tried before they are sent."""

import click

from sapwood.cli.lazy_group import LazyGroup

__all__ = ["command"]


@click.group(
    "device",
    cls=LazyGroup,
    commands_in={
        "plan": "sapwood.cli.device.plan",
        "simulate": "sapwood.cli.device.simulate",
        "image": "sapwood.cli.device.image",
    },
)
def command() -> None:
    """Try updates of a model in a device's flash before they are sent.

    The update engine of core/include/sapwood_device.h runs here as it does on the device, on flash that
    keeps the rules of NOR. Patches come from "diff --profile device".
    """
