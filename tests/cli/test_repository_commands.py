"""What the commands of a repository print, and how they end."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sapwood.repo.repository import Repository
from tests.cli.conftest import Pair, Run


@pytest.fixture
def tracked(run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits of ``model.safetensors``; it is the working folder."""
    monkeypatch.setenv("SAPWOOD_AUTHOR", "Ada <ada@example.org>")
    folder = pair.folder / "work"
    assert run("init", folder).code == 0
    monkeypatch.chdir(folder)
    for i, source in enumerate((pair.base, pair.target)):
        shutil.copy(source, "model.safetensors")
        assert run("add", "model.safetensors").code == 0
        ended = run(
            "commit", "-m", f"Version {i + 1}\n\nmore", "--metric", f"acc={0.5 + i / 4}", "--field", "lr=3e-4"
        )
        assert ended.code == 0
    return folder


def test_log_in_its_forms(run: Run, tracked: Path) -> None:
    told = json.loads(run("log", "--json").out)
    assert [one["message"].split("\n")[0] for one in told] == ["Version 2", "Version 1"]
    assert told[0]["metrics"] == {"acc": 0.75}
    assert told[0]["fields"] == {"lr": "3e-4"}
    assert told[0]["parents"] == [told[1]["commit"]]
    shown = run("log").out
    for text in (
        told[0]["commit"],
        "Author:  Ada <ada@example.org>",
        "Metrics: acc=0.75",
        "lr: 3e-4",
        "    more",
    ):
        assert text in shown
    short = told[0]["commit"][:7]
    assert run("log", "--oneline").out.splitlines()[0] == f"{short} (HEAD -> main) Version 2"
    assert run("log", "--oneline", "--graph").out.splitlines()[0].startswith(f"* {short}")
    assert run("log", "-n", 1, "--oneline").out.count("\n") == 1
    assert run("log", "--metric", "acc", "--best", "--oneline").out.splitlines()[0].endswith("0.75 Version 2")
    smallest = run("log", "--metric", "acc", "--best", "--smallest", "--oneline", "-n", 1)
    assert smallest.out.endswith("0.5 Version 1\n")
    assert run("log", "--metric", "none", "--best").code == 2
    assert run("log", "--best").code == 2
    assert run("log", "HEAD~1..HEAD", "--oneline").out.count("\n") == 1


def test_status_in_its_forms(run: Run, tracked: Path) -> None:
    assert run("status").out == "On branch main\nnothing to commit, work tree clean\n"
    Path("model.safetensors").write_bytes(b"changed")
    Path("new").write_text("x")
    assert run("status", "--short").out == " M model.safetensors\n?? new\n"
    told = json.loads(run("status", "--json").out)
    assert told["unstaged"] == [{"path": "model.safetensors", "state": "modified"}]
    assert (told["untracked"], told["branch"], told["clean"]) == (["new"], "main", False)
    run("add", "--all")
    shown = run("status").out
    assert "    new file:  new" in shown
    assert "    modified:  model.safetensors" in shown
    assert run("commit", "-m", "both").out.endswith(" 2 files changed\n")


def test_diff_between_revisions(run: Run, tracked: Path) -> None:
    shown = run("diff", "HEAD~1", "HEAD").out.splitlines()
    assert shown[0].startswith("M model.safetensors  1 of 2 tensors")
    assert shown[1].split() == ["tensor", "dtype", "shape", "state", "changed", "rms", "largest"]
    assert shown[2].split()[:5] == ["layers.0.weight", "f32", "64x32", "changed", "50.00%"]
    assert run("diff", "HEAD~1..HEAD").out.splitlines() == shown
    stat = run("diff", "--stat", "HEAD~1", "HEAD").out
    assert stat.splitlines()[-1] == "1 file changed, 1 tensors, 8.19 kB"
    told = json.loads(run("diff", "HEAD~1", "HEAD", "--json").out)
    assert told[0]["changes"][0]["changed_share"] == 0.5
    assert run("diff").out == ""
    shutil.copy("../v1.safetensors", "model.safetensors")
    assert "layers.0.weight" in run("diff").out
    assert "layers.0.weight" in run("diff", "HEAD").out
    assert run("diff", "HEAD~1").out == ""
    assert run("diff", "--staged").out == ""
    assert run("diff", "HEAD", "--file", "other").out == ""


def test_diff_still_makes_patches(run: Run, tracked: Path) -> None:
    assert run("diff", "../v1.safetensors", "../v2.safetensors", "-o", "up.swpatch").code == 0
    assert run("diff", "../v1.safetensors", "-o", "up.swpatch").code == 2


def test_show(run: Run, tracked: Path) -> None:
    shown = run("show", "HEAD").out
    assert "Version 2" in shown
    assert "M model.safetensors  1 of 2 tensors" in shown
    assert "A model.safetensors  2 tensors" in run("show", "HEAD~1").out
    assert json.loads(run("show", "--json").out)["files"][0]["changed_tensors"] == 1


def test_branches_switching_and_tags(run: Run, tracked: Path, pair: Pair) -> None:
    assert run("branch", "side", "HEAD~1").code == 0
    assert [line[:6] for line in run("branch").out.splitlines()] == ["* main", "  side"]
    assert run("switch", "side").err == "Switched to branch 'side'\n"
    assert Path("model.safetensors").read_bytes() == pair.base.read_bytes()
    assert json.loads(run("branch", "--json").out)["current"] == "side"
    assert run("checkout", "main").code == 0
    assert run("checkout", "HEAD~1").err.startswith("HEAD is now at ")
    assert run("status").out.startswith("HEAD is on no branch")
    assert run("checkout", "-b", "third").err == "Switched to a new branch 'third'\n"
    assert run("checkout", "main", "model.safetensors").code == 0
    assert Path("model.safetensors").read_bytes() == pair.target.read_bytes()
    assert run("switch", "main").code == 0
    assert run("branch", "-m", "third", "fourth").code == 0
    assert run("branch", "-d", "fourth").out.startswith("Deleted branch fourth (was ")
    assert run("tag", "v1", "HEAD~1", "-m", "the first").code == 0
    assert run("tag").out == "v1\n"
    assert list(json.loads(run("tag", "--json").out)) == ["v1"]
    assert "tag: v1" in run("log", "--oneline").out
    assert run("tag", "-d", "v1").code == 0


def test_reset_restore_and_rm(run: Run, tracked: Path, pair: Pair) -> None:
    assert run("reset", "--hard", "HEAD~1").out.endswith("Version 1\n")
    assert Path("model.safetensors").read_bytes() == pair.base.read_bytes()
    Path("model.safetensors").write_bytes(b"broken")
    assert run("restore", "model.safetensors").code == 0
    assert Path("model.safetensors").read_bytes() == pair.base.read_bytes()
    assert run("rm", "model.safetensors").out == "rm model.safetensors\n"
    assert not Path("model.safetensors").exists()
    assert run("restore", "--staged", ".").code == 0
    assert json.loads(run("status", "--json").out)["unstaged"][0]["state"] == "deleted"


def test_settings(run: Run, tracked: Path) -> None:
    assert run("config", "user.name", "Bo <bo@example.org>").code == 0
    assert run("config", "user.name").out == "Bo <bo@example.org>\n"
    assert "store.depth=8" in run("config").out
    assert run("commit", "--allow-empty", "-m", "by Bo").code == 0
    assert "Bo <bo@example.org>" in run("log", "-n", 1).out
    assert run("config", "--unset", "user.name").code == 0
    assert run("config", "user.name").code == 1
    assert run("config", "store.depth", "1000").code == 2
    assert run("config", "store.level", "max").code == 0


def test_mistakes_have_their_exit_codes(run: Run, tracked: Path, tmp_path: Path) -> None:
    assert run("show", "none").code == 27
    assert run("switch", "none").code == 27
    assert run("commit", "-m", "none").code == 2
    assert run("add", "none").code == 3
    assert run("add").code == 2
    assert run("commit", "-m", "x", "--metric", "acc").code == 2
    assert run("commit", "-m", "x", "--metric", "acc=high").code == 2
    assert run("branch", "a..b").code == 2
    Path("model.safetensors").write_bytes(b"mine")
    refused = run("switch", "-d", "HEAD~1")
    assert refused.code == 2
    assert "in no commit" in refused.err


def test_outside_a_repository_each_command_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ["status"],
        ["log"],
        ["diff"],
        ["add", "-A"],
        ["commit", "-m", "x"],
        ["branch"],
        ["show"],
    ):
        ended = run(*command)
        assert (ended.code, "sapwood init" in ended.err) == (3, True)


def test_names_cannot_move_the_terminal(run: Run, tracked: Path) -> None:
    Path("bad\x1b[2Jname").write_text("x")
    run("add", "--all")
    run("commit", "-m", "evil \x1b[2J title", "--field", "a=\x1b[2J")
    for command in (
        ["status"],
        ["log"],
        ["show"],
        ["log", "--oneline", "--graph"],
        ["diff", "HEAD~1", "--stat"],
    ):
        assert "\x1b" not in run(*command).out


def imported(*command: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import sys, contextlib; from sapwood.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_commands_that_look_import_nothing_slow(run: Run, tracked: Path) -> None:
    # How far tensors are from each other is kept from here on.
    run("diff", "HEAD~1", "HEAD")
    slow = {
        "concurrent.futures",
        "cryptography",
        "ml_dtypes",
        "numpy",
        "pathspec",
        "rich",
        "shutil",
        "socket",
        "tarfile",
        "tempfile",
    }
    for command in (
        ["status"],
        ["log"],
        ["log", "--oneline"],
        ["diff"],
        ["diff", "--stat", "HEAD~1", "HEAD"],
        ["diff", "HEAD~1", "HEAD"],
        ["branch"],
        ["show"],
    ):
        assert imported(*command) & slow == set(), command


@pytest.mark.parametrize(
    ("command", "most"), [(["--version"], 12), (["log"], 70), (["status"], 70), (["branch"], 70)]
)
def test_a_command_starts_with_few_modules(tracked: Path, command: list[str], most: int) -> None:
    """Counted, not timed: half of what a short command takes is importing."""
    assert tracked.exists()
    found = imported(*command)
    own = {name for name in found if name.startswith("sapwood")}
    assert len(own) <= most, sorted(own)
    # Commits and trees are stored as they are: nothing is decoded, no settings are read.
    codec = {"sapwood._core", "sapwood.codec.decode", "sapwood.store.settings", "zstandard"}
    assert found & codec == set()


def test_the_library_sees_what_the_commands_did(run: Run, tracked: Path, pair: Pair) -> None:
    with Repository() as repo:
        assert [info.commit.title for info in repo.log()] == ["Version 2", "Version 1"]
        assert (repo.path / "model.safetensors").read_bytes() == pair.target.read_bytes()


def test_merge_blame_compare_and_revert(run: Run, tracked: Path) -> None:
    run("switch", "-c", "side", "HEAD~1")
    save(1.0, Path("model.safetensors"))
    run("commit", "-a", "-m", "Side", "--metric", "acc=0.9")
    conflict = run("merge", "main")
    assert conflict.code == 29
    assert "layers.0.weight" in conflict.err
    assert run("merge", "main", "-s", "weighted", "-p", "weights=a").code == 2
    told = json.loads(run("merge", "main", "-s", "weighted", "-p", "weights=1,3", "--json").out)
    assert told["how"] == "merged"
    assert told["mixed"] == [{"file": "model.safetensors", "tensor": "layers.0.weight"}]
    assert run("merge", "main").out == "Already up to date.\n"
    drawn = run("log", "--graph", "--oneline").out.splitlines()
    # Both sides may be of the same second.
    marks = [re.split(r"[0-9a-f]", line)[0].rstrip() for line in drawn]
    assert (marks[:2], {*marks[2:4]}, marks[4:]) == (["*", "|\\"], {"| *", "* |"}, ["|/", "*"])
    rows = json.loads(run("blame", "--json").out)
    assert {row["tensor"]: row["commit"] == told["commit"] for row in rows} == {
        "layers.0.weight": True,
        "layers.0.bias": False,
    }
    assert "layers.0.bias" in run("blame", "model.safetensors").out
    shown = run("compare", "main", "side~1", "side").out
    assert [line.split() for line in shown.splitlines() if line.startswith("acc")] == [
        ["acc", "0.75", "0.9", "-"]
    ]
    assert json.loads(run("compare", "main", "side", "--json").out)[1]["changed_tensors"] == 1
    assert run("revert", "side~1").code == 29
    run("switch", "main")
    assert run("revert", "HEAD").out.endswith('Revert "Version 2"\n')
    assert run("cherry-pick", "HEAD~1").out.endswith("Version 2\n")
    assert run("merge", "side", "--no-ff", "-s", "theirs").out.startswith("Merged as ")


def save(value: float, path: Path) -> None:
    """The model of ``tracked`` with other weights."""
    weights = np.full((64, 32), value, np.float32)
    save_file({"layers.0.weight": weights, "layers.0.bias": np.zeros(32, np.float16)}, path)


def test_upkeep(run: Run, tracked: Path) -> None:
    assert run("fsck").out == "everything is there and sound\n"
    assert run("gc").out.startswith("forgot 0 objects")
    assert run("gc", "--dry-run", "--grace", 0, "--logs", 0).out.startswith("would forget 0 objects")
    told = json.loads(run("stats", "--json").out)
    assert (told["commits"], told["objects"]["commit"]) == (2, 2)
    assert "2 on 1 branches" in run("stats").out
    assert run("stats", "../v1.safetensors", "../v2.safetensors").code == 0
    logged = json.loads(run("reflog", "--json").out)
    assert [row["why"] for row in logged] == ["commit: Version 2", "commit (initial): Version 1"]
    assert "HEAD@{1}: commit (initial)" in run("reflog").out
    assert run("reflog", "none").code == 27


def test_damage_ends_with_its_exit_code(run: Run, tracked: Path) -> None:
    for pack in Path(".sapwood/store/packs").iterdir():
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 0xFF
        pack.write_bytes(data)
    ended = run("fsck")
    assert ended.code == 24
    assert "needed by commit" in ended.out
    assert json.loads(run("fsck", "--json").out)


def test_files_in_and_out(run: Run, tracked: Path, pair: Pair) -> None:
    assert run("export", "HEAD~1", "../out").code == 0
    assert Path("../out/model.safetensors").read_bytes() == pair.base.read_bytes()
    assert run("archive", "-o", "../all.tar").code == 0
    assert Path("../all.tar").stat().st_size > pair.base.stat().st_size
    assert run("archive", "-o", "../all.zip").code == 2
    made = run("import", pair.base, "--as", "model.safetensors", "-m", "back").out
    assert made.endswith(" back\n")


def test_push_clone_fetch_and_pull(
    run: Run, tracked: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("remote", "add", "origin", "../shared").code == 0
    assert str(pair.folder / "shared") in run("remote").out
    sent = run("push")
    assert sent.out.startswith("none..")
    assert sent.out.splitlines()[0].endswith("main")
    assert run("push").out == "everything is up to date\n"
    assert run("clone", "../shared", "../two").out == "Cloned 2 commits into ../two\n"
    monkeypatch.chdir("../two")
    assert Path("model.safetensors").read_bytes() == pair.target.read_bytes()
    save(3.0, Path("model.safetensors"))
    run("commit", "-a", "-m", "From two")
    assert json.loads(run("push", "--json").out)["objects"] > 0
    monkeypatch.chdir(tracked)
    assert "origin/main" in run("fetch").out
    assert run("pull").out.startswith("fast-forward: ")
    assert "From two" in run("log", "-n", 1).out
    run("reset", "--hard", "HEAD~1")
    run("commit", "--allow-empty", "-m", "Another")
    assert run("push").code == 28
    assert run("remote", "remove", "origin").code == 0
    assert run("push").code == 3
