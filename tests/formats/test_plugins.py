import re
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sapwood
from sapwood.errors import MalformedModel
from sapwood.formats import plugins
from sapwood.formats.detect import read_layout
from sapwood.formats.dtype import DTYPES, DType, Kind
from sapwood.formats.layout import FormatWarning, Layout, Span, Tensor, cover
from tests.formats.samples import SAMPLES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "format_plugin"
DATA = b"MINE" + bytes(12)


def laid_out(data: memoryview) -> Layout:
    return cover("mine", len(data), [(4, 12, Tensor("w", DTYPES["f32"], (3,)))])


def reader(**parts: object) -> SimpleNamespace:
    whole = {"FORMAT": "mine", "matches": lambda head, size, data: head[:4] == b"MINE", "read": laid_out}
    return SimpleNamespace(**{key: part for key, part in (whole | parts).items() if part is not None})


Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Have these objects as plug-ins, by name."""
    found: list[EntryPoint] = []

    def put(**objects: object) -> None:
        module = SimpleNamespace(**objects)
        monkeypatch.setitem(sys.modules, "plugged", module)
        found[:] = [EntryPoint(name, f"plugged:{name}", plugins.GROUP) for name in objects]
        plugins.find.cache_clear()

    monkeypatch.setattr(plugins, "entry_points", lambda group: found if group == plugins.GROUP else [])
    plugins.find.cache_clear()
    yield put
    plugins.find.cache_clear()


def told(data: bytes = DATA) -> tuple[str, list[str]]:
    layout = read_layout(memoryview(data), "file")
    assert sum(span.length for span in layout.spans) == len(data)
    return layout.format, [f"{w.format} {w.path}: {w.reason}" for w in layout.warnings]


def test_a_plugin_lays_out_its_files(install: Install) -> None:
    install(mine=reader())
    layout = read_layout(memoryview(DATA))
    assert (layout.format, layout.warnings) == ("mine", ())
    assert [tensor.name for _, tensor in layout.tensors()] == ["w"]
    assert told(b"something else") == ("opaque", [])


def test_plugins_are_asked_in_the_order_of_their_names(install: Install) -> None:
    other = reader(FORMAT="a", read=lambda data: cover("a", len(data), []))
    install(mine=reader(), a=other)
    assert told()[0] == "a"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_builtin_format_is_not_taken_over(install: Install, name: str) -> None:
    install(mine=reader(matches=lambda *_: True))
    data = SAMPLES[name]()
    layout = read_layout(memoryview(data))
    assert layout.format != "mine"
    assert layout.warnings == ()


def test_plugins_are_loaded_once_and_only_for_unknown_files(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []

    def load() -> object:
        loads.append(1)
        return reader()

    entries = [SimpleNamespace(name="mine", value="counted", load=load)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    read_layout(memoryview(SAMPLES["npy"]()))
    assert loads == []
    assert [told()[0], told()[0]] == ["mine", "mine"]
    assert loads == [1]


def _raise(error: BaseException) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


BROKEN_OBJECTS = {
    "another_name": reader(FORMAT="yours"),
    "no_name": reader(FORMAT=None),
    "no_matches": reader(matches=None),
    "read_that_cannot_be_called": reader(read=3),
}


@pytest.mark.parametrize("name", BROKEN_OBJECTS)
def test_a_plugin_that_is_no_reader_is_named(install: Install, name: str) -> None:
    install(mine=BROKEN_OBJECTS[name])
    form, warnings = told()
    assert form == "opaque"
    assert [w.split(":")[0] for w in warnings] == ["mine "]
    assert "plugged:mine" in warnings[0]


@pytest.mark.parametrize("name", ["safetensors", "opaque", "Upper", "spa ce", "n" * 41])
def test_a_name_that_is_taken_or_impossible_is_refused(install: Install, name: str) -> None:
    install(**{name: reader(FORMAT=name)})
    form, (warning,) = told()
    assert (form, warning.startswith(name)) == ("opaque", True)


def test_two_plugins_of_one_name_leave_the_first(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(mine=reader())
    twice = [EntryPoint("mine", value, plugins.GROUP) for value in ("plugged:mine", "plugged:other")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: twice)
    form, (warning,) = told()
    assert form == "mine"
    assert "plugged:other" in warning


@pytest.mark.parametrize(
    "source", ["raise ValueError('no')", "import no_such_module", "import sys; sys.exit(3)", "x ="]
)
def test_a_plugin_that_cannot_be_imported_is_named(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    (tmp_path / "broken_plugin.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_plugin", raising=False)
    entries = [EntryPoint("broken", "broken_plugin", plugins.GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    form, (warning,) = told()
    assert (form, warning.startswith("broken : the plug-in broken_plugin is not used")) == ("opaque", True)


def test_plugins_that_cannot_be_listed_are_told(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", _raise(UnicodeDecodeError("utf-8", b"x", 0, 1, "damaged")))
    form, (warning,) = told()
    assert (form, warning.startswith("plug-ins : cannot be listed: UnicodeDecodeError")) == ("opaque", True)


def _with_a_hole(data: memoryview) -> Layout:
    layout = laid_out(data)
    object.__setattr__(layout, "spans", (Span(0, 2, None), Span(40, 3, Tensor("w", DTYPES["u8"], (3,)))))
    return layout


def _too_many(data: memoryview) -> Layout:
    spans = tuple(Span(i, 1, Tensor("n" * 9000, DTYPES["u8"], (1,))) for i in range(len(data)))
    return Layout("mine", len(data), spans)


FOREIGN = DType("f24", Kind.FLOAT, 8, 4, 3, 1, 1)
BAD_READS: dict[str, Callable[..., object]] = {
    "raises": _raise(RuntimeError("lost\n" * 200)),
    "exits": _raise(SystemExit(1)),
    "has_no_memory": _raise(MemoryError()),
    "recurses": _raise(RecursionError("deep")),
    "gives_nothing": lambda data: None,
    "gives_another_size": lambda data: laid_out(data[:-1]) if len(data) > 16 else cover("mine", 1, []),
    "gives_a_hole": _with_a_hole,
    "gives_long_names": _too_many,
    "gives_a_dtype_of_its_own": lambda data: cover("mine", 16, [(0, 16, Tensor("w", FOREIGN, (16,)))]),
}


@pytest.mark.parametrize("name", BAD_READS)
def test_a_plugin_that_fails_is_named(install: Install, name: str) -> None:
    install(mine=reader(read=BAD_READS[name]))
    form, (warning,) = told()
    assert form == "opaque"
    assert warning.startswith("mine file: ")
    assert len(warning) < 250
    assert "\n" not in warning


def test_a_test_that_fails_leaves_the_file_to_the_others(install: Install) -> None:
    install(a=reader(FORMAT="a", matches=_raise(ZeroDivisionError())), mine=reader())
    form, warnings = told()
    assert form == "mine"
    assert warnings == ["a file: the plug-in failed: ZeroDivisionError: "]


def test_a_malformed_file_is_told_as_such(install: Install) -> None:
    install(mine=reader(read=_raise(MalformedModel("cut", offset=7))))
    layout = read_layout(memoryview(DATA), "file")
    assert [(w.format, w.path, w.offset) for w in layout.warnings] == [("mine", "file", 7)]


def test_its_own_warnings_are_told_under_its_name(install: Install) -> None:
    warning = FormatWarning("gguf", "/etc/x", "odd", 3)
    install(mine=reader(read=lambda data: Layout("gguf", len(data), laid_out(data).spans, (warning,))))
    layout = read_layout(memoryview(DATA), "file")
    assert layout.format == "mine"
    assert layout.warnings == (FormatWarning("mine", "file", "odd", 3),)


def test_a_broken_plugin_is_told_once_for_a_folder(install: Install, tmp_path: Path) -> None:
    install(mine=3)
    for name in "abc":
        (tmp_path / name).write_text(name)
    with sapwood.open_model(tmp_path) as model:
        assert len(model.warnings) == 1


def test_the_plugin_in_the_document_works(install: Install) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/PLUGINS.md").read_text(), re.MULTILINE | re.DOTALL
    )
    module: dict[str, object] = {}
    exec(code, module)
    install(mine=SimpleNamespace(**module))
    assert told(b"MINE" + (3).to_bytes(4, "little") + bytes(16)) == ("mine", [])
    assert told(b"MINE" + (9).to_bytes(4, "little") + bytes(16))[0] == "opaque"


def llama2c(version: int, *, layers: int = 2, shared: bool = True) -> bytes:
    """A file as llama2.c's version1_export writes it: 8 wide, 2 heads that share keys and values."""
    dim, hidden, vocabulary = 8, 16, 32
    head = struct.pack("<Ii7iB", 0x616B3432, 1, dim, hidden, layers, 2, 1, vocabulary, 64, shared).ljust(
        256, b"\0"
    )
    count = dim * (2 * layers + 1 + vocabulary * (2 - shared) + layers * (2 * dim + dim + 3 * hidden))
    noise = np.random.default_rng(5)
    values = noise.standard_normal(count)
    if version > 1:
        values *= 1 + 1e-3 * noise.standard_normal(count)
    return head + values.astype(np.float32).tobytes()


@pytest.fixture
def with_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process in which the example is installed, as pip would leave it."""
    points = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"][plugins.GROUP]
    place = tmp_path / "site" / "sapwood_llama2c-0.1.0.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: sapwood-llama2c\nVersion: 0.1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (place / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{lines}")
    return {"PYTHONPATH": f"{tmp_path / 'site'}:{EXAMPLE}", "PATH": "/usr/bin:/bin"}


def run(environment: dict[str, str] | None, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", "sapwood", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_example_works_and_its_patch_needs_no_plugin(
    tmp_path: Path, with_example: dict[str, str]
) -> None:
    base, target = tmp_path / "base.bin", tmp_path / "target.bin"
    base.write_bytes(llama2c(1, shared=False))
    target.write_bytes(llama2c(2, shared=False))
    seen = run(with_example, "inspect", target)
    assert "format llama2c" in seen
    assert re.search(r"layers\.1\.wk +f32 +4x8", seen)
    assert "output" in seen
    run(with_example, "diff", base, target, "-o", tmp_path / "patch")
    assert "llama2c" in run(None, "info", tmp_path / "patch")
    assert "format opaque" in run(None, "inspect", target)
    run(None, "apply", base, tmp_path / "patch", "-o", tmp_path / "built")
    assert (tmp_path / "built").read_bytes() == target.read_bytes()


def test_the_example_is_not_imported_before_it_is_needed(with_example: dict[str, str]) -> None:
    code = "import sys, sapwood; assert not [m for m in sys.modules if 'llama2c' in m]"
    subprocess.run([sys.executable, "-c", code], check=True, env=with_example)


@pytest.mark.parametrize(
    "data",
    [
        llama2c(1)[:100],
        llama2c(1)[:-4],
        llama2c(1) + bytes(4),
        llama2c(1)[:8] + bytes(28) + llama2c(1)[36:],
        llama2c(1)[:8] + b"\xff\xff\xff\x7f" * 7 + llama2c(1)[36:],
        llama2c(1)[:16] + b"\xff\xff\xff\x7f" + llama2c(1)[20:],
    ],
    ids=["header", "short", "long", "zeros", "absurd", "layers"],
)
def test_the_example_refuses(install: Install, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    example = __import__("sapwood_llama2c")
    install(llama2c=example)
    assert told(llama2c(1)) == ("llama2c", [])
    form, (warning,) = told(data)
    assert (form, warning.startswith("llama2c file: ")) == ("opaque", True)
    assert "failed" not in warning
