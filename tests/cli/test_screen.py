import sys

import pytest

from sapwood.cli import screen


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9_996, "10.0 kB"),
        (999_600, "1.00 MB"),
        (4_926_411, "4.93 MB"),
        (45_437_832, "45.4 MB"),
        (10**16, "10000 TB"),
    ],
)
def test_a_size_has_three_digits(count: int, shown: str) -> None:
    assert screen.size(count) == shown


def test_names_cannot_move_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen.print_table(("name",), [("a\x1b[2Jb\n[red]c",)])
    assert r"a\x1b[2Jb\n[red]c" in capsys.readouterr().out


def test_a_table_in_a_pipe_cuts_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    screen.print_table(("name",), [("x" * 400,)])
    assert "x" * 400 in capsys.readouterr().out


def test_a_table_in_a_pipe_is_aligned_without_rich(capsys: pytest.CaptureFixture[str]) -> None:
    screen.print_table(("name", "kind", "bytes"), [("w", "new", "12"), ("模型", "kept", "3456")], left=2)
    expected = ["name  kind  bytes", "w     new      12", "模型  kept   3456"]
    assert capsys.readouterr().out.splitlines() == expected


def test_progress_is_quiet_in_a_pipe() -> None:
    with screen.progress_bar("work") as progress:
        assert progress is None


def test_progress_is_drawn_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with screen.progress_bar("work") as progress:
        assert progress is not None
        progress(1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "work" in captured.err
