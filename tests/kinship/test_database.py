"""A database finds the best base, keeps what it acknowledged, and is read as hostile input."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood import FingerprintDatabase, Relation
from sapwood.errors import BadData, LimitExceeded, MissingInput, SapwoodError, StorageFailure, WrongCall
from tests.kinship import families

PARENT = families.parent(0)


def of(arrays: families.Arrays, exact: bool = True) -> sapwood.Fingerprint:
    return sapwood.fingerprint(families.safetensors_file(arrays), exact=exact)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A database of a parent, two steps from it, and three strangers."""
    path = tmp_path / "models.db"
    first = families.tuned(PARENT, 0.01, 1)
    models = {"parent": PARENT, "first": first, "second": families.tuned(first, 0.01, 2)}
    models |= {f"stranger {seed}": families.parent(seed) for seed in (1, 2, 3)}
    with FingerprintDatabase(path, create=True) as database:
        database.add([(name, of(arrays)) for name, arrays in models.items()])
    return path


def found(place: Path, target: sapwood.Fingerprint, limit: int = 10) -> list[str]:
    with FingerprintDatabase(place) as database:
        return [match.path for match in database.find(target, limit=limit)]


def test_the_nearest_is_first_and_strangers_are_left_out(place: Path) -> None:
    second = families.tuned(families.tuned(PARENT, 0.01, 1), 0.01, 2)
    third = of(families.tuned(second, 0.01, 3))
    assert found(place, third) == ["second", "first", "parent"]
    assert found(place, third, limit=1) == ["second"]
    assert found(place, of(families.parent(9))) == []


@pytest.mark.parametrize("name", families.DESCENDANTS)
def test_what_was_made_from_a_model_is_found(place: Path, name: str) -> None:
    child = families.DESCENDANTS[name][0](PARENT)
    assert "parent" in found(place, of(child, exact=False))


def test_the_same_model_is_first(place: Path) -> None:
    with FingerprintDatabase(place) as database:
        first = database.find(of(PARENT))[0]
    assert first.path == "parent"
    assert first.comparison.relation is Relation.IDENTICAL


def test_a_model_too_small_for_kinship_is_found_if_it_is_the_same(place: Path) -> None:
    small = of({"w": np.arange(3, dtype=np.float32)})
    with FingerprintDatabase(place, create=True) as database:
        database.add([("small", small)])
    assert found(place, small) == ["small"]


def test_a_path_is_there_once(place: Path) -> None:
    with FingerprintDatabase(place, create=True) as database:
        assert len(database) == 6
        database.add([("parent", of(families.parent(8)))])
        assert len(database) == 6
        assert [match.path for match in database.find(of(families.parent(8)))] == ["parent"]


def test_models_are_added_all_or_none(place: Path) -> None:
    with FingerprintDatabase(place, create=True) as database:
        with pytest.raises(WrongCall):
            database.add([("new", of(PARENT)), ("no text \udcff", of(PARENT))])
        assert len(database) == 6


def test_a_database_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        FingerprintDatabase(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageFailure):
        FingerprintDatabase(tmp_path / "none" / "models.db", create=True)


def test_a_reader_writes_nothing(place: Path) -> None:
    with FingerprintDatabase(place) as database, pytest.raises(SapwoodError):
        database.add([("new", of(PARENT))])
    assert found(place, of(PARENT))[0] == "parent"


def test_another_writer_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", lambda *a, **k: whole(*a, **k | {"timeout": 0}))
    holder = whole(place, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StorageFailure, match="another process"):
            FingerprintDatabase(place, create=True)
    finally:
        holder.close()


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes, create: bool) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadData):
        FingerprintDatabase(path, create=create)
    assert path.read_bytes() == content


@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_something_else_is_refused(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE model (id INTEGER PRIMARY KEY)")
    other.close()
    with pytest.raises(BadData, match="not a database of fingerprints"):
        FingerprintDatabase(path, create=create)


HARM = {
    "another version": "PRAGMA user_version = 2",
    "one table more": "CREATE TABLE more (x)",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON model BEGIN DELETE FROM marks; END",
    "a view": "CREATE VIEW v AS SELECT * FROM model",
    "a table less": "DROP TABLE marks",
    "a short signature": "UPDATE signature SET numbers = x'00'",
    "short marks": "UPDATE marks SET marks = x'00'",
    "no marks": "DELETE FROM marks",
    "a signature of no model": "DELETE FROM model",
    "no sketch": "UPDATE model SET sketch = x''",
    "a damaged sketch": "UPDATE model SET sketch = zeroblob(5000)",
    "a long sketch": "UPDATE model SET sketch = x'01000000ffffffff'",
    "one digest": "UPDATE model SET digest = NULL",
    "a short digest": "UPDATE model SET digest = x'00', contents = x'00'",
}


@pytest.mark.parametrize("name", HARM)
def test_what_cannot_be_is_refused(place: Path, name: str) -> None:
    with sqlite3.connect(place) as other:
        other.execute(HARM[name])
    other.close()
    with pytest.raises(BadData) as refused:
        found(place, of(PARENT))
    assert refused.value.path == str(place)


def test_rows_of_other_types_than_the_table_says_are_refused(place: Path) -> None:
    with sqlite3.connect(place) as other:
        other.execute("PRAGMA writable_schema = ON")
        for table in ("model", "signature"):
            other.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '') WHERE name = ?", (table,)
            )
    other.close()
    with sqlite3.connect(place) as other:
        other.execute("UPDATE model SET size = 'large', formats = 7")
        other.execute("PRAGMA writable_schema = ON")
        for table in ("model", "signature"):
            other.execute("UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE name = ?", (table,))
    other.close()
    with pytest.raises(BadData):
        found(place, of(PARENT))


def test_a_database_of_too_many_models_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapwood.kinship.limits.MAX_DATABASE_MODELS", 5)
    with pytest.raises(LimitExceeded):
        found(place, of(PARENT))


def test_damage_anywhere_is_a_documented_error_or_harmless(place: Path) -> None:
    whole = place.read_bytes()
    random = np.random.default_rng(5)
    target = of(PARENT)
    for _ in range(150):
        data = bytearray(whole)
        for at in random.integers(0, len(data), 6):
            data[at] = random.integers(0, 256)
        if random.random() < 0.3:
            del data[random.integers(0, len(data)) :]
        place.write_bytes(data)
        try:
            found(place, target)
        except SapwoodError as error:
            assert error.path == str(place)  # noqa: PT017  either way is right
