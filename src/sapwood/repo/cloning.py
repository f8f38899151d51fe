"""A repository made of a remote."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from sapwood.errors import UnknownRevision, WrongCall
from sapwood.repo.named_remotes import ORIGIN
from sapwood.repo.opened import PathLike, Progress
from sapwood.repo.refs import BRANCHES, HEAD, REMOTES, Head, short_name
from sapwood.repo.remotes import SYMBOLIC, Remotes

__all__ = ["Cloning"]


class Cloning(Remotes):
    """``clone``."""

    @classmethod
    def clone(
        cls,
        url: str,
        folder: PathLike,
        *,
        branch: str | None = None,
        depth: int | None = None,
        only: Iterable[str] = (),
        lazy: bool = False,
        checkout: bool = True,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Make a repository with the history of a remote, which is its ``origin``, and open it.

        Args:
            url: A folder, or an http(s), s3, gs or az URL.
            folder: Where to; new or empty.
            branch: The branch to be on; the remote's own by default.
            depth: Only the files of so many of the newest commits; the others can be fetched later.
            only: Only these files or folders.
            lazy: Files come when they are asked for.
            checkout: Write the files of the branch into the folder.
            options: For the object store.
            progress: Called with bytes fetched and in all.

        Raises:
            WrongCall: The folder has files in it. RemoteFailure: The remote failed.
            UnknownRevision: It has no such branch.
        """
        place = Path(folder)
        if place.exists() and any(place.iterdir()):
            raise WrongCall("the folder has files in it", path=str(folder), advice="Name a new folder.")
        repo = cls.init(folder)
        try:
            repo.add_remote(ORIGIN, url, options)
            if lazy or depth is not None or tuple(only):
                repo._promise(ORIGIN)  # noqa: SLF001  it is one of ours
            _, opened = repo._remote(ORIGIN)  # noqa: SLF001
            head = opened.refs().get(HEAD, "").removeprefix(SYMBOLIC)
            repo.fetch(ORIGIN, depth=depth, only=only, lazy=lazy, progress=progress)
            wanted = branch or (short_name(head) if head.startswith(BRANCHES) else "main")
            target = repo.refs.get(f"{REMOTES}{ORIGIN}/{wanted}")
            if target is None and branch is not None:
                raise UnknownRevision("the remote has no such branch", path=branch)
            if target is not None:
                repo._begin_at(Head(BRANCHES + wanted, target), only=only, checkout=checkout)  # noqa: SLF001
        except BaseException:
            repo.close()
            raise
        return repo
