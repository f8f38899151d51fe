"""Merges, cherry-picks and reverts of whole repositories."""

from pathlib import Path

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from sapwood.errors import MergeConflict, UnknownRevision, WrongCall
from sapwood.formats.model import open_model
from sapwood.repo.merge.strategy import GreedySoup, Ties, Weighted
from sapwood.repo.repository import Repository
from tests.formats import samples

Model = dict[str, npt.NDArray[np.generic]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository.init(tmp_path / "work")
    monkeypatch.chdir(made.path)
    return made


def filled(**values: float) -> Model:
    return {name: np.full(64, value, np.float32) for name, value in values.items()}


def fork(repo: Repository, base: Model, ours: Model, theirs: Model) -> None:
    """main with ``base`` and ``ours``, side with ``base`` and ``theirs``; HEAD is on main."""
    repo.commit(base, "base")
    repo.branch("side")
    repo.commit(ours, "ours")
    repo.switch("side")
    repo.commit(theirs, "theirs")
    repo.switch("main")


def first(repo: Repository, revision: str = "HEAD") -> dict[str, float]:
    return {name: float(array.reshape(-1)[0]) for name, array in repo.checkout(revision).items()}


def test_what_one_side_changed_is_taken_from_it(repo: Repository) -> None:
    fork(repo, filled(a=1, b=1, c=1), filled(a=2, b=1, c=1), filled(a=1, b=3, c=1))
    ours, theirs = repo.branches()["main"], repo.branches()["side"]
    result = repo.merge("side", metrics={"acc": 0.5})
    assert (result.how, result.mixed) == ("merged", ())
    info = repo.show()
    assert info.parents == (ours, theirs)
    assert (info.commit.title, dict(info.commit.metrics)) == ("Merge side", {"acc": 0.5})
    assert first(repo) == {"a": 2, "b": 3, "c": 1}
    assert repo.status().clean
    assert repo.merge("side").how == "up to date"


def test_what_both_changed_is_a_conflict_and_changes_nothing(repo: Repository) -> None:
    fork(repo, filled(a=1, b=1), filled(a=2, b=2), filled(a=3, b=1))
    before = repo.resolve("HEAD")
    with pytest.raises(MergeConflict, match=r"1 conflict .*model.safetensors: tensor 'a'"):
        repo.merge("side")
    assert repo.resolve("HEAD") == before
    assert repo.status().clean


@pytest.mark.parametrize(
    ("strategy", "value"),
    [
        ("ours", 2.0),
        ("theirs", 6.0),
        ("average", 4.0),
        (Weighted((1, 3)), 5.0),
        ("task-arithmetic", 7.0),
        (Ties(density=1.0), 4.0),
    ],
)
def test_strategies_decide_what_both_changed(repo: Repository, strategy: object, value: float) -> None:
    fork(repo, filled(a=1, b=1), filled(a=2, b=2), filled(a=6, b=1))
    result = repo.merge("side", strategy=strategy)  # type: ignore[arg-type]
    assert first(repo) == {"a": value, "b": 2}
    assert len(result.mixed) == (strategy not in ("ours", "theirs"))
    # What the merge made is a file that other programs read.
    repo.restore(["."])
    with open_model(repo.path / "model.safetensors") as model:
        assert [tensor.name for _, tensor in model.files[0].layout.tensors()] == ["a", "b"]


def test_a_mean_everywhere(repo: Repository) -> None:
    fork(repo, filled(a=1, b=1), filled(a=3, b=1), filled(a=1, b=5))
    repo.merge("side", strategy="average", everywhere=True)
    assert first(repo) == {"a": 2, "b": 3}


def test_a_soup_of_several_branches_has_all_as_parents(repo: Repository) -> None:
    repo.commit(filled(a=0), "base")
    for i, value in enumerate((4.0, 8.0, 100.0)):
        repo.switch(f"run{i}", create=True, start="main")
        repo.commit(filled(a=value), f"run {i}")
    repo.switch("run0")

    with pytest.raises(WrongCall):
        repo.merge("run1", "run2", strategy="slerp")
    result = repo.merge("run1", "run2", strategy="average", message="soup")
    assert len(repo.show(result.commit).parents) == 3
    assert first(repo)["a"] == pytest.approx(112 / 3)
    repo.reset("HEAD~1", hard=True)
    # Nearest to 6: the first two together, without the third.
    repo.merge("run1", "run2", strategy=GreedySoup(lambda model: -abs(float(model["a"][0]) - 6)))
    assert first(repo) == {"a": 6}


def test_integers_and_deleted_files_need_a_side(repo: Repository) -> None:
    steps: list[Model] = [
        {"n": np.array([value], np.int64), "w": np.full(4, value, np.float32)} for value in (1, 2, 4)
    ]
    fork(repo, *steps)
    with pytest.raises(MergeConflict, match="no mean"):
        repo.merge("side", strategy="average")
    repo.merge("side", strategy="average", otherwise="theirs")
    assert first(repo) == {"n": 4, "w": 3}


def test_added_and_removed_tensors(repo: Repository) -> None:
    base = filled(a=1, gone=1, w=1)
    fork(repo, base, filled(a=2, w=1, mine=5), filled(a=1, gone=1, w=7, yours=6))
    repo.merge("side")
    assert first(repo) == {"a": 2, "mine": 5, "w": 7, "yours": 6}


def test_metadata_of_a_header_stays(repo: Repository) -> None:
    def version(value: float, name: str) -> None:
        save_file(filled(a=value, **{name: 1}), repo.path / "m.safetensors", metadata={"format": "pt"})
        repo.add()
        repo.commit(message=name)

    version(1, "base")
    repo.branch("side")
    version(2, "ours")
    repo.switch("side")
    version(1, "theirs")
    repo.switch("main")
    repo.merge("side")
    with safe_open(repo.path / "m.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}
        assert set(file.keys()) == {"a", "ours", "theirs"}


@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
def test_files_of_other_formats_are_mixed_where_that_is_sound(repo: Repository, name: str) -> None:
    data = samples.SAMPLES[name]()
    with open_model(data) as model:
        spans = [span for span, tensor in model.files[0].layout.tensors() if tensor.dtype.name == "f32"]
    assert spans, "each sample has a tensor of 32-bit floats"
    at = spans[0].offset

    def version(value: float, message: str) -> None:
        changed = bytearray(data)
        changed[at : at + 4] = np.float32(value).tobytes()
        (repo.path / "model").write_bytes(changed)
        repo.add()
        repo.commit(message=message)

    version(1, "base")
    repo.branch("side")
    version(2, "ours")
    repo.switch("side")
    version(4, "theirs")
    repo.switch("main")
    if name in {"torch", "npz"}:
        with pytest.raises(MergeConflict, match="cannot be mixed"):
            repo.merge("side", strategy="average")
        repo.merge("side", strategy="theirs")
        expected = 4.0
    else:
        repo.merge("side", strategy="average")
        expected = 3.0
    wanted = bytearray(data)
    wanted[at : at + 4] = np.float32(expected).tobytes()
    assert (repo.path / "model").read_bytes() == wanted
    assert repo.status().clean


def test_a_branch_that_is_behind_is_moved_forward(repo: Repository) -> None:
    repo.commit(filled(a=1), "base")
    repo.branch("old")
    newest = repo.commit(filled(a=2), "new")
    repo.switch("old")
    assert repo.merge("main").how == "fast-forward"
    assert repo.branches()["old"] == newest
    repo.reset("HEAD~1", hard=True)
    result = repo.merge("main", fast_forward=False)
    assert result.how == "merged"
    assert len(repo.show().parents) == 2


def test_histories_without_a_common_commit(repo: Repository) -> None:
    repo.commit(filled(a=1), "one")
    with repo.refs.transaction():
        head = repo.head
    repo.branch("kept")
    repo.refs.set_head(type(head)("refs/heads/other", None), repo.signature(), "orphan")
    repo.staging.replace([])
    repo.commit(filled(a=3), "two")
    with pytest.raises(UnknownRevision):
        repo.merge_base("kept", "other")
    repo.merge("kept", strategy="average")
    assert first(repo) == {"a": 2}


def test_a_merge_overwrites_nothing_and_takes_no_staged_change_along(repo: Repository) -> None:
    (repo.path / "a").write_text("1")
    repo.add()
    repo.commit(message="base")
    repo.branch("side")
    (repo.path / "b").write_text("mine")
    repo.add()
    repo.commit(message="b")
    repo.switch("side")
    (repo.path / "a").write_text("2")
    repo.add()
    repo.commit(message="a")
    repo.switch("main")
    (repo.path / "a").write_text("in no commit")
    with pytest.raises(WrongCall, match="in no commit"):
        repo.merge("side")
    assert (repo.path / "a").read_text() == "in no commit"
    repo.add()
    with pytest.raises(WrongCall, match="staged"):
        repo.merge("side")
    repo.reset(hard=True)
    repo.merge("side")
    assert (repo.path / "a").read_text() == "2"


def test_cherry_pick_and_revert(repo: Repository) -> None:
    fork(repo, filled(a=1, b=1), filled(a=2, b=1), filled(a=1, b=3))
    picked = repo.cherry_pick("side")
    assert first(repo) == {"a": 2, "b": 3}
    assert repo.show(picked).commit.title == "theirs"
    assert len(repo.show(picked).parents) == 1
    with pytest.raises(WrongCall, match="already"):
        repo.cherry_pick("side")
    repo.revert("HEAD~1")
    assert first(repo) == {"a": 1, "b": 3}
    assert repo.show().commit.title == 'Revert "ours"'
    repo.commit(filled(a=1, b=9), "b again")
    with pytest.raises(MergeConflict):
        repo.revert(picked)
    repo.merge("side", strategy="ours")
    with pytest.raises(WrongCall, match="merge"):
        repo.revert("HEAD")


def test_a_merge_in_bf16_is_rounded_once(repo: Repository) -> None:
    random = np.random.default_rng(0)
    base = random.standard_normal(5000).astype(np.float32)
    sides = [base + random.standard_normal(5000).astype(np.float32) * np.float32(0.01) for _ in range(2)]
    fork(repo, *({"w": values.astype(ml_dtypes.bfloat16)} for values in (base, *sides)))
    repo.merge("side", strategy="average")
    rounded = [values.astype(ml_dtypes.bfloat16).astype(np.float32) for values in sides]
    wanted = ((rounded[0] * np.float32(0.5)) + (rounded[1] * np.float32(0.5))).astype(ml_dtypes.bfloat16)
    assert np.array_equal(repo.checkout()["w"].view(np.int16), wanted.view(np.int16))
