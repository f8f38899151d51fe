import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import BadData, MissingInput, RefMoved, WrongCall
from sapwood.repo.commit import Signature
from sapwood.repo.database import Database
from sapwood.repo.refs import BRANCHES, HEAD, Head, Move, Refs, name_fault

ME = Signature("me", 100)
A, B, C = (bytes([i]) * 32 for i in (1, 2, 3))
MAIN = BRANCHES + "main"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "repository.sqlite", create=True)
    yield made
    made.close()


def test_a_ref_moves_only_from_where_it_is(database: Database) -> None:
    refs = Refs(database)
    refs.move([Move(MAIN, None, A)], ME, "first")
    refs.move([Move(MAIN, A, B)], ME, "second")
    for old in (None, A):
        with pytest.raises(RefMoved, match="main was moved"):
            refs.move([Move(MAIN, old, C)], ME, "late")
    assert refs.get(MAIN) == B
    assert [entry.why for entry in refs.log(MAIN)] == ["second", "first"]
    assert [entry.why for entry in refs.log(HEAD)] == ["second", "first"]


def test_of_several_moves_all_or_none_are_made(database: Database) -> None:
    refs = Refs(database)
    refs.move([Move(MAIN, None, A)], ME, "")
    with pytest.raises(RefMoved):
        refs.move([Move(BRANCHES + "new", None, A), Move(MAIN, B, C)], ME, "")
    assert refs.all() == {MAIN: A}


def test_two_connections_see_each_other(database: Database) -> None:
    other = Database(database.path)
    Refs(database).move([Move(MAIN, None, A)], ME, "")
    with pytest.raises(RefMoved):
        Refs(other).move([Move(MAIN, None, B)], ME, "")
    assert Refs(other).head == Head(MAIN, A)
    other.close()


def test_head_detached_and_back(database: Database) -> None:
    refs = Refs(database)
    assert refs.head == Head(MAIN, None)
    refs.move([Move(MAIN, None, A)], ME, "")
    refs.set_head(Head(None, A), ME, "detach")
    refs.move_head(A, B, ME, "commit")
    assert refs.head == Head(None, B)
    assert refs.get(MAIN) == A
    with pytest.raises(RefMoved):
        refs.move_head(A, C, ME, "late")
    refs.set_head(Head(MAIN, None), ME, "back")
    assert refs.head == Head(MAIN, A)


def test_a_name_cannot_be_a_folder_too(database: Database) -> None:
    refs = Refs(database)
    refs.move([Move(BRANCHES + "a/b", None, A)], ME, "")
    for name in ("a", "a/b/c"):
        with pytest.raises(WrongCall, match="cannot be beside"):
            refs.move([Move(BRANCHES + name, None, A)], ME, "")


@pytest.mark.parametrize(
    "name",
    ["a b", "a..b", "a~1", "a^", "a:b", "-a", ".a", "a.", "a.lock", "a@{1", "a/", "/a", "a//b", "a\x1b", "@"],
)
def test_names_that_no_ref_may_have(name: str) -> None:
    assert name_fault(BRANCHES + name) is not None


@given(st.text(max_size=20))
def test_a_name_that_is_taken_is_printable_ascii_or_plain_text(name: str) -> None:
    if name_fault(name) is None:
        assert not set(name) & set(" ~^:?*[\\\n\0")
        name.encode()


def test_old_log_entries_are_forgotten_and_their_commits_with_them(database: Database) -> None:
    refs = Refs(database)
    refs.move([Move(MAIN, None, A)], Signature("me", 5), "old")
    refs.move([Move(MAIN, A, B)], Signature("me", 50), "new")
    assert refs.logged() == {A, B}
    assert refs.forget(10) == 2
    assert [entry.why for entry in refs.log(MAIN)] == ["new"]


def test_another_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 5000)
    with pytest.raises(BadData):
        Database(tmp_path / "x")
    with pytest.raises(MissingInput):
        Database(tmp_path / "none")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ref SET target = x'00'",
        "UPDATE head SET branch = NULL",
        "DELETE FROM head",
        "CREATE TRIGGER t AFTER INSERT ON ref BEGIN DELETE FROM ref; END",
        "PRAGMA user_version = 9",
        "PRAGMA application_id = 9",
        "DROP TABLE reflog",
    ],
)
def test_a_crafted_database_is_refused(database: Database, damage: str) -> None:
    Refs(database).move([Move(MAIN, None, A)], ME, "")
    with sqlite3.connect(database.path) as crafted:
        crafted.execute(damage)
    crafted.close()
    with pytest.raises(BadData):
        _ = Refs(Database(database.path)).head
