"""Whether a model is the one that a patch was made for: by shape and size at once, by its digest in time."""

from sapwood.errors import WrongBase, WrongCall
from sapwood.formats.model import Model
from sapwood.patch.digest import identify
from sapwood.patch.manifest import Manifest, ModelIdentity, Shape

__all__ = ["check_digests", "check_shapes"]


def check_shapes(manifest: Manifest, base: Model | None, also: Model | None = None) -> None:
    """Refuse a base, or a second one in ``also``, that the patch cannot have been made for.

    Raises:
        WrongBase: One is missing, or of another shape or size.
        WrongCall: There is a second base, and the patch has none.
    """
    _check_shape(manifest.base, base, "base")
    if also is not None and manifest.second_base.shape is Shape.NONE:
        raise WrongCall("the patch was made without a second base", path=also.root)
    _check_shape(manifest.second_base, also, "second base")


def check_digests(
    manifest: Manifest, base: Model | None, also: Model | None = None, threads: int = 1
) -> None:
    """Refuse bases of the right shape that the patch was not made for.

    Raises:
        WrongBase: By digest.
    """
    _check_digest(manifest.base, base, "base", threads)
    _check_digest(manifest.second_base, also, "second base", threads)


def _advice(what: str) -> str:
    if what == "base":
        return "Apply the patch to the model it was made from."
    return "Give the model that diff was given as --also."


def _check_shape(wanted: ModelIdentity, model: Model | None, what: str) -> None:
    if wanted.shape is Shape.NONE:
        return
    if model is None:
        raise WrongBase(f"the patch needs a {what}", expected=wanted.digest.hex())
    shape = Shape.FOLDER if model.is_folder else Shape.FILE
    size = sum(len(f.data) for f in model.files)
    if shape is not wanted.shape or size != wanted.size:
        raise WrongBase(
            f"the {what} is not the one the patch was made for",
            path=model.root,
            expected=f"{wanted.shape.name.lower()} of {wanted.size} bytes",
            found=f"{shape.name.lower()} of {size} bytes",
            advice=_advice(what),
        )


def _check_digest(wanted: ModelIdentity, model: Model | None, what: str, threads: int) -> None:
    if wanted.shape is Shape.NONE or model is None:
        return
    found = identify(model, threads, wanted.hash)
    if found.digest != wanted.digest:
        raise WrongBase(
            f"the {what} is not the one the patch was made for: its digest differs",
            path=model.root,
            expected=wanted.digest.hex(),
            found=found.digest.hex(),
            advice=_advice(what),
        )
