"""Makes the model that comes with Sapwood, its record and its notice, from the general corpus.

    python -m bench.bytes.train_general

Writes src/sapwood/bytecoder/models. Takes some minutes, once the packages are here. The same packages give
the same model, but for the traces of imports, which follow this machine's Python.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Final

from bench.bytes import general
from bench.bytes.sources import GENERAL
from sapwood.bytecoder.training import train

OUT: Final = Path(__file__).parents[2] / "src/sapwood/bytecoder/models"
_NOTICE: Final = """# What the general model is made of

`general.ncmodel` holds pieces of files of these packages, as they are. They are their authors', and are
passed on under their licences, which the packages hold in full. Logs and telemetry are made up.
`bench/bytes/train_general.py` makes the model; `general.json` tells how good it is.

| package | licence |
|---|---|
"""
LICENCE: Final = "pieces of many packages, each under its own licence: see NOTICE.md"


def main() -> None:
    folder = general.make()
    trained = train([folder], licence=LICENCE, progress=_tell)
    OUT.mkdir(exist_ok=True)
    (OUT / "general.ncmodel").write_bytes(trained.prior.data)
    (OUT / "general.json").write_text(json.dumps(trained.meta, indent=2) + "\n")
    (OUT / "NOTICE.md").write_text(notice())
    print(f"{len(trained.prior.data)} bytes, identity {trained.prior.identity.hex()}")


def notice() -> str:
    """Whose text the model holds."""
    licences: dict[str, set[str]] = defaultdict(set)
    for sources in GENERAL.values():
        for source in sources:
            licences[_title(source.package)].add(source.licence)
    rows = (
        f"| {name} | {', '.join(sorted(names))} |"
        for name, names in sorted(licences.items(), key=lambda item: item[0].lower())
    )
    return _NOTICE + "\n".join(rows) + "\n"


def _title(package: str) -> str:
    if "@" in package:
        return package.replace("@", " ") + " (npm)"
    return package.replace("==", " ") if "==" in package else package + " (Debian)"


def _tell(stage: str, done: int, total: int) -> None:
    if done % 25 == 0:
        print(f"{stage}: {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
