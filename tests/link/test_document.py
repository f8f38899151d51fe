"""What docs/LINK.md shows is run."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench.serial_line import SerialLine
from sapwood.bytecoder import Prior

PAGE = (Path(__file__).parents[2] / "docs" / "LINK.md").read_text()
PATCH = Path(__file__).parents[1] / "golden" / "patch_file.payload.bin"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks("console"))
def test_the_commands_run(block: str, tmp_path: Path) -> None:
    """Each block is two ends; each runs in a folder of its own."""
    running = []
    with SerialLine() as line:
        for i, command in enumerate(block.splitlines()):
            folder = tmp_path / str(i)
            (folder / "inbox").mkdir(parents=True)
            if i == 0:
                (folder / "model.bin").write_bytes(os.urandom(20_000))
                (folder / "log.txt").write_text("a line of a log\n" * 1000)
                (folder / "mine.ncmodel").write_bytes(Prior.make(b"a line of a log\n", 2, {}).data)
            (folder / "up.swpatch").write_bytes(PATCH.read_bytes())
            ours = re.sub(r"/dev/tty\w+", line.devices[i], command.removeprefix("$ sapwood "))
            shell = f"exec {shlex.quote(sys.executable)} -m sapwood {ours}"
            environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
            running.append(
                subprocess.Popen(shell, shell=True, cwd=folder, env=environment, stderr=subprocess.PIPE)
            )
        for ran in running:
            _, err = ran.communicate(timeout=60)
            assert ran.returncode == 0, err
    came = [path for path in (tmp_path / "1").rglob("*") if path.name in {"model.bin", "log.txt"}]
    assert came
    for path in came:
        assert path.read_bytes() == (tmp_path / "0" / path.name).read_bytes()


def test_the_python_runs() -> None:
    test = doctest.DocTestParser().get_doctest("\n".join(blocks("python")), {}, "LINK.md", "LINK.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0
