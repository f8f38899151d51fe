import time
from collections.abc import Sequence

import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.xml_elements import walk_elements

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x0 "ha">%s]><a>&x30;</a>""" % b"".join(
    b'<!ENTITY x%d "&x%d;&x%d;">' % (i + 1, i, i) for i in range(30)
)
EXTERNAL = b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
PARAMETER = b'<!DOCTYPE a [<!ENTITY %% x SYSTEM "http://localhost/x"> %%x;]><a/>'
BLOW_UP = b'<!DOCTYPE a [<!ENTITY x "%s">]><a>%s</a>' % (b"y" * 100_000, b"&x;" * 10_000)


def walked(data: bytes) -> list[tuple[str, dict[str, str], int]]:
    found = []

    def begin(path: Sequence[str], attributes: dict[str, str], at: int) -> None:
        found.append(("/".join(path), attributes, at))

    walk_elements(memoryview(data), begin)
    return found


def test_elements_come_with_their_path_attributes_and_offset() -> None:
    data = b'<?xml version="1.0"?><!-- c --><a x="1&amp;2"><b/>text<c><b y=""/></c></a>'
    assert walked(data) == [
        ("a", {"x": "1&2"}, 31),
        ("a/b", {}, data.index(b"<b/>")),
        ("a/c", {}, data.index(b"<c>")),
        ("a/c/b", {"y": ""}, data.index(b"<b y")),
    ]


@pytest.mark.parametrize(
    "data",
    [LAUGHS, EXTERNAL, OUTSIDE, PARAMETER, BLOW_UP, b"<!DOCTYPE a><a/>"],
    ids=[
        "billion_laughs",
        "external_dtd",
        "external_entity",
        "parameter_entity",
        "quadratic",
        "empty_doctype",
    ],
)
def test_a_document_type_is_refused_before_anything_in_it_counts(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(MalformedModel, match="document type") as caught:
        walked(data)
    assert caught.value.offset is not None
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a x=1/>",
        b'<a x="1" x="2"/>',
        b"<a>&nope;</a>",
        b"<a>\xff</a>",
    ],
)
def test_what_is_no_xml_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedModel, match="well-formed") as caught:
        walked(data)
    assert caught.value.offset is not None


def test_another_declared_encoding_is_read_as_utf_8() -> None:
    assert walked('<?xml version="1.0" encoding="shift_jis"?><a x="ö"/>'.encode())[0][1] == {"x": "ö"}


def test_deep_nesting_is_refused() -> None:
    walked(b"<a>" * limits.MAX_XML_DEPTH + b"</a>" * limits.MAX_XML_DEPTH)
    with pytest.raises(MalformedModel, match="too deep"):
        walked(b"<a>" * 1_000_000)


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_XML_ELEMENTS", 100)
    walked(b"<a>" + b"<b/>" * 99 + b"</a>")
    with pytest.raises(MalformedModel, match="too many"):
        walked(b"<a>" + b"<b/>" * 100 + b"</a>")


def test_a_file_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_XML_BYTES", 10)
    with pytest.raises(MalformedModel, match="too long"):
        walked(b"<abcdefgh/>")


@pytest.mark.parametrize(
    "inside", [b' a%d=""' * 50_000 % tuple(range(50_000)), b' a="%s"' % (b">" * 300_000)]
)
def test_a_tag_too_long_is_refused_before_it_is_parsed(inside: bytes) -> None:
    with pytest.raises(MalformedModel, match="tag is too long") as caught:
        walked(b"<a><b%s/></a>" % inside)
    assert caught.value.offset == 3
