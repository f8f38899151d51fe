"""What ``python -m bench.formats`` writes has the rows and columns of the code; makers have packages."""

from pathlib import Path

import pytest

from bench.formats import document, environments
from bench.formats.operations import OPERATIONS
from bench.formats.rows import ROWS


def test_a_run_is_written_row_by_row() -> None:
    cells = {name: {"state": "ok", "text": f"{name} | 1"} for name in OPERATIONS}
    done = [
        {"format": row.format, "origin": row.origin, "skipped": "", "cells": cells, "twin": 1.25}
        for row in ROWS
    ]
    done[1] |= {"skipped": "no such package", "cells": {}, "twin": None}
    done[2] |= {"cells": cells | {"apply": {"state": "failed", "text": "another target"}}}
    lines = [line for line in document.written(done).splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert table[0] == ["format", *OPERATIONS, "against safetensors", "origin"]
    assert [(row[0], row[-1]) for row in table[2:]] == [(row.format, row.origin) for row in ROWS]
    assert {len(row) for row in table} == {len(OPERATIONS) + 3}
    assert table[2][1:-1] == [*(f"{name} / 1" for name in OPERATIONS), "1.250"]
    assert table[3][1:-1] == ["not run: no such package", *[""] * len(OPERATIONS)]
    assert "FAILED: another target" in table[4]


def test_the_table_has_every_format_and_no_failure() -> None:
    path = Path(__file__).parents[1] / "docs" / "FORMATS.md"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [(row[0], row[-1]) for row in table] == [(row.format, row.origin) for row in ROWS]
    for row in table:
        assert "FAILED" not in " ".join(row)
        assert row[1].startswith("not run: ") or row[3] == "exact"


def test_packages_are_of_makers_there_are() -> None:
    assert set(environments.PACKAGES) <= {row.maker for row in ROWS}


def test_packages_that_cannot_be_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder that is not there: pip refuses it without asking any index.
    monkeypatch.setitem(environments.PACKAGES, "make_flax", (str(tmp_path / "nothing"),))
    python, reason = environments.python_of("make_flax", tmp_path / "environments")
    assert python == ""
    assert f"{tmp_path / 'nothing'} cannot be installed: " in reason
    assert not (tmp_path / "environments" / "make_flax" / "complete").exists()
