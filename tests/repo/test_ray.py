"""Models taken in by a Ray cluster of two nodes on this machine, into a real S3 server."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sapwood.errors import Unavailable
from sapwood.repo.repository import Repository
from tests.repo.families import write_family
from tests.store.s3_servers import BUCKET, options, server

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: make .venv/with-ray")

pytestmark = [
    pytest.mark.slow,
    # Ray's own, in its own threads and files.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two nodes with a processor each."""
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made.address
    made.shutdown()


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    families = [write_family(tmp_path / "models", family, 6) for family in range(3)]
    return {name: path for family in families for name, path in family.items()}


def whole(url: str, given: dict[str, str], folder: Path, models: dict[str, Path]) -> bool:
    with Repository.clone(url, folder, options=given) as clone:
        return clone.fsck() == [] and all(
            (folder / name).read_bytes() == path.read_bytes() for name, path in models.items()
        )


def test_two_nodes_fill_a_bucket(tmp_path: Path, address: str, models: dict[str, Path]) -> None:
    with server("ministack", tmp_path) as port, Repository.init(tmp_path / "repo") as repo:
        url = f"s3://{BUCKET}/models"
        repo.add_remote("origin", url, options(port))
        told = repo.ingest(models, cluster=address, scratch=tmp_path / "scratch")
        assert set(told.new) == set(models)
        assert told.sent < 0.75 * told.read
        again = repo.ingest(models, cluster=address, scratch=tmp_path / "scratch")
        assert (again.new, again.sent) == ((), 0)
        assert whole(url, options(port), tmp_path / "clone", models)


def test_killed_processes_lose_nothing(tmp_path: Path, address: str, models: dict[str, Path]) -> None:
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while len(killed) < 3 and not over.is_set():
            for process in workers():
                if process not in killed and len(killed) < 3:
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
                    break
            time.sleep(0.3)

    with Repository.init(tmp_path / "repo") as repo:
        repo.add_remote("origin", str(tmp_path / "remote"))
        thread = threading.Thread(target=kill)
        thread.start()
        try:
            told = repo.ingest(models, cluster=address, scratch=tmp_path / "scratch")
        finally:
            over.set()
            thread.join()
        assert killed
        # A model whose task died three times is told as failed; a second call takes it in.
        assert set(told.new) | set(told.failed) == set(models)
        repo.ingest(models, cluster=address, scratch=tmp_path / "scratch")
        assert whole(str(tmp_path / "remote"), {}, tmp_path / "clone", models)


def workers() -> list[int]:
    """Processes of Ray that run our tasks at this moment."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and b"ray::run_take_in" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def test_the_command_takes_a_list_and_tells(tmp_path: Path, address: str, models: dict[str, Path]) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "sapwood", *arguments]
        done = subprocess.run(command, cwd=tmp_path / "repo", capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    (tmp_path / "repo").mkdir()
    run("init")
    run("remote", "add", "origin", str(tmp_path / "remote"))
    listed = tmp_path / "list"
    lines = [f"{path}\tfamily/{name}\n" for name, path in models.items()]
    listed.write_text("".join([*lines, f"{tmp_path}/absent\n"]))
    scratch = str(tmp_path / "scratch")
    told = run("import", "--ray", address, "--list", str(listed), "--scratch", scratch, code=3)
    assert f"{len(models)} new, 0 the same, 1 failed" in told
    assert "absent" in told


def test_no_cluster_is_said_so(tmp_path: Path) -> None:
    with Repository.init(tmp_path / "repo") as repo:
        repo.add_remote("origin", str(tmp_path / "remote"))
        with pytest.raises(Unavailable):
            repo.ingest({"m": tmp_path / "m"}, cluster="127.0.0.1:1")


def test_local_needs_no_cluster(tmp_path: Path) -> None:
    """In a process of its own: Ray can be in one cluster only."""
    models = write_family(tmp_path / "models", 0, 2)
    program = (
        "import sys; from sapwood.repo.repository import Repository\n"
        "with Repository.init(sys.argv[1]) as repo:\n"
        "    repo.add_remote('origin', sys.argv[2])\n"
        "    models = dict(zip(sys.argv[3::2], sys.argv[4::2]))\n"
        "    print(len(repo.ingest(models, cluster='local', scratch=sys.argv[1] + '-scratch').new))\n"
    )
    given: list[Any] = [part for pair in models.items() for part in pair]
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "repo", tmp_path / "remote", *given],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
    )
    assert done.stdout.strip() == "2", done.stderr
