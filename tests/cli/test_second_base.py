from pathlib import Path

from tests.cli.conftest import Run
from tests.patch.test_second_base import three


def test_commands_take_a_second_base(run: Run, tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("older", "base", "target")}
    for path, data in zip(paths.values(), three("f32", 0.5), strict=True):
        path.write_bytes(data)
    patch, out = tmp_path / "patch", tmp_path / "out"
    assert run("diff", paths["base"], paths["target"], "-o", patch, "--also", paths["older"]).code == 0
    assert "second base" in run("info", patch).out
    assert run("verify", patch, "--base", paths["base"], "--also", paths["older"]).code == 0
    missing = run("apply", paths["base"], patch, "-o", out)
    assert missing.code != 0
    assert "second base" in missing.err
    assert not out.exists()
    assert run("apply", paths["base"], patch, "-o", out, "--also", paths["older"]).code == 0
    assert out.read_bytes() == paths["target"].read_bytes()
