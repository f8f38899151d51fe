"""Commands of the link, and where they meet."""

import socket
from collections.abc import Iterator

import pytest

from tests.link.processes import Commands


@pytest.fixture
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """They keep trained models in a folder of their own."""
    started = Commands()
    started.environment["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield started
    for ran in started.running:
        ran.kill()
        ran.communicate()


@pytest.fixture
def tcp() -> tuple[str, str]:
    """The names of a listening port and of its other end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    return f"tcp-listen:127.0.0.1:{number}", f"tcp:127.0.0.1:{number}"
