"""Checkpoints of runs without any framework: NumPy arrays and plain values."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapwood.errors import BadData, MissingInput, WrongCall
from sapwood.repo.refs import Move
from sapwood.repo.repository import Repository
from sapwood.train.capture import capture
from sapwood.train.policy import Best, Every, Keep
from sapwood.train.run import Run
from sapwood.train.saver import Saver


class Training:
    """A state that each step changes, as a model's does."""

    def __init__(self) -> None:
        self.weights = np.zeros((64, 64), np.float32)
        self.order = np.random.default_rng(0)
        self.history: list[float] = []

    def train(self) -> float:
        self.weights += self.order.normal(size=self.weights.shape).astype(np.float32)
        self.history.append(float(np.abs(self.weights).mean()))
        return self.history[-1]

    def state_dict(self) -> dict[str, Any]:
        generator = dict(self.order.bit_generator.state)
        return {
            "model": {"weights": self.weights},
            "random": generator,
            "progress": {"history": self.history, "epoch": (1, None)},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["model"]["weights"].copy()
        self.order.bit_generator.state = state["random"]
        self.history = state["progress"]["history"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Repository.init(tmp_path / "repo") as repo:
        repo.commit({"weights": np.ones((64, 64), np.float32)}, "Begin")
    return tmp_path / "repo"


def steps(folder: Path, run: str = "tuning") -> list[int]:
    with Repository(folder) as repo:
        return [one.step for one in Run(repo, run)]


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_a_run_goes_on_exactly_where_it_was(folder: Path, waiting: int) -> None:
    straight = Training()
    for _ in range(10):
        straight.train()

    first = Training()
    with Saver(folder, "tuning", every=Every(steps=2), waiting=waiting) as saver:
        for step in range(6):
            loss = first.train()
            saver.step(step + 1, first, metrics={"loss": loss})
    assert steps(folder) == [2, 4, 6]

    second = Training()
    with Saver(folder, "tuning", waiting=waiting) as saver:
        start = saver.restore(second)
        assert start == 6
        for _ in range(start, 10):
            second.train()
    assert second.weights.tobytes() == straight.weights.tobytes()
    assert second.history == straight.history


def test_a_new_run_begins_at_no_step(folder: Path) -> None:
    with Saver(folder, "new") as saver:
        assert saver.restore(Training()) == 0
        assert saver.run.last() is None
        assert saver.run.best(Best("loss", "min")) is None


def test_what_is_saved_does_not_change_when_training_goes_on(folder: Path) -> None:
    training = Training()
    with Saver(folder, "tuning", every=Every(steps=1), waiting=2) as saver:
        expected = []
        for step in range(1, 8):
            training.train()
            expected.append(training.weights.tobytes())
            saver.step(step, training)
    with Repository(folder) as repo:
        found = [one.tensors()["weights"].tobytes() for one in Run(repo, "tuning")]
    assert found == expected


def test_the_newest_and_the_best_stay_and_the_rest_has_no_ref(folder: Path) -> None:
    training = Training()
    by = Best("loss", "min")
    with Saver(folder, "tuning", every=Every(steps=1), keep=Keep(last=2, best=1, by=by)) as saver:
        for step, loss in enumerate((5.0, 1.0, 4.0, 3.0, 2.0), 1):
            training.train()
            saver.step(step, training, metrics={"loss": loss})
    assert steps(folder) == [2, 4, 5]
    with Repository(folder) as repo:
        best = Run(repo, "tuning").best(by)
        assert best is not None
        assert (best.step, best.metrics["loss"]) == (2, 1.0)
        logged = repo.refs.logged()
        kept = {bytes.fromhex(one.commit) for one in Run(repo, "tuning")}
        assert not logged & kept, "no log keeps a checkpoint: a collection may free what is dropped"


def test_a_collection_frees_what_was_dropped_and_leaves_what_was_kept(folder: Path) -> None:
    training = Training()
    with Saver(folder, "tuning", every=Every(steps=1), keep=Keep(last=1)) as saver:
        for step in range(1, 5):
            training.train()
            saver.step(step, training)
    with Repository(folder) as repo:
        cleaned = repo.gc(grace=0)
        last = Run(repo, "tuning").last()
        assert last is not None
        assert cleaned.collected.objects >= 6, "a commit, a tree and weights of each of two, at least"
        assert np.array_equal(last.tensors()["weights"], training.weights)
        assert not repo.fsck()


def test_a_collection_while_a_checkpoint_is_saved_takes_nothing_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = Run.seal

    def after_collection(self: Run, *args: Any, **named: Any) -> Any:
        with Repository(folder) as other:
            other.gc(grace=0)
        return seal(self, *args, **named)

    monkeypatch.setattr(Run, "seal", after_collection)
    training = Training()
    training.train()
    with Saver(folder, "tuning", every=Every(steps=1), waiting=0) as saver:
        saver.step(1, training)
    with Repository(folder) as repo:
        last = Run(repo, "tuning").last()
        assert last is not None
        assert np.array_equal(last.tensors()["weights"], training.weights)
        assert not repo.fsck()


def test_checkpoints_lead_to_where_the_run_began_and_not_to_each_other(folder: Path) -> None:
    training = Training()
    with Saver(folder, "tuning", every=Every(steps=1)) as saver:
        saver.step(1, training)
        saver.wait()
        begin = saver.repo.head.target
        saver.repo.commit({"weights": np.zeros(3)}, "Something else")
        saver.step(2, training)
        saver.wait()
        assert [saver.repo.objects.commit(bytes.fromhex(one.commit)).parents for one in saver.run] == [
            (begin,)
        ] * 2


def test_revisions_name_checkpoints_and_their_model_is_a_file_like_any(folder: Path) -> None:
    training = Training()
    training.train()
    with Saver(folder, "tuning", fields={"lr": "3e-4"}) as saver:
        saver.save(7, training, metrics={"loss": 0.5})
    with Repository(folder) as repo:
        info = repo.show("checkpoints/tuning/0000000007")
        assert info.commit.metrics == {"loss": 0.5}
        assert info.commit.fields == {"run": "tuning", "step": "7", "lr": "3e-4"}
        model = repo.checkout("checkpoints/tuning/0000000007", file="model.safetensors")
        assert model["weights"].tobytes() == training.weights.tobytes()


def test_loading_whole_objects_takes_no_copy(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    with Repository.init(folder) as repo:  # with nothing in it to store the weights against
        repo.store.configure("compress", "off")
    training = Training()
    training.train()
    with Saver(folder, "tuning", waiting=0) as saver:
        saver.save(1, training)
    with Repository(folder) as repo:
        checkpoint = Run(repo, "tuning").at(1)
        one = checkpoint.load()["model"]["weights"]
        other = checkpoint.state_dict("model")["weights"]
        assert not one.flags.writeable
        assert one.ctypes.data == other.ctypes.data, "both are views of the store's file"
        with pytest.raises(MissingInput, match="no such part"):
            checkpoint.state_dict("optimizer")
        with pytest.raises(MissingInput, match="no such checkpoint"):
            Run(repo, "tuning").at(2)


def test_a_run_goes_forward_until_it_is_rewound(folder: Path) -> None:
    training = Training()
    with Saver(folder, "tuning", every=Every(steps=1), waiting=0) as saver:
        for step in (1, 2, 3):
            saver.step(step, training)
        with pytest.raises(WrongCall, match=r"checkpoints after step 2 .*Rewind"):
            saver.save(2, training)
        assert saver.restore(training, saver.run.at(2)) == 2
        assert saver.run.rewind(2) == [3]
        training.train()
        saver.save(2, training)
        assert [one.step for one in saver.run] == [1, 2]
        assert saver.run.at(2).tensors()["weights"].tobytes() == training.weights.tobytes()


def test_what_cannot_be_kept_is_told_at_once_in_the_training_thread(folder: Path) -> None:
    training = Training()
    training.history = [lambda: 0]  # type: ignore[list-item]
    with (
        Saver(folder, "tuning") as saver,
        pytest.raises(WrongCall, match=r"'progress.history.0' is a"),
    ):
        saver.save(1, training)
    assert steps(folder) == []


def test_an_error_of_the_other_thread_is_raised_in_the_training_thread(folder: Path) -> None:
    training = Training()
    saver = Saver(folder, "tuning")
    saver.save(5, training)
    saver.save(3, training)  # backwards: refused where it is committed
    with pytest.raises(WrongCall, match="after step 3"):
        saver.wait()
    with pytest.raises(WrongCall, match="after step 3"):
        saver.save(6, training)
    saver.close()
    silent = Saver(folder, "tuning")
    silent.save(4, training)
    with pytest.raises(WrongCall, match="after step 4"):
        silent.close()
    assert steps(folder) == [5]


def test_memory_holds_a_bounded_number_of_states(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    save = Run.save

    def slow(self: Run, *args: Any, **options: Any) -> Any:
        gate.wait(20)
        return save(self, *args, **options)

    monkeypatch.setattr(Run, "save", slow)
    training = Training()
    done: list[int] = []
    with Saver(folder, "tuning", waiting=1) as saver:

        def train() -> None:
            for step in (1, 2, 3):
                saver.save(step, training)
                done.append(step)

        # The repository is of the thread that opened it; saving only captures there.
        thread = threading.Thread(target=train)
        thread.start()
        thread.join(0.5)
        assert done == [1, 2], "one is committed, one waits, the third is held"
        gate.set()
        thread.join(20)
        assert done == [1, 2, 3]
    assert steps(folder) == [1, 2, 3]


def test_arrays_that_share_memory_are_copied_once() -> None:
    shared = np.ones(1000, np.float32)
    taken = capture({"model": {"a": shared, "b": shared[:]}, "other": {"c": shared.T}})
    assert {id(array) for array in taken.arrays["model"].values()} == {id(taken.arrays["model"]["a"])}
    assert not np.may_share_memory(taken.arrays["model"]["a"], shared)
    viewed = capture({"model": {"a": shared}}, copy=False)
    assert np.may_share_memory(viewed.arrays["model"]["a"], shared)
    assert viewed.nbytes == 4000


@pytest.mark.parametrize("part", ["", "a/b", "..", "a.b"])
def test_parts_have_plain_names(part: str) -> None:
    with pytest.raises(WrongCall, match="no plain word"):
        capture({part: 1})


@pytest.mark.parametrize("name", ["", "a..b", "-x", "a b", "/x"])
def test_runs_have_names_that_refs_may_have(folder: Path, name: str) -> None:
    with pytest.raises(WrongCall, match="name of a run"):
        Saver(folder, name)


def test_a_commit_that_is_no_checkpoint_is_told_so(folder: Path) -> None:
    with Repository(folder) as repo:
        head = repo.head.target
        repo.refs.move([Move("refs/checkpoints/tuning/0000000001", None, head)], repo.signature(), "test")
        with pytest.raises(MissingInput, match="no training state"):
            Run(repo, "tuning").at(1).load()


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b'{"sapwood_state": 2, "parts": {}}', b'{"sapwood_state": 1, "parts": []}']
)
def test_a_state_that_is_none_is_bad_data(folder: Path, text: bytes) -> None:
    (folder / "state.json").write_bytes(text or b" ")
    with Repository(folder) as repo:
        repo.add([folder / "state.json"])
        repo.commit(message="A state by hand")
        repo.refs.move(
            [Move("refs/checkpoints/tuning/0000000001", None, repo.head.target)], repo.signature(), "test"
        )
        with pytest.raises(BadData):
            Run(repo, "tuning").at(1).load()


def test_two_runs_and_two_processes_do_not_get_into_each_others_way(folder: Path) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[3])
from tests.train.test_run import Training
from sapwood.train.policy import Every
from sapwood.train.saver import Saver
training = Training()
with Saver(sys.argv[1], sys.argv[2], every=Every(steps=1)) as saver:
    for step in range(1, 6):
        training.train()
        saver.step(step, training)
"""
    root = str(Path(__file__).parents[2])
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(folder), name, root]) for name in ("one", "two")
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    assert steps(folder, "one") == steps(folder, "two") == [1, 2, 3, 4, 5]
