"""The examples of the guide run."""

import doctest
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "TRAINING.md"


def test_the_examples_of_the_guide_run() -> None:
    ran = doctest.testfile(str(GUIDE), module_relative=False)
    assert ran.attempted > 10
    assert ran.failed == 0


def test_no_framework_is_imported_before_it_is_used() -> None:
    code = "import sys, sapwood.train; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "lightning", "keras"} & set(ran.stdout.split())
