"""A whole history on S3 servers: pushed, cloned in every way, and each version brought back bit for bit.

Of ten checkpoints of a real training run where ``python -m bench.corpus.make_pairs build/bench history`` has
made them, and of ten made here, everywhere.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.kinship.files import safetensors_file
from sapwood.repo.repository import Repository
from sapwood.store.kinds import Kind
from tests.store.s3_servers import BUCKET, options, server

pytestmark = pytest.mark.slow

VERSIONS = 10
FILE = "model.safetensors"
TRAINED = Path(__file__).parents[2] / "build/bench/history/bf16"


def made_versions() -> Iterator[bytes]:
    """Five versions of a model of 1.6 MB, in each a few weights of one tensor moved; and five of another."""
    random = np.random.default_rng(0)
    for number in range(VERSIONS):
        if number % 5 == 0:
            model = {f"layer{i}": random.standard_normal((256, 400), np.float32) for i in range(4)}
        yield safetensors_file(model)
        moved = model[f"layer{number % 4}"].reshape(-1)
        moved[random.integers(0, moved.size, 3000)] *= 1.001


def trained_versions() -> Iterator[bytes]:
    files = [TRAINED / f"{number}.safetensors" for number in range(VERSIONS)]
    if not all(file.exists() for file in files):
        pytest.skip("no ten checkpoints: python -m bench.corpus.make_pairs build/bench history")
    return (file.read_bytes() for file in files)


@pytest.fixture(scope="module", params=["ministack", "moto_server"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with server(request.param, tmp_path_factory.mktemp("server")) as at:
        yield at


@pytest.fixture(params=["made", "trained"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    """A commit for each version."""
    versions = made_versions() if request.param == "made" else trained_versions()
    with Repository.init(tmp_path / "here") as here:
        for number, version in enumerate(versions):
            (here.path / FILE).write_bytes(version)
            here.add([here.path / FILE])
            here.commit(message=f"Step {25 * number}", metrics={"step": float(25 * number)})
        yield here


def bytes_of(repo: Repository, revision: str) -> bytes:
    repo.restore([repo.path / FILE], source=revision)
    return (repo.path / FILE).read_bytes()


def test_a_history_comes_back_from_a_bucket(history: Repository, tmp_path: Path, port: int) -> None:
    url = f"s3://{BUCKET}/{tmp_path.name}"
    history.add_remote("origin", url, options(port))
    history.push(everything=True)
    ages = range(VERSIONS)
    expected = [bytes_of(history, f"HEAD~{age}") for age in ages]
    log = [(info.id, info.commit.title, info.commit.metrics) for info in history.log()]
    assert len(log) == VERSIONS
    checkouts = [history.checkout(f"HEAD~{age}") for age in ages]
    tensors = [{found.digest(name) for name in found} for found in checkouts]

    def cloned(name: str, **how: Any) -> Repository:
        clone = Repository.clone(url, tmp_path / name, options=options(port), **how)
        assert [(info.id, info.commit.title, info.commit.metrics) for info in clone.log()] == log
        assert clone.fsck() == []
        return clone

    with cloned("whole") as whole:
        assert not any(whole.store.missing(one) for one in tensors)
        # Deltas travel as deltas.
        assert whole.stats().deltas == history.stats().deltas > 0
        assert whole.stats().stored == history.stats().stored
        assert [bytes_of(whole, f"HEAD~{age}") for age in ages] == expected
    with cloned("shallow", depth=3) as shallow:
        assert not any(shallow.store.missing(one) for one in tensors[:3])
        # Of older ones only what the newest stand on, as differences.
        needed = {digest for one in tensors[:3] for digest in bases(history, one)}
        assert {info.digest for info in shallow.store.objects(Kind.TENSOR)} == needed
        assert [bytes_of(shallow, f"HEAD~{age}") for age in ages] == expected
    with cloned("lazy", lazy=True, checkout=False) as lazy:
        assert list(lazy.store.objects(Kind.TENSOR)) == []
        assert bytes_of(lazy, "HEAD") == expected[0]
        needed = set(bases(history, tensors[0]))
        assert {info.digest for info in lazy.store.objects(Kind.TENSOR)} == needed
        assert [bytes_of(lazy, f"HEAD~{age}") for age in ages] == expected
        assert lazy.fsck() == []


def bases(repo: Repository, digests: Iterable[bytes]) -> Iterator[bytes]:
    """These objects and all that they stand on."""
    for digest in digests:
        at: bytes | None = digest
        while at is not None:
            yield at
            at = repo.store.info(at).base
