"""docs/STORE.md says what the code does."""

import re
from pathlib import Path

from sapwood.store.kinds import Form, Kind
from sapwood.store.record import PACK_MAGIC
from sapwood.store.remote.root import Root, write_root
from tests.store.stores import new_store

PAGE = (Path(__file__).parents[2] / "docs" / "STORE.md").read_text()


def test_the_magic_the_forms_and_the_kinds_are_those_of_the_code() -> None:
    assert PACK_MAGIC.hex(" ").upper() in PAGE
    for form in Form:
        assert f"{int(form)} {form.name.lower()}" in PAGE
    for kind in (Kind.TENSOR, Kind.GLUE, Kind.RECIPE):
        assert re.search(rf"^\| {int(kind)} \| {kind.name.lower()}:", PAGE, re.MULTILINE)
    assert [int(kind) for kind in (Kind.TREE, Kind.COMMIT, Kind.TAG)] == [4, 5, 6]


def test_the_folder_holds_what_the_page_lists(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer:
        writer.put(Kind.GLUE, b"some bytes")
        found = {path.name for path in store.root.iterdir()} - {"index.sqlite-wal", "index.sqlite-shm"}
        assert all(f"`{name}" in PAGE for name in found)


def test_the_root_has_the_fields_that_the_page_lists() -> None:
    fields = re.findall(r'"(\w+)":', write_root(Root()).decode())
    assert fields == sorted(fields)
    assert all(f"`{field}`" in PAGE for field in fields)
