"""The git checkout that a folder is in, asked through the command ``git``."""

import os
import subprocess
from pathlib import Path
from typing import Final

from sapwood.errors import MissingDependency, MissingInput, StorageFailure
from sapwood.git.pointer import MAX_BYTES, Pointer, parse_pointer

__all__ = ["GitCheckout"]

_STORE: Final = ("sapwood", "store")


class GitCheckout:
    """A work tree of git.

    Attributes:
        root: Its topmost folder.
        store: Where Sapwood's store is: in the git folder, so that all work trees share it.
    """

    def __init__(self, path: str | os.PathLike[str] = ".") -> None:
        """Find the work tree that a folder is in.

        Raises:
            MissingDependency: git is not installed. MissingInput: The folder is in no work tree of git.
        """
        self._folder = Path(path).absolute()
        asked = self._run("rev-parse", "--show-toplevel", "--git-common-dir")
        # A folder's name may hold a line feed; the second answer of these never does where it is relative.
        root, _, common = os.fsdecode(asked.stdout).removesuffix("\n").rpartition("\n")
        if asked.returncode != 0 or not root:
            raise MissingInput(
                "not in a work tree of git", path=os.fspath(path), advice="Make one with git init."
            )
        self.root = Path(root)
        self.store = (self._folder / common).resolve().joinpath(*_STORE)

    def configure(self, name: str, value: str) -> None:
        """Set a variable of this repository's configuration.

        Raises:
            StorageFailure: git could not.
        """
        self._must("config", "--local", name, value)

    def forget(self, section: str) -> bool:
        """Remove a section of this repository's configuration; whether there was one."""
        return self._run("config", "--local", "--remove-section", section).returncode == 0

    def pointer(self, path: str) -> Pointer | None:
        """The pointer that is staged under a path from the root, else the one in HEAD; None without one."""
        for revision in (":0:", "HEAD:"):
            command = ("git", "cat-file", "blob", f"{revision}{path}")
            with subprocess.Popen(  # noqa: S603  no shell, and no option: the revision stands before the path
                command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as asked:
                assert asked.stdout is not None  # noqa: S101  it was asked for
                # What was committed before there were pointers may be large.
                found = parse_pointer(asked.stdout.read(MAX_BYTES + 1))
                asked.stdout.close()
            if found is not None:
                return found
        return None

    def _must(self, *arguments: str) -> None:
        ran = self._run(*arguments)
        if ran.returncode != 0:
            said = os.fsdecode(ran.stderr).strip()
            raise StorageFailure(f"git {arguments[0]} failed: {said}", path=str(self.root))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(  # noqa: S603  no shell
                ("git", *arguments),  # noqa: S607  the user's git is meant
                cwd=self._folder,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            if not self._folder.is_dir():
                raise MissingInput("no such folder", path=str(self._folder)) from error
            raise MissingDependency("git is not installed", advice="Install git.") from error
