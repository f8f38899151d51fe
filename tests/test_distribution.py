"""What is built for users holds all that they need."""

import tarfile
import zipfile
from pathlib import Path

import pytest

scikit_build_core = pytest.importorskip("scikit_build_core.build", reason="make installs scikit-build-core")
ROOT = Path(__file__).parents[1]
MODEL = "sapwood/bytecoder/models/general.ncmodel"


@pytest.mark.parametrize("kind", ["wheel", pytest.param("sdist", marks=pytest.mark.slow)])
def test_the_trained_model_is_in_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if kind == "wheel":
        # Without the extension, which is not in question and takes minutes.
        name = scikit_build_core.build_wheel(str(tmp_path), {"wheel.cmake": "false", "wheel.py-api": "py3"})
        with zipfile.ZipFile(tmp_path / name) as wheel:
            sizes = {info.filename: info.file_size for info in wheel.infolist()}
            packed = sum(info.compress_size for info in wheel.infolist() if "/models/" in info.filename)
        assert packed < 1_500_000
    else:
        name = scikit_build_core.build_sdist(str(tmp_path))
        with tarfile.open(tmp_path / name) as archive:
            sizes = {member.name.partition("/src/")[2]: member.size for member in archive.getmembers()}
    for path in (MODEL, MODEL.replace(".ncmodel", ".json"), str(Path(MODEL).with_name("NOTICE.md"))):
        assert sizes[path] == (ROOT / "src" / path).stat().st_size
