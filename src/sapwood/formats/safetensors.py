"""safetensors: eight bytes of length, a JSON header, then the tensors without holes.

Source: the format section of the safetensors README, and ``validate`` in its tensor.rs: no hole, no overlap,
the whole file described, a capped header. The header is read by a grammar of its own and not by a JSON
library, so memory stays in proportion to the tensors, nesting cannot grow, and doubled keys are seen.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import elements, text, uint
from sapwood.formats.dtype import DTYPES, DType
from sapwood.formats.layout import Layout, Tensor, cover

FORMAT: Final = "safetensors"

_DTYPES: Final[dict[str, DType]] = {
    "F4": DTYPES["f4_e2m1"],
    "F6_E2M3": DTYPES["f6_e2m3"],
    "F6_E3M2": DTYPES["f6_e3m2"],
    "F8_E4M3": DTYPES["f8_e4m3"],
    "F8_E5M2": DTYPES["f8_e5m2"],
    "F8_E4M3FNUZ": DTYPES["f8_e4m3fnuz"],
    "F8_E5M2FNUZ": DTYPES["f8_e5m2fnuz"],
    "F8_E8M0": DTYPES["f8_e8m0"],
    **{name.upper(): DTYPES[name] for name in ("f64", "f32", "f16", "bf16", "c64", "bool")},
    **{f"{sign}{bits}".upper(): DTYPES[f"{sign}{bits}"] for sign in "iu" for bits in (64, 32, 16, 8)},
}

DTYPE_NAMES: Final = {dtype.name: name for name, dtype in _DTYPES.items()}
"""What the format calls our dtypes."""

# Possessive repeats: a hostile header cannot make the matcher go back over what it has read.
_SPACE = r"[ \t\n\r]*+"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\.)*+"'
_KEY = re.compile(f"{_SPACE}({_STRING}){_SPACE}:{_SPACE}")
_TEXT = re.compile(f"{_SPACE}{_STRING}{_SPACE}")
_FIELD = re.compile(
    rf'{_SPACE}"(?:(dtype)"{_SPACE}:{_SPACE}"([A-Z0-9_]{{1,16}})"'
    rf'|(shape)"{_SPACE}:{_SPACE}\[((?:{_SPACE}[0-9]{{1,19}}(?![0-9]){_SPACE},?)*+)\]'
    rf'|(data_offsets)"{_SPACE}:{_SPACE}\[{_SPACE}([0-9]{{1,19}}){_SPACE},{_SPACE}([0-9]{{1,19}}){_SPACE}\]'
    rf"){_SPACE}([,}}]){_SPACE}"
)
_BLANK = re.compile(_SPACE)
_NUMBERS = re.compile(rf"{_SPACE}(?:[0-9]+{_SPACE}(?:,{_SPACE}[0-9]+{_SPACE})*+)?")


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """A header length under the cap, then the header's opening brace."""
    return len(head) > 8 and head[8] == ord("{") and uint(head, 0, 8) <= limits.MAX_HEADER_BYTES


def read(data: memoryview) -> Layout:
    """The layout of a whole safetensors file.

    Raises:
        MalformedModel: The header or the offsets break the format's rules.
    """
    length = uint(data, 0, 8)
    if length > limits.MAX_HEADER_BYTES:
        raise MalformedModel(
            "the header is too long", offset=0, expected=limits.MAX_HEADER_BYTES, found=length
        )
    start = 8 + length
    tensors: list[tuple[int, int, Tensor]] = []
    for name, dtype, shape, begin, end, at in _Header(text(data, 8, length)).tensors():
        if dtype.bits * elements(shape, at) != (end - begin) * 8:
            raise MalformedModel(f"tensor {name!r} does not fit its offsets", offset=at, found=end - begin)
        tensors.append((start + begin, end - begin, Tensor(name, dtype, shape)))
    at = start
    for offset, size, tensor in sorted(tensors, key=lambda triple: triple[:2]):
        if offset != at:
            raise MalformedModel(f"hole or overlap before tensor {tensor.name!r}", offset=offset, expected=at)
        at = offset + size
    if at != len(data):
        raise MalformedModel("the tensors do not end where the file ends", offset=at, expected=len(data))
    return cover(FORMAT, len(data), tensors)


class _Header:
    """Walks the header's text once; offsets in errors are characters, exact for ASCII names."""

    def __init__(self, header: str) -> None:
        self._header = header
        self._at = 0

    def tensors(self) -> Iterator[tuple[str, DType, tuple[int, ...], int, int, int]]:
        """(name, dtype, shape, begin, end, offset of the entry) of each tensor."""
        self._expect("{")
        seen: set[str] = set()
        while not (not seen and self._take("}")):
            at = self._at
            name = self._key()
            if name in seen or len(seen) > limits.MAX_TENSORS:
                raise MalformedModel(f"the header names {name!r} twice, or too many tensors", offset=8 + at)
            seen.add(name)
            self._expect("{")
            if name == "__metadata__":
                self._metadata()
            else:
                yield name, *self._entry(), 8 + at
            if self._take("}"):
                break
            self._expect(",")
        if self._header[self._at :].strip(" \t\n\r"):
            raise self._malformed()

    def _entry(self) -> tuple[DType, tuple[int, ...], int, int]:
        fields: dict[str, tuple[str, ...]] = {}
        closed = False
        while not closed:
            match = _FIELD.match(self._header, self._at)
            if match is None:
                raise self._malformed()
            key = match[1] or match[3] or match[5]
            if key in fields:
                raise self._malformed()
            fields[key] = (match[2] or "", match[4] or "", match[6] or "", match[7] or "")
            self._at = match.end()
            closed = match[8] == "}"
        if (
            len(fields) != 3
            or fields["dtype"][0] not in _DTYPES
            or not _NUMBERS.fullmatch(fields["shape"][1])
        ):
            raise self._malformed()
        if fields["shape"][1].count(",") >= limits.MAX_DIMENSIONS:
            raise self._malformed()
        shape = tuple(int(size) for size in re.findall("[0-9]+", fields["shape"][1]))
        begin, end = int(fields["data_offsets"][2]), int(fields["data_offsets"][3])
        if begin > end:
            raise self._malformed()
        return _DTYPES[fields["dtype"][0]], shape, begin, end

    def _metadata(self) -> None:
        # Values are glue: only their form matters.
        seen: set[str] = set()
        while not (not seen and self._take("}")):
            key = self._key()
            match = _TEXT.match(self._header, self._at)
            if match is None or key in seen or len(seen) > limits.MAX_TENSORS:
                raise self._malformed()
            seen.add(key)
            self._at = match.end()
            if self._take("}"):
                return
            self._expect(",")

    def _key(self) -> str:
        match = _KEY.match(self._header, self._at)
        if match is None:
            raise self._malformed()
        try:
            name = json.loads(match[1])
            # A lone surrogate escape is valid JSON and no text.
            name.encode()
        except ValueError as error:
            raise self._malformed() from error
        self._at = match.end()
        return str(name)

    def _take(self, character: str) -> bool:
        blank = _BLANK.match(self._header, self._at)
        self._at = blank.end() if blank else self._at
        if self._header[self._at : self._at + 1] != character:
            return False
        self._at += 1
        return True

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise self._malformed()

    def _malformed(self) -> MalformedModel:
        found = self._header[self._at : self._at + 24]
        return MalformedModel("the header breaks the format's grammar", offset=8 + self._at, found=found)
