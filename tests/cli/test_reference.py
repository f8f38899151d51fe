from pathlib import Path

from sapwood.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "CLI.md"


def test_the_reference_page_is_fresh() -> None:
    assert PAGE.read_text() == reference(), "run: python -m sapwood.cli.reference > docs/CLI.md"
