import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.dtype import BYTES, DTYPES, Kind
from sapwood.formats.layout import Layout, Span, Tally, Tensor, cover


def raw(name: str, length: int) -> Tensor:
    return Tensor(name, BYTES, (length,))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9))), st.integers(0, 5))
def test_cover_names_each_tensor_and_leaves_no_hole(parts: list[tuple[int, int]], tail: int) -> None:
    at = 0
    tensors: list[tuple[int, int, Tensor]] = []
    for gap, length in parts:
        tensors.append((at + gap, length, raw(f"t{len(tensors)}", length)))
        at += gap + length
    layout = cover("test", at + tail, reversed(tensors))
    assert sum(span.length for span in layout.spans) == layout.size == at + tail
    assert [(s.offset, s.length, t) for s, t in layout.tensors()] == [t for t in tensors if t[1]]


def test_cover_leaves_out_tensors_without_bytes() -> None:
    assert cover("test", 4, [(2, 0, raw("empty", 0))]).spans == (Span(0, 4, None),)


def test_cover_merges_tensors_that_share_all_bytes_and_keeps_the_first() -> None:
    layout = cover("test", 4, [(0, 4, raw("first", 4)), (0, 4, raw("second", 4))])
    assert [tensor.name for _, tensor in layout.tensors()] == ["first"]


@pytest.mark.parametrize(("offset", "length"), [(2, 4), (0, 2), (1, 2), (0, 5)])
def test_cover_refuses_a_partial_overlap(offset: int, length: int) -> None:
    with pytest.raises(MalformedModel, match="overlaps"):
        cover("test", 8, [(0, 4, raw("a", 4)), (offset, length, raw("b", length))])


@pytest.mark.parametrize(("offset", "length"), [(5, 4), (-1, 2), (9, 0), (2, -1)])
def test_cover_refuses_a_tensor_outside_the_file(offset: int, length: int) -> None:
    with pytest.raises(MalformedModel, match="outside"):
        cover("test", 8, [(offset, length, raw("a", 4))])


def test_equal_names_get_numbers_in_file_order() -> None:
    tensors = [(2, 1, raw("a", 1)), (0, 1, raw("a", 1)), (1, 1, raw("a#2", 1)), (3, 1, raw("a", 1))]
    names = [tensor.name for _, tensor in cover("test", 4, tensors).tensors()]
    assert names == ["a", "a#2", "a#3", "a#4"]


def test_cover_stops_at_too_many_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 3)
    with pytest.raises(MalformedModel, match="too many"):
        cover("test", 8, ((n, 1, raw(str(n), 1)) for n in range(4)))


def test_cover_stops_at_too_many_characters_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 10)
    with pytest.raises(MalformedModel, match="too long names"):
        cover("test", 8, [(0, 1, raw("sixsix", 1)), (1, 1, raw("sixsiy", 1))])


def test_cover_refuses_a_name_that_is_too_long() -> None:
    with pytest.raises(MalformedModel, match="name is too long"):
        cover("test", 8, [(0, 1, raw("x" * (limits.MAX_NAME_CHARS + 1), 1))])


def test_cover_refuses_too_many_dimensions() -> None:
    with pytest.raises(MalformedModel, match="dimensions"):
        cover("test", 8, [(0, 1, Tensor("a", BYTES, (1,) * 65))])


@pytest.mark.parametrize(
    "spans",
    [
        (Span(0, 3, None),),
        (Span(1, 3, None),),
        (Span(0, 2, None), Span(3, 1, None)),
        (Span(0, 3, None), Span(2, 2, None)),
        (Span(0, 0, None), Span(0, 4, None)),
        (Span(0, 4, Tensor("a", DTYPES["f32"], (2,))),),
    ],
)
def test_a_layout_that_does_not_add_up_cannot_be_made(spans: tuple[Span, ...]) -> None:
    with pytest.raises(MalformedModel):
        Layout("test", 4, spans)


def test_every_dtype_describes_its_bits() -> None:
    for name, dtype in DTYPES.items():
        assert dtype.name == name
        assert dtype.nbytes(dtype.block_elements) == dtype.block_bytes > 0
        if dtype.kind is Kind.BLOCK:
            assert dtype.bits == 0
            assert dtype.nbytes(dtype.block_elements + 1) == 2 * dtype.block_bytes
        else:
            assert dtype.block_elements * dtype.bits == 8 * dtype.block_bytes
        if dtype.kind is Kind.FLOAT:
            assert dtype.bits - (name != "f8_e8m0") == dtype.exponent_bits + dtype.mantissa_bits
        if dtype.kind is Kind.COMPLEX:
            assert dtype.bits == 2 * (1 + dtype.exponent_bits + dtype.mantissa_bits)


@pytest.mark.parametrize(
    ("name", "elements", "size"), [("i4", 3, 2), ("f6_e2m3", 4, 3), ("f6_e2m3", 1, 1), ("i2", 5, 2)]
)
def test_elements_smaller_than_a_byte_are_packed_and_padded(name: str, elements: int, size: int) -> None:
    assert DTYPES[name].nbytes(elements) == size


def test_a_tally_bounds_tensors_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 3)
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 10)
    monkeypatch.setattr(limits, "MAX_NAME_CHARS", 6)
    tally = Tally()
    for name in ("a", "b", "c"):
        tally.add(name, 1)
    with pytest.raises(MalformedModel, match="too many"):
        tally.add("d", 1)
    with pytest.raises(MalformedModel, match="is too long"):
        Tally().add("seven..", 1)
    tally = Tally()
    tally.add("five.", 1)
    with pytest.raises(MalformedModel, match="too long names"):
        tally.add("sixsix", 1)
