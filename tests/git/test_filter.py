"""The filter by itself, with hostile and odd input."""

import io
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from sapwood.errors import BadData, DigestMismatch, WrongCall
from sapwood.git.filter import clean, open_store, smudge
from sapwood.git.pointer import Pointer, parse_pointer
from sapwood.git.setup import _quoted
from sapwood.store.kinds import Kind

MODEL = save({"a": np.arange(20000, dtype=np.float32), "b": np.ones(3, np.int8)})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "sapwood" / "store"


def into(place: Path, data: bytes, path: str = "m.safetensors", known: Pointer | None = None) -> bytes:
    with open_store(place, create=True) as store:
        return clean(store, io.BytesIO(data), path, known)


def out(place: Path, data: bytes) -> tuple[bytes, str]:
    """What is written, and what is said."""
    sink = io.BytesIO()
    absent = smudge(place, io.BytesIO(data), "m.safetensors", sink)
    return sink.getvalue(), "" if absent is None else str(absent)


def pointer_to(place: Path, data: bytes) -> Pointer:
    pointer = parse_pointer(into(place, data))
    assert pointer is not None
    return pointer


@pytest.mark.parametrize("data", [MODEL, b"x", b"\n" * 513, MODEL[:1000], b"sapwood pointer 1\nrecipe ..\n"])
def test_what_goes_in_comes_out(place: Path, data: bytes) -> None:
    text = into(place, data)
    pointer = parse_pointer(text)
    assert pointer is not None
    assert pointer.text() == text
    assert into(place, data) == text, "the same bytes give the same pointer"
    assert into(place, text) == text, "a pointer stays"
    assert out(place, text) == (data, "")


def test_an_empty_file_stays_empty(place: Path) -> None:
    assert into(place, b"") == b""
    assert out(place, b"") == (b"", "")


def test_the_same_bytes_keep_their_pointer_however_they_are_laid_out(place: Path) -> None:
    known = pointer_to(place, MODEL)
    # As if another version of Sapwood had called the format so.
    older = Pointer(known.recipe, known.content, known.size, "another")
    assert into(place, MODEL, known=older) == older.text()
    # One that tells of other bytes does not count.
    changed = pointer_to(place, MODEL[:-1] + b"\x02")
    assert into(place, MODEL, known=changed) == known.text()
    # Nor one whose recipe is nowhere.
    lost = Pointer(bytes(32), known.content, known.size, "safetensors")
    assert into(place, MODEL, known=lost) == known.text()


def test_what_is_no_pointer_passes(place: Path) -> None:
    text = pointer_to(place, MODEL).text()
    for other in (
        b"plain",
        text + b"\n",
        text[:-1],
        text.replace(b"size 8", b"size 08"),
        text.replace(b"\nsize", b"\r\nsize"),
        text.replace(b"format safetensors", b"format ../../etc"),
        text.replace(b"recipe ", b"recipe ../"),
        b"size " + b"9" * 1000,
    ):
        assert other != text
        assert out(place, other) == (other, "")


def test_a_missing_object_leaves_the_pointer_and_is_named(tmp_path: Path, place: Path) -> None:
    text = pointer_to(place, MODEL).text()
    nowhere = tmp_path / "none"
    written, said = out(nowhere, text)
    assert written == text
    assert "not in the store" in said
    assert not nowhere.exists(), "nothing is made on the way out"
    unknown = Pointer(bytes(32), bytes(32), 10**18, "gguf")
    written, said = out(place, unknown.text())
    assert written == unknown.text()
    assert "00" * 32 in said


def test_a_recipe_with_objects_missing_leaves_the_pointer(tmp_path: Path, place: Path) -> None:
    pointer = pointer_to(place, MODEL)
    other = tmp_path / "other"
    with open_store(place) as store, open_store(other, create=True) as second, second.writer() as writer:
        writer.put(Kind.RECIPE, store.read(pointer.recipe))
    written, said = out(other, pointer.text())
    assert written == pointer.text()
    assert "not in the store" in said


def test_a_pointer_that_lies_is_refused(place: Path) -> None:
    true = pointer_to(place, MODEL)
    for false in (
        Pointer(true.recipe, bytes(32), true.size, true.format),
        Pointer(true.recipe, true.content, 10**18, true.format),
    ):
        with pytest.raises(DigestMismatch, match="different files"):
            out(place, false.text())
    with open_store(place) as store:
        tensor = next(info.digest for info in store.objects(Kind.TENSOR))
    with pytest.raises(BadData):
        out(place, Pointer(tensor, true.content, true.size, true.format).text())


@pytest.mark.parametrize("pattern", ["", "!*.pt", "a\nb", "a\tb"])
def test_what_git_takes_for_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(WrongCall):
        _quoted(pattern)
