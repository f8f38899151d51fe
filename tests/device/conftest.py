"""The program that updates a file of flash, built with sanitizers where the compiler has them."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.device.patches import ROOT, compiles

_SANITIZE: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def _built(out: Path, *options: str) -> Path:
    if not compiles("#include <openssl/evp.h>"):
        pytest.skip("the headers of OpenSSL are missing (Debian package: libssl-dev)")
    flags = (*(_SANITIZE if compiles("", *_SANITIZE) else ()), *options)
    subprocess.run(
        ["make", "-C", ROOT / "device/ports/posix", f"OUT={out}", f"CFLAGS=-O1 -g {' '.join(flags)}"],
        check=True,
        capture_output=True,
    )
    return out / "swd-update"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built(tmp_path_factory.mktemp("posix"))


@pytest.fixture(scope="session")
def program_of_integers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, built without floats."""
    return _built(tmp_path_factory.mktemp("integers"), "-DSWD_FLOATS=0")
