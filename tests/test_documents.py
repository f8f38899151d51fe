"""What the README shows is run, and what the demo promises holds."""

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MODELS = ROOT / "examples" / "models"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the three versions that the README speaks of."""
    shutil.copy(MODELS / "writer-bf16-base.safetensors", tmp_path / "v1.safetensors")
    shutil.copy(MODELS / "writer-bf16-tuned.safetensors", tmp_path / "v2.safetensors")
    third = bytearray((tmp_path / "v2.safetensors").read_bytes())
    third[-1000::10] = bytes(100)
    (tmp_path / "v3.safetensors").write_bytes(third)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks("console"))
def test_the_commands_of_the_readme_run(block: str, folder: Path) -> None:
    commands = [
        line.removeprefix("$ sapwood ") for line in block.splitlines() if line.startswith("$ sapwood ")
    ]
    assert len(commands) == len(block.splitlines())
    for command in commands:
        ran = subprocess.run(
            [sys.executable, "-m", "sapwood", *shlex.split(command)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, (command, ran.stderr)
        # As git does: where HEAD is, is told on stderr, and a new tag is not told.
        assert ran.stdout or ran.stderr or command.startswith("tag ")
    for made in folder.glob("*out.safetensors"):
        assert made.read_bytes() == (folder / "v2.safetensors").read_bytes()
    for made in folder.glob("newest.safetensors"):
        assert made.read_bytes() == (folder / "v3.safetensors").read_bytes()


def test_the_python_of_the_readme_runs(folder: Path) -> None:
    examples = "\n".join(blocks("python"))
    test = doctest.DocTestParser().get_doctest(examples, {}, "README.md", "README.md", 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    assert runner.run(test).failed == 0
    assert runner.tries > 5


def test_the_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_demo_runs() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(" equal") == 4
