import gzip
import io
import os
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import onnx
import onnx.external_data_helper
import onnx.numpy_helper
import pytest

from sapwood.errors import LimitExceeded, MissingInput, StorageFailure, WrongCall
from sapwood.formats import limits
from sapwood.formats.model import open_model
from tests.formats.samples import named_bytes, onnx_file, safetensors_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.safetensors").write_bytes(safetensors_file())
    (tmp_path / "sub" / "a.bin").write_bytes(b"x" * 100_000)
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


def test_a_file_is_a_model_with_one_nameless_file(folder: Path) -> None:
    with open_model(folder / "b.safetensors") as model:
        (file,) = model.files
        assert (model.root, model.is_folder, file.path) == (str(folder / "b.safetensors"), False, "")
        assert (bytes(file.data), file.layout.format) == (safetensors_file(), "safetensors")


def test_a_folder_is_a_model_with_its_files_in_order(folder: Path) -> None:
    with open_model(str(folder)) as model:
        assert model.is_folder
        assert [file.path for file in model.files] == ["b.safetensors", "config.json", "empty", "sub/a.bin"]
        assert [file.layout.size for file in model.files] == [len(safetensors_file()), 2, 0, 100_000]
        assert bytes(model.files[3].data) == b"x" * 100_000


def test_data_is_read_only(folder: Path) -> None:
    with open_model(folder) as model:
        assert all(file.data.readonly for file in model.files)
    with open_model(bytearray(b"abc")) as model:
        assert model.files[0].data.readonly


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_and_streams_are_models(kind: type) -> None:
    with open_model(kind(safetensors_file())) as model:
        assert (model.root, model.files[0].path, model.files[0].layout.format) == ("", "", "safetensors")


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_stream_is_read_from_where_it_stands(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"head" + b"x" * size)
    with path.open("rb") as stream:
        stream.read(4)
        with open_model(stream) as model:
            assert bytes(model.files[0].data) == b"x" * size
        assert stream.read() == b""


def test_a_decompressing_stream_gives_what_it_decompresses(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(safetensors_file()))
    with gzip.open(path) as stream, open_model(cast(BinaryIO, stream)) as model:
        assert model.files[0].layout.format == "safetensors"


def test_a_closed_model_lets_go_of_its_files(folder: Path) -> None:
    model = open_model(folder)
    view = model.files[3].data
    model.close()
    model.close()
    with pytest.raises(ValueError, match="released"):
        bytes(view)


def test_an_array_outlives_the_model(folder: Path) -> None:
    with open_model(folder) as model:
        array = np.frombuffer(model.files[3].data, np.uint8)
    assert array.sum() == 100_000 * ord("x")


def test_links_to_files_are_read_as_files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    blob = tmp_path_factory.mktemp("blobs") / "f00"
    blob.write_bytes(safetensors_file())
    (folder / "link.safetensors").symlink_to(blob)
    with open_model(folder) as model:
        assert {file.path: file.layout.format for file in model.files}["link.safetensors"] == "safetensors"


def test_a_link_to_a_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "link").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(WrongCall, match="symbolic link") as caught:
        open_model(folder)
    assert caught.value.path == str(folder / "link")


def test_a_link_to_itself_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(StorageFailure):
        open_model(folder)


def test_a_link_to_nothing_is_missing_input(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "gone")
    with pytest.raises(MissingInput):
        open_model(folder)


def test_special_files_are_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(WrongCall, match="neither"):
        open_model(folder)
    with pytest.raises(WrongCall, match="neither"):
        open_model(folder / "pipe")


def test_a_path_that_leads_nowhere_is_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        open_model(tmp_path / "gone")


@pytest.mark.parametrize("name", ["bad\0name", b"bad\xff".decode(errors="surrogateescape")])
def test_names_that_are_no_text_are_refused(tmp_path: Path, name: str) -> None:
    if "\0" not in name:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(WrongCall):
        open_model(tmp_path if "\0" not in name else name)


def test_the_files_of_a_folder_are_limited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FOLDER_FILES", 4)
    with pytest.raises(LimitExceeded):
        open_model(folder)


def test_the_depth_of_a_folder_is_limited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FOLDER_DEPTH", 0)
    with pytest.raises(LimitExceeded):
        open_model(folder)


def external_model(location: str, **places: int) -> bytes:
    tensors = []
    for name, offset in places.items():
        tensor = onnx.numpy_helper.from_array(np.full((2, 2), offset, np.float32), name)
        onnx.external_data_helper.set_external_data(tensor, location, offset=offset, length=16)
        tensor.ClearField("raw_data")
        tensors.append(tensor)
    return bytes(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], tensors)).SerializeToString())


def test_external_data_is_laid_out_by_the_onnx_file(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "m.onnx").write_bytes(external_model("d/w.bin", a=0, b=32))
    (tmp_path / "net" / "d").mkdir()
    content = bytes(range(64))
    (tmp_path / "net" / "d" / "w.bin").write_bytes(content)
    with open_model(tmp_path) as model:
        layout, graph = (file.layout for file in model.files)
        assert (layout.format, graph.format, graph.warnings) == ("onnx-external", "onnx", ())
        assert named_bytes(layout, content) == {"a": content[:16], "b": content[32:48]}
        assert [tensor.shape for _, tensor in layout.tensors()] == [(2, 2), (2, 2)]


def test_two_graphs_may_share_external_data(tmp_path: Path) -> None:
    for name in ("x.onnx", "y.onnx"):
        (tmp_path / name).write_bytes(external_model("w.bin", a=0))
    (tmp_path / "w.bin").write_bytes(bytes(20))
    with open_model(tmp_path) as model:
        assert [tensor.name for _, tensor in model.files[0].layout.tensors()] == ["a"]


def test_a_lone_onnx_file_warns_of_its_missing_part(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(external_model("w.bin", a=0, b=32))
    (tmp_path / "w.bin").write_bytes(bytes(64))
    with open_model(path) as model:
        (warning,) = model.files[0].layout.warnings
        assert (warning.path, "'w.bin'" in warning.reason) == (str(path), True)


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/passwd", "gone.bin", "m.onnx", "", "d\\w.bin", "./../w.bin"]
)
def test_external_data_outside_the_folder_is_not_looked_for(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(64))
    model_folder = tmp_path / "model"
    model_folder.mkdir()
    (model_folder / "m.onnx").write_bytes(external_model(location, a=0))
    with open_model(model_folder) as model:
        (file,) = model.files
        assert [warning.path for warning in file.layout.warnings] == ["m.onnx"]


def test_external_data_that_does_not_fit_stays_opaque_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin", a=0, b=8))
    (tmp_path / "w.bin").write_bytes(bytes(64))
    with open_model(tmp_path) as model:
        external = model.files[1].layout
        assert (external.format, [warning.path for warning in external.warnings]) == ("opaque", ["w.bin"])


def test_too_many_external_tensors_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 1)
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin", a=0, b=32))
    (tmp_path / "w.bin").write_bytes(bytes(64))
    with open_model(tmp_path) as model:
        assert [len(file.layout.warnings) for file in model.files] == [1, 0]


def test_external_data_that_is_a_model_keeps_its_own_layout(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(external_model("w.safetensors", a=0))
    (tmp_path / "w.safetensors").write_bytes(safetensors_file())
    with open_model(tmp_path) as model:
        assert [file.layout.format for file in model.files] == ["onnx", "safetensors"]


def test_an_onnx_file_without_external_data_has_no_warning(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx_file())
    with open_model(tmp_path / "m.onnx") as model:
        assert model.files[0].layout.warnings == ()
