"""A model's fingerprint: exact digests, and a sketch; and how it is saved."""

import base64
import binascii
import dataclasses
import functools
import json
from typing import Any, Final

from sapwood.errors import BadData, LimitExceeded
from sapwood.formats.layout import FormatWarning
from sapwood.kinship import limits
from sapwood.kinship.signature import Signature, signature_of
from sapwood.kinship.sketch import Sketch
from sapwood.kinship.sketch_bytes import read_sketch, write_sketch

__all__ = ["DIGEST_SIZE", "KEY", "Fingerprint", "read_fingerprint"]

KEY: Final = "sapwood_fingerprint"
"""The first key of a saved fingerprint; its value is the version of the form."""

_VERSION: Final = 1
DIGEST_SIZE: Final = 32
_LONGEST_FORMAT: Final = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a model is, and how to tell its kin.

    Attributes:
        size: Bytes of all its files.
        formats: Of its files, sorted.
        digest: The digest that patches for hosts name it by, BLAKE3; None if only the sketch was made.
        contents: Digest of its tensors' contents, whatever their names, order and format; None likewise.
        sketch: What tells kin.
        warnings: What is not understood of the model; not saved.
    """

    size: int
    formats: tuple[str, ...]
    digest: bytes | None
    contents: bytes | None
    sketch: Sketch
    warnings: tuple[FormatWarning, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the digests are known."""
        return self.digest is not None

    @functools.cached_property
    def signature(self) -> Signature:
        """What a database compares."""
        return signature_of(self.sketch)

    def to_json(self) -> dict[str, Any]:
        """As it is saved: JSON's types only."""
        return {
            KEY: _VERSION,
            "size": self.size,
            "formats": list(self.formats),
            "tensors": len(self.sketch.tensors),
            "digest": self.digest.hex() if self.digest is not None else None,
            "contents": self.contents.hex() if self.contents is not None else None,
            "sketch": base64.b64encode(write_sketch(self.sketch)).decode("ascii"),
        }


def read_fingerprint(data: bytes, path: str = "") -> Fingerprint:
    """A saved fingerprint.

    Raises:
        BadData: It is no fingerprint, or of another version, or tells what cannot be.
        LimitExceeded: It is too large.
    """
    if len(data) > limits.MAX_SAVED:
        raise LimitExceeded("the fingerprint is too large", path=path, expected=limits.MAX_SAVED)
    try:
        saved = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadData("the fingerprint is not JSON", path=path) from error
    if not isinstance(saved, dict) or KEY not in saved:
        raise BadData("not a saved fingerprint", path=path)
    version = saved[KEY]
    if type(version) is not int or version != _VERSION:
        advice = "Make it anew with this version of sapwood."
        raise BadData("the fingerprint is of another version", path=path, expected=_VERSION, advice=advice)
    size, formats = saved.get("size"), saved.get("formats")
    if type(size) is not int or not 0 <= size < 1 << 63:
        raise BadData("the fingerprint's size is none", path=path)
    if not isinstance(formats, list) or not all(
        isinstance(name, str) and len(name) <= _LONGEST_FORMAT for name in formats
    ):
        raise BadData("the fingerprint's formats are no names", path=path)
    digest, contents = (_digest(saved.get(name), name, path) for name in ("digest", "contents"))
    if (digest is None) != (contents is None):
        raise BadData("the fingerprint has one digest of two", path=path)
    try:
        sketch = read_sketch(base64.b64decode(str(saved.get("sketch")), validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadData("the fingerprint's sketch is not base64", path=path) from error
    except BadData as error:
        error.path = path
        raise
    return Fingerprint(size, tuple(formats), digest, contents, sketch)


def _digest(value: object, name: str, path: str) -> bytes | None:
    if value is None:
        return None
    try:
        digest = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_SIZE:
        raise BadData(
            f"the fingerprint's {name} is none", path=path, expected=f"{2 * DIGEST_SIZE} hex digits"
        )
    return digest
