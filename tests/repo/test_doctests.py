"""The examples in the docstrings of the repository run."""

import doctest
import importlib

import pytest

MODULES = ("graph", "refs", "repository", "resolve", "revision", "tree")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"sapwood.repo.{name}"), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
