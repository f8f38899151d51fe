"""What cannot be written into a patch, refused before any work: a reader would refuse it later."""

from collections.abc import Mapping
from typing import Final

from sapwood.codec.device_segment import STATES
from sapwood.errors import WrongCall
from sapwood.formats.model import Model
from sapwood.patch import limits
from sapwood.patch.device_plan import DeviceLimits
from sapwood.patch.manifest import leads_out

__all__ = ["check_for_device", "check_writable"]

# Offsets on a device have 32 bits.
_MOST_BYTES: Final = (1 << 32) - 1


def check_writable(models: tuple[Model, ...], metadata: Mapping[str, str], version_counter: int) -> None:
    """Check what a manifest takes from its caller.

    Raises:
        WrongCall: A file's name, a string of the metadata or the counter does not fit the format.
    """
    if not 0 <= version_counter < 1 << 64:
        raise WrongCall("a version counter is an integer from 0 to 2**64 - 1", found=version_counter)
    for pair in metadata.items():
        if not all(_is_text(item) for item in pair):
            raise WrongCall("metadata is strings named by strings", found=pair)
    for model in models:
        for file in model.files:
            # A lone file has no path in the patch.
            if model.is_folder and (leads_out(file.path) or len(file.path.encode()) > limits.MAX_PATH):
                raise WrongCall(
                    "a patch cannot carry a file of this name",
                    path=f"{model.root}/{file.path}",
                    advice=f"Rename it: no colon, no backslash, at most {limits.MAX_PATH} bytes.",
                )


def check_for_device(base: Model, target: Model, device: DeviceLimits) -> None:
    """Check what the device profile takes.

    Raises:
        WrongCall: A model is a folder or too large, or no decoder has such limits.
    """
    if device.state not in STATES:
        states = " or ".join(map(str, STATES))
        raise WrongCall("no such state of a device", expected=states, found=device.state)
    if device.behind is not None and device.behind < 0:
        raise WrongCall("a device keeps no fewer than 0 bytes of the base behind", found=device.behind)
    for model in (base, target):
        size = sum(len(file.data) for file in model.files)
        if model.is_folder or size > _MOST_BYTES:
            raise WrongCall(
                "a device's model is one file below 4 GiB",
                path=model.root,
                found="a folder" if model.is_folder else f"{size} bytes",
                advice="Make a patch of the host profile.",
            )


def _is_text(item: object) -> bool:
    # Lone surrogates are in strings that came from bytes of no encoding.
    return isinstance(item, str) and not any("\ud800" <= character <= "\udfff" for character in item)
