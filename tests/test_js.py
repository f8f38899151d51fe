"""The package in js/, where Node and its tools are: golden vectors, patches made here, a browser."""

import itertools
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import sapwood

ROOT = Path(__file__).parents[1]
JS = ROOT / "js"
TFLITE = ROOT / "bench" / "corpus" / "tflite"
MODELS = ROOT / "examples" / "models"
DEVICES: list[dict[str, Any]] = [
    {"profile": "device", "state": 512},
    {"profile": "device", "state": 2048},
    {"profile": "device", "state": 2048, "integers": True},
]


def _run(*command: str, **environment: str) -> None:
    ran = subprocess.run(
        command,
        cwd=JS,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-8000:]


@pytest.fixture(scope="module")
def built() -> None:
    """js/dist, from what is in the tree now."""
    checked = subprocess.run([ROOT / "scripts" / "check-js"], capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        pytest.skip(f"js/ is not tested: {checked.stderr.splitlines()[0]}")
    if not (JS / "node_modules").is_dir():
        pytest.skip("js/ is not tested: js/node_modules is missing; make js installs it")
    _run("npm", "run", "--silent", "build")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of patches by the Python package, and pairs.json that lists them."""
    folder = tmp_path_factory.mktemp("pairs")
    sapwood.generate_key(folder / "key")
    small = [
        (old, old.with_name(old.name.replace(".old.", ".new."))) for old in sorted(TFLITE.glob("*.old.*"))
    ]
    small.append(_scattered(folder))
    writer = (MODELS / "writer-bf16-base.safetensors", MODELS / "writer-bf16-tuned.safetensors")
    listed = []
    for (old, new), facts in [*itertools.product(small, [{}, *DEVICES]), (writer, {})]:
        name = "-".join([old.name.split(".")[0], *map(str, facts.values())])
        patch = folder / f"{name}.swpatch"
        sapwood.diff(old, new, patch, **facts)
        sapwood.sign(patch, folder / "key", folder / f"{name}.signed.swpatch")
        listed.append({"name": name, "base": str(old), "target": str(new), **facts})
    (folder / "pairs.json").write_text(json.dumps(listed))
    return folder


def _scattered(folder: Path) -> tuple[Path, Path]:
    """A target of pieces from all over a base: more of its pages than js/ keeps at a time."""
    rng = random.Random(5)
    base = rng.randbytes(12 << 20)
    starts = [rng.randrange(len(base) - 2000) for _ in range(400)]
    target = b"".join(base[at : at + rng.randrange(200, 2000)] + b"new" for at in starts)
    old, new = folder / "scattered.old.bin", folder / "scattered.new.bin"
    old.write_bytes(base)
    new.write_bytes(target)
    return old, new


@pytest.mark.usefixtures("built")
def test_the_package_for_browsers_and_node(pairs: Path) -> None:
    _run("npm", "test", "--silent", SAPWOOD_PAIRS=str(pairs))


@pytest.mark.usefixtures("built")
def test_the_decoder_for_devices_is_below_4_kib() -> None:
    if shutil.which("wasm-opt") is None:
        pytest.skip("wasm-opt is missing (Debian package: binaryen)")
    assert (JS / "build" / "device.wasm").stat().st_size < 4096
