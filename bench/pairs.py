"""The pairs the benchmark runs over, and where they lie.

quick: the small TFLite pairs beside this file and synthetic ones made on the spot. full: also the trained
pairs (bench.corpus.make_pairs), those with merged adapters (bench.corpus.make_adapters), those quantised
(bench.corpus.quantised, quantised_onnx and quantised_tflite) and the published ones
(bench.corpus.fetch_pairs), and those of a large model (bench.corpus.train_large), in the corpus folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.corpus import synthetic
from bench.corpus.quantised_types import CROSSED, ONNX, TFLITE, TYPES

HERE = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Pair:
    """kind decides which goals hold.

    It is "rl-1", "rl-8", "sft-bf16", "sft-f16", "sft-f32", "quantised", "crossed", "lora", "lora-1024",
    "lora-2048", "cast" or "other".
    """

    name: str
    kind: str
    base: Path
    target: Path

    def missing(self) -> str | None:
        absent = [str(path) for path in (self.base, self.target) if not path.exists()]
        return f"no file {absent[0]}" if absent else None


def tflite(corpus: Path) -> list[Pair]:
    """Models for microcontrollers."""
    return [
        Pair(
            f"tflite {old.name.removesuffix('.old.tflite')}",
            "other",
            old,
            Path(f"{old}"[:-10] + "new.tflite"),
        )
        # Ours lie beside this file; others, whose licences do not let us pass them on, in the corpus folder.
        for folder in (HERE / "tflite", corpus / "tflite")
        for old in sorted(folder.glob("*.old.tflite"))
    ]


def quick(corpus: Path) -> list[Pair]:
    synthetic.make(corpus / "synthetic")
    found = tflite(corpus)
    for folder in sorted((corpus / "synthetic").iterdir()):
        files = folder / "base.safetensors", folder / "target.safetensors"
        found.append(Pair(f"synthetic {folder.name}", "other", *files))
    return found


def full(corpus: Path) -> list[Pair]:
    made = corpus / "pairs"
    found = quick(corpus) + trained(made) + quantised(made / "quantised") + published(corpus / "fetched")
    return found + large(corpus / "large")


def trained(folder: Path) -> list[Pair]:
    def pair(name: str, kind: str, base: str, target: str) -> Pair:
        return Pair(name, kind, folder / f"{base}.safetensors", folder / f"{target}.safetensors")

    found = [
        pair("rl 1 step", "rl-1", "rl/step40", "rl/step41"),
        pair("rl 8 steps", "rl-8", "rl/step40", "rl/step48"),
        pair("lora merged", "lora", "lora/base", "lora/merged"),
        pair("adapter 1024", "lora-1024", "adapter-1024/base", "adapter-1024/merged"),
        pair("adapter 2048", "lora-2048", "adapter-2048/base", "adapter-2048/merged"),
        pair("cast f32 to bf16", "cast", "sft/f32/step200", "sft/bf16/step200"),
        pair("cast f32 to f16", "cast", "sft/f32/step200", "sft/f16/step200"),
    ]
    for kind in ("bf16", "f16", "f32"):
        for old, new in (("base", "step200"), ("base", "step250"), ("step200", "step250")):
            name = f"sft {kind} {old}-{new}"
            found.append(pair(name, f"sft-{kind}", f"sft/{kind}/{old}", f"sft/{kind}/{new}"))
    return found


def quantised(folder: Path) -> list[Pair]:
    """Fine-tunes quantised to one type, and a quantised model from the floats it was made of."""

    def gguf(name: str, step: str) -> Path:
        return folder / name / f"{step}.gguf"

    found = [
        Pair(f"gguf {name} {old}-{new}", "quantised", gguf(name, old), gguf(name, new))
        for name in TYPES
        for old, new in (("base", "step250"), ("step200", "step250"))
    ]
    found += [
        Pair(
            f"{kind} {old}-step250",
            "quantised",
            folder / kind / f"{old}{ending}",
            folder / kind / f"step250{ending}",
        )
        for kinds, ending in ((ONNX, ".onnx"), (TFLITE, ".tflite"))
        for kind in kinds
        for old in ("base", "step200")
    ]
    found += [
        Pair(f"gguf {old}-{new} step250", "crossed", gguf(old, "step250"), gguf(new, "step250"))
        for old, new in CROSSED
    ]
    return found


def large(folder: Path) -> list[Pair]:
    """Steps of a model that takes an accelerator to train: none where nobody trained it."""
    steps = [
        ("rl 1 step", "rl-1", "rl", 1),
        ("rl 8 steps", "rl-8", "rl", 8),
        ("f32 8 steps", "other", "f32", 8),
        ("adam 8 steps", "other", "adam", 8),
    ]
    return [
        Pair(
            f"large {name}",
            kind,
            folder / room / "step0.safetensors",
            folder / room / f"step{step}.safetensors",
        )
        for name, kind, room, step in steps
        if (folder / room).is_dir()
    ]


def published(folder: Path) -> list[Pair]:
    catalog = json.loads((HERE / "pairs.json").read_text())
    found = []
    for row in catalog:
        files = [folder / row["name"] / (s + Path(row[s]["member"]).suffix) for s in ("base", "target")]
        found.append(Pair(row["name"], "other", files[0], files[1]))
    return found
