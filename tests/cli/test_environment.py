import re
from pathlib import Path

import sapwood

PACKAGE = Path(sapwood.__file__).parent
# Who commits: a trainer that is no command of ours commits as well.
EXCEPT = {"committing.py"}
READS = re.compile(r"environ|getenv|expanduser|Path\.home")


def test_only_the_command_line_reads_the_environment() -> None:
    library = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "cli" not in path.parents]
    assert len(library) > 20
    assert {path.name for path in library if READS.search(path.read_text())} == EXCEPT
