"""A short tour: a patch made, looked at, checked and applied, and a wrong base refused.

    python examples/demo.py

The models are real and lie in this repository: models/make_models.py made the transformers, and bench/corpus
holds the TFLite pairs.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sapwood import diff

HERE = Path(__file__).parent
MODELS = HERE / "models"
TFLITE = HERE.parent / "bench" / "corpus" / "tflite"
PAIRS = (
    (
        "transformer, 1.2 M, bf16",
        MODELS / "writer-bf16-base.safetensors",
        MODELS / "writer-bf16-tuned.safetensors",
    ),
    (
        "transformer, 0.3 M, f32",
        MODELS / "writer-f32-base.safetensors",
        MODELS / "writer-f32-tuned.safetensors",
    ),
    ("CNN, int8 TFLite", TFLITE / "my_cnn_ft_lr1e-5x1.old.tflite", TFLITE / "my_cnn_ft_lr1e-5x1.new.tflite"),
    ("MLP, int8 TFLite", TFLITE / "my_mlp_ft_lr1e-5x1.old.tflite", TFLITE / "my_mlp_ft_lr1e-5x1.new.tflite"),
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def run(folder: Path, *arguments: str, expect: int = 0, lines: int = 40) -> None:
    """One command, as a user would type it, and what it prints."""
    print(f"\n$ sapwood {' '.join(arguments)}", flush=True)
    ended = subprocess.run(
        [sys.executable, "-m", "sapwood", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    printed = (ended.stdout + ended.stderr).rstrip().splitlines()
    cut = len(printed) > lines
    print("\n".join([*printed[: lines - 3], "...", *printed[-2:]] if cut else printed))
    if ended.returncode != expect:
        sys.exit(f"exit code {ended.returncode} where {expect} was expected")
    if expect:
        print(f"(exit code {expect})")


def tour(folder: Path) -> None:
    _, base, target = PAIRS[0]
    shutil.copy(base, folder / "v1.safetensors")
    shutil.copy(target, folder / "v2.safetensors")
    print("A transformer that writes docstrings, and the same after 60 steps of fine-tuning.")
    run(folder, "diff", "v1.safetensors", "v2.safetensors", "-o", "up.swpatch")
    run(folder, "info", "up.swpatch")
    run(folder, "verify", "up.swpatch", "--base", "v1.safetensors")
    run(folder, "apply", "v1.safetensors", "up.swpatch", "-o", "out.safetensors")
    found, wanted = (sha256((folder / name).read_bytes()) for name in ("out.safetensors", "v2.safetensors"))
    print(f"\nsha256 of out.safetensors  {found}\nsha256 of v2.safetensors   {wanted}")
    if found != wanted:
        sys.exit("the digests differ")
    print("\nAny other base is refused, and nothing is written:")
    run(folder, "apply", "v2.safetensors", "up.swpatch", "-o", "never.safetensors", expect=12)
    if (folder / "never.safetensors").exists():
        sys.exit("an output was left behind")
    print("\nWhat the fine-tuning changed:")
    run(folder, "stats", "v1.safetensors", "v2.safetensors", lines=16)


def table() -> bool:
    """Every pair of the repository through the library; whether all came back."""
    row = "{:26} {:>12} {:>12} {:>7} {:>9} {:>9}  {}"
    print(
        "\n" + row.format("target", "bytes", "patch bytes", "ratio", "diff", "apply", "sha256 of the result")
    )
    good = True
    for name, base, target in PAIRS:
        wanted = target.read_bytes()
        start = time.perf_counter()
        patch = diff(base, target)
        made = time.perf_counter()
        result = patch.apply(base)
        done = time.perf_counter()
        same = isinstance(result, bytes) and sha256(result) == sha256(wanted)
        good &= same
        times = f"{1000 * (made - start):.0f} ms", f"{1000 * (done - made):.0f} ms"
        ratio = f"{len(wanted) / patch.size:.1f}"
        digest = f"{sha256(wanted)[:12]} {'equal' if same else 'DIFFERS'}"
        print(row.format(name, f"{len(wanted):,}", f"{patch.size:,}", ratio, *times, digest))
    return good


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sapwood-demo-") as folder:
        tour(Path(folder))
    return 0 if table() else 1


if __name__ == "__main__":
    sys.exit(main())
