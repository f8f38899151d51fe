"""Models in a real git repository: its own commands, with Sapwood's filter and diff driver set up."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from sapwood.errors import MissingDependency, MissingInput
from sapwood.git.checkout import GitCheckout
from sapwood.git.pointer import MAX_BYTES, parse_pointer
from sapwood.git.setup import install

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

Git = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty git repository, which is the working folder; nothing of the user's settings counts."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    folder = tmp_path / "work"
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    monkeypatch.chdir(folder)
    return folder


def git(*arguments: object) -> str:
    """What git prints, of both streams; it must succeed."""
    command = ["git", *map(str, arguments)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout.decode()


def versions() -> tuple[bytes, bytes]:
    random = np.random.default_rng(0)
    weights = random.normal(size=(256, 128)).astype(np.float32)
    bias = np.zeros(32, np.float16)
    changed = weights.copy()
    changed[::2] *= np.float32(1.001)
    return save({"weight": weights, "bias": bias}), save({"weight": changed, "bias": bias})


def commit(name: str, data: bytes) -> None:
    Path(name).write_bytes(data)
    git("add", ".")
    git("commit", "-q", "-m", "a version")


@pytest.mark.parametrize("singly", [False, True])
def test_versions_come_back_bit_for_bit(home: Path, tmp_path: Path, *, singly: bool) -> None:
    first, second = versions()
    install(GitCheckout())
    if singly:
        # As a git before 2.11 does: a process for each file.
        git("config", "--unset", "filter.sapwood.process")
    name = 'a "b" é.safetensors'
    commit(name, first)
    commit(name, second)
    assert git("status", "--short") == ""
    pointer = parse_pointer(git("cat-file", "blob", f"HEAD:{name}").encode())
    assert pointer is not None
    assert (pointer.size, pointer.format) == (len(second), "safetensors")

    shown = git("diff", "HEAD~1")
    assert "\n-weight  f32  256x128  rms " in shown
    assert "\n+weight  f32  256x128  rms " in shown
    assert "\n bias  f16  32  rms 0  " in shown, "what is the same is context"

    git("checkout", "-q", "HEAD~1")
    assert Path(name).read_bytes() == first
    assert git("status", "--short") == ""
    # Another work tree shares the store.
    git("worktree", "add", "-q", tmp_path / "beside", "main")
    assert (tmp_path / "beside" / name).read_bytes() == second
    # The second version is stored as what changed.
    with_both = sum(file.stat().st_size for file in (home / ".git/sapwood/store/packs").iterdir())
    assert with_both < len(first) * 1.9
    # The same bytes give the same pointer, wherever they are.
    shutil.copy(name, "again.safetensors")
    git("add", "again.safetensors")
    assert git("cat-file", "blob", ":again.safetensors") == git("cat-file", "blob", f"HEAD:{name}")


def filters_of(*arguments: str) -> list[str]:
    """The commands of Sapwood that git runs."""
    ran = subprocess.run(
        ["git", *arguments], env={**os.environ, "GIT_TRACE": "1"}, capture_output=True, check=True
    )
    lines = [line for line in ran.stderr.decode().splitlines() if "run_command:" in line]
    return [found[1] for line in lines if (found := re.search(r"sapwood git (\w+)", line))]


def test_one_process_serves_all_files(home: Path) -> None:
    first, second = versions()
    install(GitCheckout())
    for number in range(6):
        Path(f"{number}.safetensors").write_bytes((first, second)[number % 2])
    assert filters_of("add", ".") == ["process"]
    git("commit", "-q", "-m", "six")
    for number in range(6):
        Path(f"{number}.safetensors").unlink()
    assert filters_of("checkout", "--", ".") == ["process"]
    for number in range(6):
        assert Path(f"{number}.safetensors").read_bytes() == (first, second)[number % 2]
    assert git("status", "--short") == ""


def test_a_clone_without_the_store_has_pointers_and_says_what_to_do(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = versions()
    install(GitCheckout())
    commit("m.safetensors", first)
    clone = tmp_path / "clone"
    git("clone", "-q", home, clone)
    assert (clone / "m.safetensors").stat().st_size < MAX_BYTES
    monkeypatch.chdir(clone)
    install(GitCheckout())
    Path("m.safetensors").unlink()
    told = git("checkout", "--", ".")
    assert "m.safetensors: an object is not in the store (found " in told
    assert "Copy the folder sapwood/store" in told
    assert parse_pointer(Path("m.safetensors").read_bytes()) is not None
    assert git("status", "--short") == ""
    # A pointer is added as the pointer that it is.
    Path("m.safetensors").touch()
    git("add", ".")
    assert git("status", "--short") == ""
    assert "sapwood pointer 1" in git("show", "HEAD")
    # What the message says helps.
    shutil.rmtree(".git/sapwood/store")
    shutil.copytree(home / ".git/sapwood/store", ".git/sapwood/store")
    Path("m.safetensors").unlink()
    git("checkout", "--", ".")
    assert Path("m.safetensors").read_bytes() == first


def test_pointers_are_never_merged_into_a_third(home: Path) -> None:
    first, second = versions()
    install(GitCheckout())
    commit("m.safetensors", first)
    git("checkout", "-q", "-b", "side")
    commit("m.safetensors", second)
    git("checkout", "-q", "main")
    third = first[:-1] + b"\x01"
    commit("m.safetensors", third)
    ran = subprocess.run(["git", "merge", "side"], capture_output=True, check=False)
    assert ran.returncode == 1
    assert b"CONFLICT" in ran.stdout
    assert Path("m.safetensors").read_bytes() == third
    git("checkout", "--theirs", "m.safetensors")
    assert Path("m.safetensors").read_bytes() == second


def test_git_writes_nothing_where_the_store_is_damaged(home: Path) -> None:
    first, _ = versions()
    install(GitCheckout())
    commit("m.safetensors", first)
    (pack,) = (home / ".git/sapwood/store/packs").iterdir()
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    Path("m.safetensors").unlink()
    ran = subprocess.run(["git", "checkout", "--", "."], capture_output=True, check=False)
    assert ran.returncode != 0
    assert b"sapwood: " in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert not Path("m.safetensors").exists()


def test_python_files_in_the_work_tree_are_not_run(home: Path) -> None:
    first, _ = versions()
    install(GitCheckout())
    for name in ("numpy", "sapwood", "json"):
        Path(f"{name}.py").write_text("open('ran', 'w').close()\nraise SystemExit(1)\n")
    commit("m.safetensors", first)
    assert "\n+weight  f32  256x128  rms " in git("log", "-p", "-1")
    assert not Path("ran").exists()


def test_installing_twice_and_taking_it_back(home: Path) -> None:
    place = Path(".gitattributes")
    place.write_bytes(b"*.txt text\n*.md text")
    assert install(GitCheckout(), ["*.bin", "my models/*"]) == ["*.bin", "my models/*"]
    assert install(GitCheckout(), ["*.bin"]) == []
    assert (
        b'*.md text\n*.bin filter=sapwood diff=sapwood -merge -text\n"my models/*" filter='
        in place.read_bytes()
    )
    Path("my models").mkdir()
    commit("my models/x", b"anything" * 100)
    assert parse_pointer(git("cat-file", "blob", "HEAD:my models/x").encode()) is not None

    ran = subprocess.run(
        [sys.executable, "-m", "sapwood", "git", "uninstall"], capture_output=True, check=True
    )
    assert ran.stderr == b""
    assert place.read_bytes() == b"*.txt text\n*.md text\n"
    assert "sapwood" not in Path(".git/config").read_text()
    assert Path(".git/sapwood/store/index.sqlite").exists()
    ran = subprocess.run(
        [sys.executable, "-m", "sapwood", "git", "uninstall"], capture_output=True, check=True
    )
    assert ran.stderr == b"Nothing was installed.\n"


def test_where_there_is_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(MissingInput, match="work tree"):
        GitCheckout(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="git is not installed"):
        GitCheckout(tmp_path)
