"""Operations on commits: making and reading them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sapwood.errors import MissingInput, UnknownRevision, WrongCall
from sapwood.repo.committing import Notes, record
from sapwood.repo.direct_commit import commit_directly
from sapwood.repo.history import ancestors, merge_bases, ordered
from sapwood.repo.listing import CommitInfo, told
from sapwood.repo.opened import Opened
from sapwood.repo.paths import path_fault
from sapwood.repo.refs import HEAD
from sapwood.repo.revision import parse_range
from sapwood.repo.staging import Seen, Staged
from sapwood.store.kinds import Digest
from sapwood.store.leases import Lease

if TYPE_CHECKING:
    from sapwood.patch.tensors import Array
    from sapwood.repo.blame import Blamed, TensorKey
    from sapwood.repo.snapshot import Snapshot

__all__ = ["Commits"]

_DEFAULT_FILE: Final = "model.safetensors"


class Commits(Opened):
    """``commit``, ``log``, ``show``, ``checkout`` and ``blame``."""

    def commit(
        self,
        tensors: "Mapping[str, Array] | Mapping[str, Mapping[str, Array]] | None" = None,
        message: str = "",
        *,
        author: str | None = None,
        metrics: Mapping[str, float] | None = None,
        fields: Mapping[str, str] | None = None,
        file: str = _DEFAULT_FILE,
        amend: bool = False,
        allow_empty: bool = False,
    ) -> str:
        """Commit what is staged, or tensors from memory. Returns the commit's digest in hex.

        It is on the disk when this returns. Several processes may commit at once.

        Args:
            tensors: NumPy or PyTorch arrays by name, which become the safetensors file ``file``; or by file
                several such mappings. All other files stay as they are in HEAD, whatever is staged. No file
                is written, unless one is there as it was committed: that follows.
            message: Why; its first line is the title.
            author: Who made the change, ``Name <address>``.
            metrics: What was measured, by name.
            fields: Free texts by name.
            file: The path of the file that ``tensors`` become.
            amend: Replace the last commit, whose message is kept if none is given.
            allow_empty: Commit though nothing changed.

        Raises:
            WrongCall: There is nothing to commit, or a value cannot be committed.
            StorageFailure, DiskFull: The disk failed; nothing was committed.
        """
        if amend and not message and self.head.target is not None:
            message = self.objects.commit(self.head.target).message
        notes = Notes(
            message, None if author is None else self.signature(author), metrics or {}, fields or {}
        )
        with self.store.lease() as lease:
            made = None if tensors is None else self._put_tensors(lease, tensors, file)
            if made is not None:
                return commit_directly(
                    self, made, notes, lease=lease, amend=amend, allow_empty=allow_empty
                ).hex()
            digest = record(
                self.objects,
                self.refs,
                lambda _before: self.staging.tree(),
                notes,
                by=self.signature(),
                lease=lease,
                amend=amend,
                allow_empty=allow_empty,
            )
        return digest.hex()

    def log(
        self,
        *revisions: str,
        limit: int | None = None,
        file: str | None = None,
    ) -> list[CommitInfo]:
        """Commits, children before parents and newer before older.

        Args:
            revisions: Where to begin, HEAD if none is given; ``a..b`` for what ``b`` has and ``a`` lacks.
            limit: So many at most.
            file: Only those that changed this file.

        Raises:
            UnknownRevision: A revision means no commit.
        """
        if not revisions and self.head.target is None:
            return []
        shown: list[Digest] = []
        hidden: set[Digest] = set()
        for text in revisions or (HEAD,):
            span = parse_range(text)
            if span is None:
                shown.append(self.resolve(text))
                continue
            since, until = self.resolve(span.since), self.resolve(span.until)
            left, right = (ancestors([end], self.objects.commit) for end in (since, until))
            shown += [since, until] if span.symmetric else [until]
            hidden |= left & right if span.symmetric else left
        found = ordered(shown, self.objects.commit, hidden=frozenset(hidden))
        if file is not None:
            found = [digest for digest in found if self._changed(digest, file)]
        return told(self.objects, self.refs, found[:limit])

    def show(self, revision: str = HEAD) -> CommitInfo:
        """One commit.

        Raises:
            UnknownRevision: The revision means none.
        """
        return told(self.objects, self.refs, [self.resolve(revision)])[0]

    def checkout(self, revision: str = HEAD, *, file: str | None = None) -> "Snapshot":
        """The tensors of a commit, or of one file of it, read when they are asked for. Touches no file.

        Raises:
            UnknownRevision: The revision means no commit. MissingInput: It has no such file.
        """
        from sapwood.repo.snapshot import Snapshot  # noqa: PLC0415  most operations read no tensors

        digest = self.resolve(revision)
        return Snapshot(self.store, digest, self.objects.tree_of(digest), file)

    def blame(self, revision: str = HEAD, *, file: str | None = None) -> "list[Blamed]":
        """Which commit gave each tensor of a commit the content it has there.

        Raises:
            UnknownRevision: The revision means no commit. MissingInput: It has no such file.
        """
        from sapwood.repo.blame import blame  # noqa: PLC0415
        from sapwood.repo.snapshot import tensor_digests  # noqa: PLC0415

        start = self.resolve(revision)
        if file is not None and file not in self.objects.tree_of(start).by_path:
            raise MissingInput("the commit has no such file", path=file)
        known: dict[Digest, dict[str, Digest]] = {}

        def tensors(commit: Digest) -> "dict[TensorKey, Digest]":
            found: dict[TensorKey, Digest] = {}
            for entry in self.objects.tree_of(commit):
                if file is not None and entry.path != file:
                    continue
                if entry.recipe not in known:
                    known[entry.recipe] = tensor_digests(self.store, entry.recipe)
                found |= {(entry.path, name): digest for name, digest in known[entry.recipe].items()}
            return found

        return blame(start, self.objects.commit, tensors)

    def merge_base(self, ours: str, theirs: str) -> str:
        """The newest commit that both came from, in hex.

        Raises:
            UnknownRevision: A revision means no commit, or the two have none in common.
        """
        found = merge_bases(self.resolve(ours), self.resolve(theirs), self.objects.commit)
        if not found:
            raise UnknownRevision("have no commit in common", path=f"{ours}, {theirs}")
        return found[0].hex()

    def _changed(self, digest: Digest, file: str) -> bool:
        """Whether a commit holds the file in a state that none of its parents has."""
        here = self.objects.tree_of(digest).by_path.get(file)
        parents = self.objects.commit(digest).parents or (None,)
        return all(self.objects.tree_of(parent).by_path.get(file) != here for parent in parents)

    def _put_tensors(self, lease: Lease, tensors: Mapping[str, Any], file: str) -> list[Staged]:
        """Put arrays as safetensors files; what is to be staged of them."""
        from sapwood.repo.memory_file import put_tensors  # noqa: PLC0415  it brings NumPy

        nested = {isinstance(value, Mapping) for value in tensors.values()}
        if nested == {True, False}:
            raise WrongCall("arrays and files of arrays cannot be mixed in one mapping")
        files: dict[str, Mapping[str, Any]] = dict(tensors) if nested == {True} else {file: tensors}
        before = self.objects.tree_of(self.head.target).by_path
        made = []
        with self.store.writer(lease) as writer:
            for path, arrays in files.items():
                fault = path_fault(path)
                if fault is not None:
                    raise WrongCall(f"the name of a file {fault}", path=path)
                known = before.get(path)
                entry, content = put_tensors(
                    writer, path, arrays, like=None if known is None else known.recipe
                )
                made.append(Staged(entry, Seen.unseen(content, entry.size), wanted=False))
        return made
