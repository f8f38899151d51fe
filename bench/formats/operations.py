"""The columns of the table: what Sapwood does with a format's files, each as a user would run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapwood.cli.main import sapwood as commands


@dataclass(frozen=True, slots=True)
class Cell:
    """The outcome of one operation on one row: ``state`` is "ok", "failed" or "absent" (no such command)."""

    state: str
    text: str
    facts: dict[str, Any]


class Failed(Exception):
    """A command ended otherwise than it should."""


def _run(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "sapwood", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise Failed(f"exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def _same(a: Path, b: Path) -> bool:
    if a.is_dir() != b.is_dir():
        return False
    if not a.is_dir():
        return a.read_bytes() == b.read_bytes()
    names = [sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()) for root in (a, b)]
    return names[0] == names[1] and all((a / n).read_bytes() == (b / n).read_bytes() for n in names[0])


def _inspect(_base: Path, target: Path, _room: Path) -> tuple[str, dict[str, Any]]:
    seen = json.loads(_run("inspect", target, "--json"))
    share = 1 - seen["glue"] / seen["size"]
    formats = sorted({file["format"] for file in seen["files"]})
    text = f"{len(seen['tensors'])} tensors, {share:.1%} of the bytes"
    if seen["warnings"]:
        text += f", {len(seen['warnings'])} warnings"
    return text, {"tensors": len(seen["tensors"]), "share": share, "formats": formats, "size": seen["size"]}


def _diff(base: Path, target: Path, room: Path) -> tuple[str, dict[str, Any]]:
    report = json.loads(_run("diff", base, target, "-o", room / "patch", "--json"))
    facts = {"patch": report["patch_size"], "share": report["share"]}
    return f"{report['patch_size']:,} B, {report['share']:.4f}", facts


def _apply(base: Path, target: Path, room: Path) -> tuple[str, dict[str, Any]]:
    _run("apply", base, room / "patch", "-o", room / "applied")
    if not _same(room / "applied", target):
        raise Failed("another target")
    return "exact", {}


def _chain(base: Path, target: Path, room: Path) -> tuple[str, dict[str, Any]]:
    # Two links, of which the second changes one bit; from either version to the last.
    third = _one_bit_on(target, room / "third")
    _run("chain", "create", base, target, third, "-o", room / "chain")
    _run("chain", "verify", room / "chain", "--base", base)
    for i, start in enumerate((base, target)):
        _run("chain", "apply", start, room / "chain", "-o", room / f"last-{i}", "--from-any")
        if not _same(room / f"last-{i}", third):
            raise Failed("another target")
    links = json.loads(_run("chain", "info", room / "chain", "--json"))["links"]
    sizes = [link["size"] for link in links]
    return f"exact, {sizes[0]:,} + {sizes[1]:,} B", {"links": sizes}


def _one_bit_on(model: Path, out: Path) -> Path:
    """A copy of a model with one bit changed in the middle of its largest file."""
    (shutil.copytree if model.is_dir() else shutil.copyfile)(model, out)
    files = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else [out]
    largest = max(files, key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    return out


def _fingerprint(base: Path, target: Path, room: Path) -> tuple[str, dict[str, Any]]:
    # A saved fingerprint is as good as the model, and the target of every row is the base's kin.
    (room / "base.json").write_text(_run("fingerprint", base, "--json"))
    told = json.loads(_run("fingerprint", "compare", room / "base.json", base, "--json"))
    if told["relation"] != "identical":
        raise Failed(f"its own copy is {told['relation']}")
    _run("fingerprint", "add", base, "--db", room / "models.db")
    found = json.loads(_run("fingerprint", "find", target, "--db", room / "models.db", "--json"))["found"]
    if not found:
        raise Failed("its own kin is a stranger")
    facts = {name: found[0][name] for name in ("relation", "kinship", "patch_share")}
    return f"{facts['relation']} {facts['kinship']:.3f}, expects {facts['patch_share']:.4f}", facts


Operation = Callable[[Path, Path, Path], tuple[str, dict[str, Any]]]
OPERATIONS: dict[str, Operation] = {
    "inspect": _inspect,
    "diff": _diff,
    "apply": _apply,
    "chain": _chain,
    "fingerprint": _fingerprint,
}


def run(name: str, base: Path, target: Path, room: Path) -> Cell:
    """One cell; ``room`` is an empty folder that the operations of one row share."""
    if name not in commands.list_commands(None):  # type: ignore[arg-type]  # the names need no context
        return Cell("absent", "no such command", {})
    try:
        text, facts = OPERATIONS[name](base, target, room)
    except (Failed, subprocess.TimeoutExpired, ValueError) as error:
        return Cell("failed", str(error), {})
    return Cell("ok", text, facts)
