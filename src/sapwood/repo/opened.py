"""The parts of an open repository, and what every operation on it asks of them."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sapwood.errors import MissingInput, WrongCall, storage_error
from sapwood.repo.commit import Signature
from sapwood.repo.committing import default_author
from sapwood.repo.database import FILE_NAME, Database
from sapwood.repo.objects import Objects
from sapwood.repo.paths import FOLDER
from sapwood.repo.promised_store import PromisedStore
from sapwood.repo.refs import BRANCHES, HEAD, Head, Refs
from sapwood.repo.resolve import abbreviate, resolve
from sapwood.repo.settings import Settings
from sapwood.repo.staging import Staging
from sapwood.repo.tree import Tree
from sapwood.repo.work_tree import WorkTree
from sapwood.store.kinds import Digest
from sapwood.store.store import Store

__all__ = ["Opened", "PathLike", "Progress"]

PathLike = str | os.PathLike[str]
Progress = Callable[[int, int], None]
"""Called with bytes done and in all."""

_STORE: Final = "store"


class Opened:
    """An open repository, without its operations: see ``sapwood.repo.repository.Repository``.

    Attributes:
        work: The work tree.
        folder: ``.sapwood`` in it.
        store: Contents.
        objects: Commits, trees and tags in the store.
        refs: Branches, tags and HEAD.
        staging: What the next commit will hold.
        settings: Of this repository and its store.
    """

    def __init__(self, path: PathLike = ".") -> None:
        """Open the repository that a folder is in.

        Raises:
            MissingInput: It is in none. BadData, DamagedStore: It is damaged.
            StorageFailure: It cannot be read.
        """
        start = Path(path).absolute()
        root = next((at for at in (start, *start.parents) if (at / FOLDER / FILE_NAME).is_file()), None)
        if root is None:
            raise MissingInput(
                "not in a repository", path=os.fspath(path), advice="Make one with sapwood init."
            )
        self.work = WorkTree(root.resolve())
        self.folder = self.work.root / FOLDER
        self._database = Database(self.folder / FILE_NAME)
        try:
            self.store = PromisedStore.open(self.folder / _STORE)
        except BaseException:
            self._database.close()
            raise
        self.objects = Objects(self.store, self._database)
        self.refs = Refs(self._database)
        self.staging = Staging(self._database)
        self.settings = Settings(self._database, self.store)

    @classmethod
    def init(cls, path: PathLike = ".", *, branch: str = "main") -> Self:
        """Make a repository in a folder, which is made too if it is not there, and open it.

        Raises:
            WrongCall: There is one already. StorageFailure, DiskFull: It cannot be written.
        """
        root = Path(path).absolute()
        folder = root / FOLDER
        if (folder / FILE_NAME).exists():
            raise WrongCall("there is a repository already", path=os.fspath(path))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, str(folder)) from error
        if not (folder / _STORE / "index.sqlite").exists():
            Store.create(folder / _STORE).close()
        # The database comes last: with it the folder is a repository.
        Database(folder / FILE_NAME, create=True).close()
        made = cls(root)
        if branch != "main":
            made.refs.set_head(Head(BRANCHES + branch, None), made.signature(), f"init: on {branch}")
        return made

    def close(self) -> None:
        """Let go of its files. Doing it twice is harmless; arrays that were read stay good."""
        self.objects.settle()
        self.store.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The folder whose files are versioned."""
        return self.work.root

    @property
    def head(self) -> Head:
        """The branch that HEAD is on, and its commit."""
        return self.refs.head

    def signature(self, who: str | None = None) -> Signature:
        """Someone, or who the settings say, at this moment."""
        return Signature.now(who or self.settings.get("user.name") or default_author())

    def resolve(self, revision: str) -> Digest:
        """The commit that a revision means: a branch, a tag, a hash or its beginning, ``HEAD~2``, ``@{1}``.

        Raises:
            UnknownRevision: There is none, or the hash is too short to tell.
        """
        return resolve(revision, self.objects, self.refs)

    def short(self, digest: Digest) -> str:
        """The shortest beginning of a digest that means it alone."""
        return abbreviate(digest, self.objects)

    def tree(self, revision: str | None = HEAD) -> Tree:
        """The files of a commit; None for what is staged."""
        if revision is None:
            return self.staging.tree()
        return self.objects.tree_of(self.resolve(revision))
