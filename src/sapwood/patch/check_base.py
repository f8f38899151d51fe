"""Whether a model is the one that a patch was made for: by shape and size at once, by its digest in time."""

from sapwood.errors import WrongBase, WrongCall
from sapwood.formats.model import Model
from sapwood.patch.digest import Identifier
from sapwood.patch.manifest import Manifest, ModelIdentity, Shape
from sapwood.patch.workers import Workers

__all__ = ["BaseCheck", "check_shapes"]


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


class BaseCheck:
    """Whether bases of the right shape are those the patch was made for, by their digests.

    Threads hash them beside the decoding; one alone hashes what will be read next, for the cache's sake.
    """

    def __init__(self, manifest: Manifest, base: Model | None, also: Model | None, workers: Workers) -> None:
        pairs = (manifest.base, base, "base"), (manifest.second_base, also, "second base")
        self._checks = [
            _DigestCheck(wanted, model, what, workers.hashing)
            for wanted, model, what in pairs
            if model is not None and wanted.shape is not Shape.NONE
        ]
        self._begun = workers.begin(self._finish) if workers.threads > 1 else None

    def coming(self, end: int) -> None:
        """The bases' bytes below ``end`` are about to be read."""
        if self._begun is None and self._checks:
            self._checks[0].reach(end)

    def tell(self) -> None:
        """Raise WrongBase if that is known already."""
        if self._begun is not None and self._begun.done():
            self.finish()

    def finish(self) -> None:
        """Wait for the answer.

        Raises:
            WrongBase: By digest.
        """
        if self._begun is None:
            self._finish()
        else:
            self._begun.result()

    def _finish(self) -> None:
        for check in self._checks:
            check.finish()


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


class _DigestCheck:
    def __init__(self, wanted: ModelIdentity, model: Model, what: str, threads: int) -> None:
        self._wanted = wanted
        self._model = model
        self._what = what
        self._identifier = Identifier(model, threads, wanted.hash)
        self.reach = self._identifier.reach

    def finish(self) -> None:
        found = self._identifier.finish()
        if found.digest != self._wanted.digest:
            raise WrongBase(
                f"the {self._what} is not the one the patch was made for: its digest differs",
                path=self._model.root,
                expected=self._wanted.digest.hex(),
                found=found.digest.hex(),
                advice=_advice(self._what),
            )
