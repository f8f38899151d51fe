import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import WrongCall
from sapwood.formats.detect import READERS, read_layout
from sapwood.formats.layout import Layout
from tests.formats.samples import SAMPLES
from tests.formats.torch_archive import archive

# Far above what a small file needs, and far below a walk that has lost its bounds.
SECONDS = 5.0


def checked(data: bytes) -> Layout:
    """The layout of hostile bytes; a Layout checks itself when it is made."""
    started = time.perf_counter()
    layout = read_layout(memoryview(data), "hostile")
    assert time.perf_counter() - started < SECONDS
    assert sum(span.length for span in layout.spans) == layout.size == len(data)
    assert all(warning.path == "hostile" for warning in layout.warnings)
    return layout


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_understood(name: str) -> None:
    layout = checked(SAMPLES[name]())
    assert layout.format in (name, "numpy")
    assert not layout.warnings
    assert any(layout.tensors())


@pytest.mark.parametrize("name", SAMPLES)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
)
def test_a_damaged_file_still_has_a_layout(name: str, flips: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(SAMPLES[name]())
    for place, change in flips:
        data[place % len(data)] ^= change
    checked(bytes(data))
    checked(bytes(data[: cut % len(data)]))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_short_is_never_taken_for_whole(name: str) -> None:
    data = SAMPLES[name]()
    for size in range(0, len(data), max(1, len(data) // 97)):
        checked(data[:size])


@pytest.mark.parametrize("name", SAMPLES)
@given(st.data())
def test_a_damaged_length_still_has_a_layout(name: str, draw: st.DataObject) -> None:
    data = bytearray(SAMPLES[name]())
    width = draw.draw(st.sampled_from([1, 2, 4, 8]))
    place = draw.draw(st.integers(0, len(data) - width))
    value = draw.draw(st.sampled_from([0, 1, 1 << (8 * width - 1), (1 << 8 * width) - 1]))
    data[place : place + width] = value.to_bytes(width, "little")
    checked(bytes(data))


@given(st.binary(max_size=300))
def test_any_bytes_have_a_layout(data: bytes) -> None:
    checked(data)


@given(
    st.sampled_from([b"GGUF\3\0\0\0", b"PK\3\4", b"\x93NUMPY", b"\x08\0\0\0TFL3", b"\x40\0\0\0\0\0\0\0{"]),
    st.binary(max_size=300),
)
def test_any_bytes_behind_a_magic_number_have_a_layout(magic: bytes, data: bytes) -> None:
    checked(magic + data)


def test_an_empty_file_has_no_spans() -> None:
    assert read_layout(memoryview(b"")).spans == ()


def test_zip_archives_of_other_kinds_are_opaque_without_a_warning() -> None:
    layout = read_layout(memoryview(archive({"config.json": b"{}"})))
    assert (layout.format, layout.warnings) == ("opaque", ())


def test_views_of_other_elements_are_refused() -> None:
    with pytest.raises(WrongCall):
        read_layout(memoryview(b"abcd").cast("I"))
    with pytest.raises(WrongCall):
        read_layout(memoryview(b"abcd")[::2])


def test_every_reader_has_a_name_of_its_own() -> None:
    names = [reader.FORMAT for reader in READERS]
    assert len(set(names)) == len(names)
