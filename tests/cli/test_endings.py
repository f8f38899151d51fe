"""How a command ends: exit codes of the published table, one line on stderr, and no traceback."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sapwood
from sapwood import errors
from sapwood.cli import screen
from sapwood.cli.main import main
from tests.cli.conftest import Pair, Run


@pytest.fixture
def patch(pair: Pair) -> Path:
    path = pair.folder / "up.swpatch"
    sapwood.diff(pair.base, pair.target, path, version_counter=5)
    return path


def refused(run: Run, error: type[errors.SapwoodError], *arguments: object) -> str:
    ended = run(*arguments)
    assert ended.code == error.exit_code
    assert ended.out == ""
    assert ended.err.startswith("sapwood: ")
    assert ended.err.count("\n") == 1
    return ended.err


def test_a_missing_input_is_named(run: Run, pair: Pair) -> None:
    assert "nowhere" in refused(run, errors.MissingInput, "diff", "nowhere", pair.target, "-o", "p")
    assert "nowhere" in refused(run, errors.MissingInput, "info", "nowhere")


def test_the_wrong_base_is_refused_and_nothing_is_written(run: Run, pair: Pair, patch: Path) -> None:
    refused(run, errors.WrongBase, "apply", pair.target, patch, "-o", "out")
    assert not Path("out").exists()


def test_a_damaged_patch_is_refused(run: Run, pair: Pair, patch: Path) -> None:
    data = bytearray(patch.read_bytes())
    data[-1] ^= 1
    patch.write_bytes(data)
    assert "up.swpatch" in refused(run, errors.CorruptPatch, "verify", patch)


def test_an_unsigned_patch_is_refused_with_a_key(run: Run, pair: Pair, patch: Path) -> None:
    run("keygen", "key")
    refused(run, errors.BadSignature, "apply", pair.base, patch, "-o", "out", "--verify-key", "key.pub")


def test_a_rollback_is_refused(run: Run, pair: Pair, patch: Path) -> None:
    refused(run, errors.RollbackRefused, "apply", pair.base, patch, "-o", "out", "--min-version", "6")
    assert run("apply", pair.base, patch, "-o", "out", "--min-version", "5").code == 0


def test_too_large_a_target_is_refused(run: Run, pair: Pair, patch: Path) -> None:
    refused(run, errors.LimitExceeded, "apply", pair.base, patch, "-o", "out", "--max-size", "1")
    assert not Path("out").exists()


def test_a_key_is_not_overwritten(run: Run, pair: Pair) -> None:
    run("keygen", "key")
    refused(run, errors.WrongCall, "keygen", "key")


def test_a_picture_of_no_kind_is_refused(run: Run, pair: Pair) -> None:
    refused(run, errors.WrongCall, "stats", pair.base, pair.target, "--plot", "change.doc")


def test_a_missing_package_is_named(run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    told = refused(run, errors.MissingDependency, "stats", pair.base, pair.target, "--plot", "change.png")
    assert "matplotlib" in told


@pytest.mark.parametrize(
    "arguments",
    [["nosuch"], ["apply", "a"], ["diff", "a", "b", "-o", "c", "--meta", "x"], ["apply", "--threads", "0"]],
)
def test_a_mistake_in_the_call_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert "Usage:" in ended.err


def test_a_failing_system_call_is_told_as_one_line(
    run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/tmp/spool")

    monkeypatch.setattr(sapwood, "diff", fail)
    assert "/tmp/spool" in refused(run, errors.DiskFull, "diff", pair.base, pair.target, "-o", "p")


def test_the_keyboard_ends_it_with_130(run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sapwood, "diff", interrupt)
    assert run("diff", pair.base, pair.target, "-o", "p").code == 130
    assert not Path("p").exists()


def test_a_reader_that_goes_away_is_no_traceback(pair: Pair) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "sapwood", "inspect", pair.base],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert ended.returncode == 141
    assert ended.stderr == ""


def test_every_exit_code_is_in_the_help(run: Run) -> None:
    help_text = run("--help").out
    for row in errors.exit_codes():
        assert f"{row.code}  {row.name}: {row.meaning}" in help_text


def test_a_terminal_without_a_letter_shows_its_code(pair: Pair) -> None:
    name = pair.folder / "modèle.safetensors"
    name.write_bytes(pair.base.read_bytes())
    ended = subprocess.run(
        [sys.executable, "-m", "sapwood", "compress", name, "-o", pair.folder / "é"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_help_imports_no_library_that_takes_long() -> None:
    code = """if True:
        import sys
        from sapwood.cli.main import main
        sys.argv[1:] = ["--help"]
        try:
            main()
        finally:
            print([name for name in ("matplotlib", "torch") if name in sys.modules])
    """
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_during_work_leaves_no_output(run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(done: int, total: int) -> None:
        signal.raise_signal(signal.SIGINT)

    @contextlib.contextmanager
    def bar(what: str) -> Iterator[Callable[[int, int], None]]:
        yield interrupt

    monkeypatch.setattr(screen, "progress_bar", bar)
    before = sorted(pair.folder.iterdir())
    ended = run("diff", pair.base, pair.target, "-o", pair.folder / "p")
    assert ended.code == 130
    assert ended.err.strip() == ""
    assert sorted(pair.folder.iterdir()) == before


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"sapwood {sapwood.__version__}\n"
