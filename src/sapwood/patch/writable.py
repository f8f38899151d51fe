"""What cannot be written into a patch, refused before any work: a reader would refuse it later."""

from collections.abc import Mapping

from sapwood.errors import WrongCall
from sapwood.formats.model import Model
from sapwood.patch import limits
from sapwood.patch.manifest import leads_out

__all__ = ["check_writable"]


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


def _is_text(item: object) -> bool:
    # Lone surrogates are in strings that came from bytes of no encoding.
    return isinstance(item, str) and not any("\ud800" <= character <= "\udfff" for character in item)
