"""The checkpoints of one training run in a repository.

Each checkpoint is a commit of its own, under a ref of its own, ``refs/checkpoints/RUN/STEP``. Its parent is
the commit that HEAD was at when the run was first saved, and not the checkpoint before it: a checkpoint that
is no longer kept loses its ref, nothing else leads to it, and a collection frees what it alone held. As
objects go each checkpoint is stored against the one before.

In the commit: ``PART.safetensors`` for the arrays of each part, so that ``model.safetensors`` is a file as
any other, and ``state.json`` for all the rest.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from sapwood.errors import BadData, LimitExceeded, MissingInput, WrongCall
from sapwood.formats import opaque
from sapwood.formats.model import ModelFile
from sapwood.repo.commit import Signature
from sapwood.repo.committing import Notes, put_commit
from sapwood.repo.memory_file import put_tensors
from sapwood.repo.refs import Move, name_fault
from sapwood.repo.tree import Entry, Tree
from sapwood.store.kinds import Digest
from sapwood.store.leases import Lease
from sapwood.store.model_objects import get_recipe, put_model_file, write_model_file
from sapwood.train.capture import Captured
from sapwood.train.policy import Best, Keep, Saved
from sapwood.train.values import unpack

if TYPE_CHECKING:
    from sapwood.repo.repository import Repository
    from sapwood.repo.snapshot import Snapshot

__all__ = ["STATE_FILE", "Checkpoint", "Run"]

FOLDER: Final = "refs/checkpoints/"
STATE_FILE: Final = "state.json"
_VERSION: Final = 1
_STEP_DIGITS: Final = 10
_STEP = re.compile(r"[0-9]{10}")
# Half a million plain values; weights are not in it.
MAX_STATE_BYTES: Final = 64 << 20


class Checkpoint:
    """One checkpoint; reads nothing before it is asked.

    Attributes:
        step: Steps of the run before it.
        commit: The digest of its commit, in hex.
    """

    def __init__(self, repo: "Repository", run: str, step: int, digest: Digest) -> None:
        self.run, self.step, self.commit = run, step, digest.hex()
        self._repo, self._digest = repo, digest

    @property
    def metrics(self) -> Mapping[str, float]:
        """What was measured."""
        return self._repo.objects.commit(self._digest).metrics

    @property
    def fields(self) -> Mapping[str, str]:
        """What else the commit says."""
        return self._repo.objects.commit(self._digest).fields

    def tensors(self, part: str = "model", *, folder: str = "") -> "Snapshot":
        """The arrays of a part by name, each read when it is asked for; whole objects without a copy.

        Raises:
            MissingInput: The checkpoint has no arrays of such a part.
        """
        return self._repo.checkout(self.commit, file=f"{folder}{part}.safetensors")

    def load(self, *, folder: str = "", views: bool = False) -> dict[str, Any]:
        """The state as it was captured, part by part.

        NumPy arrays are read-only views of the store's files, without a copy, where these hold them as they
        are (see the store's setting ``compress``).

        Args:
            folder: Of one process, in a checkpoint of several.
            views: PyTorch tensors are such views as well. They cannot say that they are read-only, and to
                write to one ends the process: an optimizer would, for it keeps what it is given. Good for
                models, whose ``load_state_dict`` copies, and for comparing.

        Raises:
            BadData: The checkpoint is none, or damaged.
        """
        return {
            part: self._unpacked(part, told, folder, views) for part, told in self._documents(folder).items()
        }

    def state_dict(self, part: str, *, folder: str = "", views: bool = False) -> Any:
        """One part of the state, as ``load`` gives it.

        Raises:
            MissingInput: The checkpoint has no such part.
        """
        documents = self._documents(folder)
        if part not in documents:
            raise MissingInput("the checkpoint has no such part", path=part, found=", ".join(documents))
        return self._unpacked(part, documents[part], folder, views)

    def write_file(self, path: str, sink: BinaryIO) -> int:
        """Write one of its files as it is committed; its bytes.

        Raises:
            MissingInput: It has no such file. MissingObject, DamagedStore: It cannot be read.
        """
        entry = self._repo.objects.tree_of(self._digest).by_path.get(path)
        if entry is None:
            raise MissingInput("the checkpoint has no such file", path=path)
        return write_model_file(self._repo.store, entry.recipe, sink).size

    def folders(self) -> list[str]:
        """Where states are in it: ``[""]``, or one folder a process."""
        names = (entry.path for entry in self._repo.objects.tree_of(self._digest))
        return [name.removesuffix(STATE_FILE) for name in names if name.rpartition("/")[2] == STATE_FILE]

    def _unpacked(self, part: str, document: Any, folder: str, views: bool) -> Any:
        arrays: list[Snapshot] = []

        def fetch(name: str) -> Any:
            if not arrays:
                arrays.append(self.tensors(part, folder=folder))
            if name not in arrays[0]:
                raise BadData(f"the checkpoint lacks array {name!r} of part {part!r}", path=self.commit)
            return arrays[0][name]

        return unpack(document, fetch, views=views)

    def _documents(self, folder: str) -> dict[str, Any]:
        path = folder + STATE_FILE
        entry = self._repo.objects.tree_of(self._digest).by_path.get(path)
        if entry is None:
            raise MissingInput("the commit holds no training state", path=f"{self.commit[:7]}:{path}")
        if entry.size > MAX_STATE_BYTES:
            raise LimitExceeded("a training state is too large", expected=MAX_STATE_BYTES, found=entry.size)
        store = self._repo.store
        data = b"".join(store.read(item.digest) for item in get_recipe(store, entry.recipe).items)
        try:
            told = json.loads(data)
            version, parts = told["sapwood_state"], told["parts"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise BadData("not a training state", path=f"{self.commit[:7]}:{path}") from error
        if version != _VERSION or not isinstance(parts, dict):
            raise BadData("a training state of a newer Sapwood", expected=_VERSION, found=version)
        return parts


class Run:
    """A training run by name. Of one thread, as its repository is."""

    def __init__(self, repo: "Repository", name: str) -> None:
        """Nothing needs to be there yet.

        Raises:
            WrongCall: No run may be called so.
        """
        fault = name_fault(FOLDER + name)
        if fault is not None or not name:
            raise WrongCall(f"the name of a run {fault or 'is empty'}", found=name)
        self.repo, self.name = repo, name
        self._prefix = f"{FOLDER}{name}/"

    def __iter__(self) -> Iterator[Checkpoint]:
        """Its checkpoints, by their steps."""
        for ref, digest in self.repo.refs.all(self._prefix).items():
            step = ref.removeprefix(self._prefix)
            if _STEP.fullmatch(step):
                yield Checkpoint(self.repo, self.name, int(step), digest)

    def last(self) -> Checkpoint | None:
        """The one with the highest step; None if there is none."""
        return max(self, key=lambda one: one.step, default=None)

    def best(self, by: Best) -> Checkpoint | None:
        """The best; None if none has the metric."""
        able = [one for one in self if by.worth(one.metrics) > float("-inf")]
        return max(able, key=lambda one: (by.worth(one.metrics), one.step), default=None)

    def at(self, step: int) -> Checkpoint:
        """The one after so many steps.

        Raises:
            MissingInput: There is none.
        """
        digest = self.repo.refs.get(self._ref(step))
        if digest is None:
            raise MissingInput("the run has no such checkpoint", path=self.name, expected=step)
        return Checkpoint(self.repo, self.name, step, digest)

    def saved(self) -> list[Saved]:
        """What decisions need of each checkpoint."""
        return [Saved(one.step, one.metrics) for one in self]

    def save(
        self,
        captured: Captured,
        *,
        step: int,
        metrics: Mapping[str, float] | None = None,
        fields: Mapping[str, str] | None = None,
        keep: Keep = Keep(),  # noqa: B008  it is a constant
    ) -> Checkpoint:
        """Commit a state; what ``keep`` does not name is dropped in the very transaction that adds it.

        A checkpoint of the same step is replaced; a run only goes forward: see ``rewind``. It is on the disk
        when this returns.

        Raises:
            WrongCall: A number or text cannot be in a commit. StorageFailure, DiskFull: Nothing was
                committed.
        """
        with self.repo.store.lease() as lease:
            entries = self.put(captured, lease)
            return self.seal(entries, step=step, metrics=metrics, fields=fields, keep=keep)

    def put(self, captured: Captured, lease: Lease, *, folder: str = "") -> list[Entry]:
        """Put a state's files into the store, as later versions of the last checkpoint's.

        The lease keeps them from collection until a ref leads to them.
        """
        known = self._newest_tree().by_path
        document = {"sapwood_state": _VERSION, "parts": captured.documents}
        told = memoryview(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
        entries = []
        with self.repo.store.writer(lease) as writer:
            for part, arrays in captured.arrays.items():
                path = f"{folder}{part}.safetensors"
                before = known.get(path)
                entry, _ = put_tensors(writer, path, arrays, like=None if before is None else before.recipe)
                entries.append(entry)
            path = folder + STATE_FILE
            before = known.get(path)
            recipe = put_model_file(
                writer,
                ModelFile(path, told, opaque.read(told)),
                like=None if before is None else before.recipe,
            )
            entries.append(Entry(path, recipe, len(told)))
        return entries

    def seal(
        self,
        entries: list[Entry],
        *,
        step: int,
        metrics: Mapping[str, float] | None = None,
        fields: Mapping[str, str] | None = None,
        keep: Keep = Keep(),  # noqa: B008  it is a constant
    ) -> Checkpoint:
        """Commit files that ``put`` has put. Raises as ``save`` does."""
        if not 0 <= step < 10**_STEP_DIGITS:
            raise WrongCall("a step is a number of up to ten digits", found=step)
        repo, metrics = self.repo, dict(metrics or {})
        by = repo.signature()
        told = {"run": self.name, "step": str(step), **(fields or {})}
        notes = Notes(f"Checkpoint {self.name} at step {step}", None, metrics, told)
        with repo.store.lease() as lease, repo.refs.transaction():
            digest = put_commit(repo.objects, Tree.of(entries), self._origin(), notes, by=by, lease=lease)
            others = [one for one in self.saved() if one.step != step]
            later = [one.step for one in others if one.step > step]
            if later:
                raise WrongCall(
                    f"run {self.name} has checkpoints after step {step}",
                    found=max(later),
                    advice="Rewind the run to drop them, or save under another name.",
                )
            self._move({step: digest, **dict.fromkeys(keep.dropped([*others, Saved(step, metrics)]))}, by)
        return Checkpoint(repo, self.name, step, digest)

    def rewind(self, step: int) -> list[int]:
        """Drop the checkpoints after this step, so that the run can go on from it; their steps."""
        with self.repo.refs.transaction():
            later = [one.step for one in self if one.step > step]
            self._move(dict.fromkeys(later), self.repo.signature())
        return later

    def _move(self, steps: Mapping[int, Digest | None], by: Signature) -> None:
        refs = {self._ref(step): digest for step, digest in steps.items()}
        moves = [Move(ref, self.repo.refs.get(ref), digest) for ref, digest in refs.items()]
        # Without a log: it would keep from collection what is dropped here.
        self.repo.refs.move(moves, by, f"checkpoint: {self.name}", log=False)

    def _origin(self) -> tuple[Digest, ...]:
        """Where the run began: what its other checkpoints say, else HEAD."""
        for one in self:
            return self.repo.objects.commit(bytes.fromhex(one.commit)).parents
        head = self.repo.head.target
        return () if head is None else (head,)

    def _newest_tree(self) -> Tree:
        newest = self.last()
        if newest is not None:
            return self.repo.objects.tree_of(bytes.fromhex(newest.commit))
        return self.repo.objects.tree_of(self.repo.head.target)

    def _ref(self, step: int) -> str:
        return f"{self._prefix}{step:0{_STEP_DIGITS}}"
