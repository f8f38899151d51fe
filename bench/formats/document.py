"""docs/FORMATS.md: the table of a run as Markdown."""

from __future__ import annotations

from typing import Any, Final

from bench.formats.operations import OPERATIONS

_HEAD: Final = """# Every format by every operation

Made by `python -m bench.formats --document docs/FORMATS.md`, which installs what the makers need.
Every cell is a command run on the row's two files, a base and a target, as a user would run it:

- **inspect**: tensors found, and the share of the bytes that are tensors.
- **diff**: bytes of the patch at the default level, and its share of the target.
- **apply**: whether the target came back to the last bit.
- **chain**: a chain of two links, of which the second changes one bit, applied from either version; the
  bytes of both.
- **fingerprint**: what the target is to the base by their sketches, their kinship, and the share of the
  target that a patch is expected to take.
- **against safetensors**: the size of the patch over that between the same weights as safetensors.

"""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |\n"


def written(done: list[dict[str, Any]]) -> str:
    """The document of a run, one line a row of it."""
    names = ["format", *OPERATIONS, "against safetensors", "origin"]
    lines = [_row(names), "|" + "---|" * len(names) + "\n"]
    for line in done:
        if line["skipped"]:
            texts = [f"not run: {line['skipped']}", *[""] * len(OPERATIONS)]
        else:
            cells = line["cells"].values()
            texts = [("FAILED: " if cell["state"] == "failed" else "") + cell["text"] for cell in cells]
            texts.append(f"{line['twin']:.3f}" if line["twin"] else "")
        lines.append(_row([line["format"], *texts, line["origin"]]))
    return _HEAD + "".join(lines)
