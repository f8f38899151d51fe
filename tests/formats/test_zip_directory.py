import io
import struct
import zipfile
import zlib

import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import limits, zip_directory
from sapwood.formats.zip_directory import read_directory


def archive(*, comment: bytes = b"", **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.comment = comment
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


TWO = archive(a=b"first", b=b"second")
END = len(TWO) - 22
CRC, ONES = zlib.crc32(b"first"), 0xFFFFFFFF
START = struct.unpack_from("<I", TWO, END + 16)[0]


def changed(offset: int, code: str, value: int) -> bytes:
    data = bytearray(TWO)
    struct.pack_into(f"<{code}", data, offset, value)
    return bytes(data)


def contents(data: bytes) -> dict[str, bytes]:
    return {
        entry.name: data[entry.offset : entry.offset + entry.length]
        for entry in read_directory(memoryview(data))
    }


def test_stored_members_are_where_the_directory_says() -> None:
    assert contents(TWO) == {"a": b"first", "b": b"second"}
    assert contents(archive(comment=b"PK\5\6" * 9, a=b"first")) == {"a": b"first"}
    assert contents(archive()) == {}


def test_compressed_members_are_not_stored() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", b"a" * 99)
    (entry,) = read_directory(memoryview(out.getvalue()))
    assert not entry.stored


def test_members_written_to_a_pipe_are_found() -> None:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.data += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as file:
        file.writestr("a", b"first")
    assert contents(pipe.data) == {"a": b"first"}


def wide(
    *,
    record_at: int | None = None,
    count: int = 1,
    extra: int = 16,
    kind: int = 1,
    before: bytes = b"",
    part: int = 0,
) -> bytes:
    """An archive of one member whose directory says everything in zip64 fields."""
    head = struct.pack("<IHHHIIIIHH", 0x04034B50, 45, 0, 0, 0, CRC, 5, 5, 1, 0) + b"afirst"
    sizes = before + struct.pack("<HHQQQ", kind, 24, 5, 5, 0)[: 4 + 8 + extra]
    entry = struct.pack("<IHHHHIIIIHH", 0x02014B50, 45, 45, 0, 0, 0, CRC, ONES, ONES, 1, len(sizes))
    entry += struct.pack("<HHHII", 0, 0, 0, 0, ONES)
    directory = entry + b"a" + sizes
    at = len(head) + len(directory)
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(directory), len(head))
    locator = struct.pack("<IIQI", 0x07064B50, part, at if record_at is None else record_at, 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, *[0xFFFF] * 4, ONES, ONES, 0)
    return head + directory + record + locator + end


def test_zip64_lengths_are_read() -> None:
    with zipfile.ZipFile(io.BytesIO(wide())) as file:
        assert file.read("a") == b"first"
    assert contents(wide()) == {"a": b"first"}
    assert contents(wide(before=b"\x55\x54\x05\0other")) == {"a": b"first"}


MALFORMED = {
    "an_empty_file": b"",
    "no_directory": TWO[:START],
    "a_directory_cut_short": TWO[:-1],
    "bytes_behind_the_end": TWO + b"x",
    "bytes_before_the_start": b"x" + TWO,
    "another_disk": changed(END + 4, "H", 1),
    "counts_that_differ": changed(END + 8, "H", 1),
    "a_directory_outside_the_file": changed(END + 16, "I", 0xFFFFFFF0),
    "a_directory_of_another_length": changed(END + 12, "I", 1),
    "a_member_without_its_signature": changed(START, "I", 0),
    "a_name_longer_than_the_directory": changed(START + 28, "H", 0xFFFF),
    "an_extra_field_longer_than_the_directory": changed(START + 30, "H", 0xFFFF),
    "a_member_outside_the_file": changed(START + 42, "I", 0x7FFFFFFF),
    "a_member_at_no_local_header": changed(START + 42, "I", 3),
    "a_member_longer_than_the_file": changed(START + 20, "I", 0x7FFFFFFF),
    "a_stored_member_of_two_lengths": changed(START + 24, "I", 4),
    "a_method_that_differs": changed(START + 10, "H", 8),
    "a_local_name_that_differs": changed(30, "B", ord("z")),
    "a_local_name_of_another_length": changed(26, "H", 0xFFFF),
    "two_members_of_one_name": TWO[:START] + (TWO[START : START + 47] * 2) + struct.pack(
        "<IHHHHIIH", 0x06054B50, 0, 0, 2, 2, 94, START, 0
    ),
    "a_name_that_is_not_utf8": b"".join(
        (
            TWO[:30], b"\xff", TWO[31 : START + 8], b"\0\x08", TWO[START + 10 : START + 46], b"\xff",
            TWO[START + 47 :],
        )
    ),
    "zip64_without_a_locator": changed(END + 16, "I", 0xFFFFFFFF),
    "zip64_record_elsewhere": wide(record_at=3),
    "zip64_record_behind_the_end": wide(record_at=1 << 63),
    "zip64_count_too_large": wide(count=1 << 60),
    "zip64_count_too_small": wide(count=0),
    "zip64_lengths_cut_short": wide(extra=8),
    "zip64_lengths_that_are_not_there": wide(kind=2),
    "zip64_in_several_parts": wide(part=1),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        read_directory(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None


def test_members_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ZIP_ENTRIES", 1)
    with pytest.raises(MalformedModel, match="too many"):
        read_directory(memoryview(TWO))


def test_encrypted_members_are_not_stored() -> None:
    data = bytearray(TWO)
    data[6] |= 1
    data[START + 8] |= 1
    assert [entry.stored for entry in read_directory(memoryview(bytes(data)))] == [False, True]


def test_the_first_name_is_known_without_a_directory() -> None:
    assert zip_directory.first_name(memoryview(TWO[:40])) == "a"
    assert zip_directory.first_name(memoryview(b"PK")) == ""
