"""The names of the package: all there, and none imported before it is used."""

import subprocess
import sys

import pytest

import sapwood


@pytest.mark.parametrize("name", sapwood.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(sapwood, name) is getattr(sapwood, name)
    assert name in dir(sapwood)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(sapwood, "nonsense")  # noqa: B009  a type checker knows too


def test_the_version_is_told_without_the_library() -> None:
    code = "import sys, sapwood, sapwood.cli.main; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "sapwood._core", "sapwood.patch.calls"} & set(ran.stdout.split())
    assert "sapwood.errors" in ran.stdout.split(), "which users name without importing it"
