"""The program that updates a file of flash, built with sanitizers where the compiler has them."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.device.patches import ROOT, compiles

_SANITIZE: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not compiles("#include <openssl/evp.h>"):
        pytest.skip("the headers of OpenSSL are missing (Debian package: libssl-dev)")
    out = tmp_path_factory.mktemp("posix")
    flags = _SANITIZE if compiles("", *_SANITIZE) else ()
    subprocess.run(
        ["make", "-C", ROOT / "device/ports/posix", f"OUT={out}", f"CFLAGS=-O1 -g {' '.join(flags)}"],
        check=True,
        capture_output=True,
    )
    return out / "swd-update"
