import errno
import pickle
import re

import pytest

from sapwood import errors
from sapwood.errors import BadData, CorruptPatch, DiskFull, MissingInput, SapwoodError, StorageFailure

FAMILY = {row.name: row.code for row in errors.exit_codes()}


def test_every_exit_code_is_used_once() -> None:
    codes = [row.code for row in errors.exit_codes()]
    assert len(set(codes)) == len(codes)
    assert codes == sorted(codes)


def test_no_exit_code_means_success_or_a_signal() -> None:
    assert all(0 < code < 126 for code in FAMILY.values())


def test_every_exit_code_has_a_meaning() -> None:
    assert all(row.meaning.endswith(".") for row in errors.exit_codes())


def test_the_drawn_tree_is_the_real_one() -> None:
    lines = re.findall(r"^    ((?:[│├└─ ]{4})*)(\w+) +(\d+)", errors.__doc__ or "", re.MULTILINE)
    assert {name: int(code) for _, name, code in lines} == FAMILY
    above: list[str] = []
    for indent, name, _ in lines:
        depth = len(indent) // 4
        if depth:
            assert getattr(errors, name).__bases__ == (getattr(errors, above[depth - 1]),)
        above[depth:] = [name]


def test_every_error_is_exported() -> None:
    assert set(FAMILY) < set(errors.__all__)


def test_a_bare_error_is_its_message() -> None:
    assert str(SapwoodError("nothing to do")) == "nothing to do"


def test_an_error_tells_all_its_facts_in_one_line() -> None:
    error = CorruptPatch(
        "wrong magic",
        path="up.swpatch",
        offset=0,
        expected=b"\x89SW",
        found="PK",
        advice="Is this a zip?",
    )
    assert str(error) == "up.swpatch: wrong magic at offset 0 (expected 895357, found PK). Is this a zip?"


def test_a_falsy_fact_is_still_told() -> None:
    assert str(BadData("wrong count", expected=3, found=0)) == "wrong count (expected 3, found 0)"


def test_a_hostile_name_cannot_move_the_terminal_or_break_the_line() -> None:
    text = str(BadData("bad\nname", path="a\x1b[2Jb", found="x\r\u202ey\ud800"))
    assert text == r"a\x1b[2Jb: bad\nname (found x\r\u202ey\ud800)"


def test_a_long_fact_is_cut() -> None:
    assert len(str(BadData("too long", found=b"x" * 10_000))) < 200


def test_facts_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(CorruptPatch("cut short", path="p", offset=7, found=1)))
    assert str(error) == "p: cut short at offset 7 (found 1)"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.ENOENT, MissingInput),
        (errno.EACCES, StorageFailure),
        (errno.EIO, StorageFailure),
    ],
)
def test_a_storage_error_names_the_path(code: int, kind: type[SapwoodError]) -> None:
    error = errors.storage_error(OSError(code, "text"), "out.bin")
    assert type(error) is kind
    assert error.path == "out.bin"
